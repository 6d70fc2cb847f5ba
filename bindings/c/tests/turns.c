/* Answers turn requests without an engine: one line of JSON in, one line out. `{"fresh":true}` forgets all
 * live executions. What cannot be answered is printed as {"failed": Failure}.
 *
 *     turns SAMPLE < requests > answers
 */
#include "host.h"
#include "samples.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const sample *find(const char *name, size_t size) {
  for (const sample *each = samples; each->name != NULL; each++) {
    if (strlen(each->name) == size && memcmp(each->name, name, size) == 0) return each;
  }
  fprintf(stderr, "turns: there is no sample '%.*s'\n", (int)size, name);
  exit(1);
}

int main(int count, char **arguments) {
  char *line = NULL;
  size_t capacity = 0;
  ssize_t size;
  host *host = NULL;
  const sample *current = count > 1 ? find(arguments[1], strlen(arguments[1])) : NULL;
  while ((size = getline(&line, &capacity, stdin)) > 0) {
    if (line[0] == '#') { /* the name of a sample: from here on, a new host of it */
      current = find(line + 1, (size_t)size - 2);
      if (host != NULL) host_free(host);
      host = NULL;
      continue;
    }
    if (current == NULL) return 1;
    if (host == NULL) host = host_new(current->run, &(dx_orch_options){.cached = 10});
    if (host == NULL) return 1;
    growing_text out = {0}, failure = {0};
    /* A copy that ends where the request ends: a sanitizer sees what reads beyond it. */
    char *exact = malloc((size_t)size - 1);
    if (exact == NULL) return 1;
    memcpy(exact, line, (size_t)size - 1);
    host_answer(host, (dx_text){exact, (size_t)size - 1}, &out, &failure);
    free(exact);
    if (failure.size > 0) {
      printf("{\"failed\":%s}\n", failure.data);
    } else {
      printf("%s\n", out.data);
    }
    fflush(stdout);
    text_free(&out);
    text_free(&failure);
  }
  if (host != NULL) host_free(host);
  free(line);
  return 0;
}
