/* Orchestrations with one activity each, one batch after the other, on a host that keeps nothing: what
 * memory, threads and files the process has after each batch.
 *
 *     flood STORE-URL COUNT BATCH
 *
 * Prints lines of `COUNT-SO-FAR RESIDENT-BYTES THREADS FILES`. */
#include "../../benchmarks/c/host.h"
#include "entries.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static long resident_bytes(void) {
  long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file == NULL || fscanf(file, "%*d %ld", &pages) != 1) abort();
  fclose(file);
  return pages * sysconf(_SC_PAGESIZE);
}

int main(int count, char **arguments) {
  host host;
  char prefix[32];
  int total = count > 2 ? atoi(arguments[2]) : 1000, batch = count > 3 ? atoi(arguments[3]) : 500;
  host_start(&host, count > 1 ? arguments[1] : "memory:");
  for (int done = 0; done < total; done += batch) {
    snprintf(prefix, sizeof prefix, "flood-%d-", done);
    host_start_many(&host, "hello", prefix, batch, 1);
    host_wait_many(&host, prefix, batch);
    printf("%d %ld %d %d\n", done + batch, resident_bytes(), entries("/proc/self/task"),
           entries("/proc/self/fd") - 1); /* without the folder itself */
    fflush(stdout);
  }
  host_free(&host);
  return 0;
}
