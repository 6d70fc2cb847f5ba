/* The engine without a language around it: what C hosts pay, and what the other languages are measured
 * against.
 *
 *     bench STORE-URL [quick]
 *     bench STORE-URL serve     runs what others start, until its input ends
 *
 * Prints lines of `WORKLOAD NAME c VALUE UNIT`. With benchmarks/c/sync_counter.c preloaded it counts syncs
 * too. */
#include "host.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

typedef struct usage {
  double wall, processor;
  unsigned long syncs;
} usage;

static unsigned long (*sync_count)(void);

static usage usage_now(void) {
  struct rusage spent;
  getrusage(RUSAGE_SELF, &spent);
  usage now = {seconds_now(), 0, sync_count != NULL ? sync_count() : 0};
  now.processor = (double)(spent.ru_utime.tv_sec + spent.ru_stime.tv_sec) +
                  (double)(spent.ru_utime.tv_usec + spent.ru_stime.tv_usec) / 1e6;
  return now;
}

static double resident_mebibytes(void) {
  long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file == NULL || fscanf(file, "%*d %ld", &pages) != 1) pages = 0;
  if (file != NULL) fclose(file);
  return (double)pages * (double)sysconf(_SC_PAGESIZE) / (1024 * 1024);
}

static void report(const char *workload, const char *name, double value, const char *unit) {
  printf("%s %s c %.3f %s\n", workload, name, value, unit);
  fflush(stdout);
}

/* W1: many at once, each with one activity. */
static void many_at_once(host *host, int count) {
  char prefix[32], name[64];
  snprintf(prefix, sizeof prefix, "w1-%d-", count);
  usage begin = usage_now();
  host_start_many(host, "hello", prefix, count, 1);
  host_wait_many(host, prefix, count);
  usage end = usage_now();
  snprintf(name, sizeof name, "%d-at-once", count);
  report("W1", name, count / (end.wall - begin.wall), "orchestrations/s");
  snprintf(name, sizeof name, "%d-at-once-cpu", count);
  report("W1", name, (end.processor - begin.processor) / count * 1e6, "us/orchestration");
  if (sync_count == NULL) return;
  snprintf(name, sizeof name, "%d-at-once-syncs", count);
  report("W1", name, (double)(end.syncs - begin.syncs) / count, "syncs/orchestration");
}

static int ascending(const void *one, const void *other) {
  double a = *(const double *)one, b = *(const double *)other;
  return (a > b) - (a < b);
}

/* W1 alone: from the call that starts it to the callback that says it ended. */
static void one_alone(host *host, int count) {
  double *latencies = calloc((size_t)count, sizeof *latencies);
  char prefix[32];
  if (latencies == NULL) abort();
  usage begin = usage_now();
  for (int i = 0; i < count; i++) {
    snprintf(prefix, sizeof prefix, "alone-%d-", i);
    double start = seconds_now();
    host_start_many(host, "hello", prefix, 1, 1);
    host_wait_many(host, prefix, 1);
    latencies[i] = (seconds_now() - start) * 1e3;
  }
  usage end = usage_now();
  qsort(latencies, (size_t)count, sizeof *latencies, ascending);
  report("W1", "alone-p50", latencies[count / 2], "ms");
  report("W1", "alone-p99", latencies[count * 99 / 100], "ms");
  if (sync_count != NULL) {
    report("W1", "alone-syncs", (double)(end.syncs - begin.syncs) / count, "syncs/orchestration");
  }
  free(latencies);
}

/* W3: one activity after the other; the time of a step must not grow with the length. */
static void chain(host *host, int length) {
  char prefix[32], name[32];
  snprintf(prefix, sizeof prefix, "chain-%d-", length);
  usage begin = usage_now();
  host_start_many(host, "chain", prefix, 1, length);
  host_wait_many(host, prefix, 1);
  usage end = usage_now();
  snprintf(name, sizeof name, "chain-%d", length);
  report("W3", name, (end.wall - begin.wall) / length * 1e3, "ms/step");
  snprintf(name, sizeof name, "chain-%d-cpu", length);
  report("W3", name, (end.processor - begin.processor) / length * 1e6, "us/step");
}

/* W4: all activities at once, then the join. */
static void fan_out(host *host, int width) {
  char prefix[32], name[32];
  snprintf(prefix, sizeof prefix, "fan-%d-", width);
  usage begin = usage_now();
  host_start_many(host, "fan", prefix, 1, width);
  host_wait_many(host, prefix, 1);
  snprintf(name, sizeof name, "fan-%d", width);
  report("W4", name, (usage_now().wall - begin.wall) * 1e3, "ms");
}

/* W8: instances that wait for an event cost nothing while they do. */
static void parked(host *host, int count, unsigned seconds) {
  int before = atomic_load(&host->turns);
  char name[32];
  host_start_many(host, "park", "park-", count, 0);
  for (int i = 0; i < 3000 && atomic_load(&host->turns) - before < count; i++) usleep(10000);
  // At rest: what the load left over of memory has gone back to the system, as each ten seconds.
  sleep(seconds + 1);
  usage begin = usage_now();
  sleep(seconds);
  usage end = usage_now();
  snprintf(name, sizeof name, "%d-parked-cpu", count);
  report("W8", name, (end.processor - begin.processor) / (end.wall - begin.wall) * 60, "s/min");
  snprintf(name, sizeof name, "%d-parked-rss", count);
  report("W8", name, resident_mebibytes(), "MiB");
}

int main(int count, char **arguments) {
  bool quick = count > 2 && strcmp(arguments[2], "quick") == 0;
  host host;
  if (count < 2) {
    fprintf(stderr, "bench: which store? bench sqlite:PATH [quick | serve]\n");
    return 1;
  }
  *(void **)&sync_count = dlsym(RTLD_DEFAULT, "sync_count");
  host_start(&host, arguments[1]);
  if (count > 2 && strcmp(arguments[2], "serve") == 0) {
    char ignored[64];
    while (read(0, ignored, sizeof ignored) > 0) continue;
    host_free(&host);
    return 0;
  }
  report("W8", "rss-at-start", resident_mebibytes(), "MiB");
  one_alone(&host, quick ? 20 : 200);
  many_at_once(&host, quick ? 200 : 2000);
  if (!quick) many_at_once(&host, 10000);
  for (int length = 10; length <= (quick ? 100 : 1000); length *= 10) chain(&host, length);
  if (!quick) chain(&host, 5000);
  fan_out(&host, quick ? 100 : 1000);
  parked(&host, quick ? 100 : 2000, quick ? 1 : 10);
  host_free(&host);
  return 0;
}
