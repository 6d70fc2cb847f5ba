/* Memory is short: the n-th allocation of a turn fails, for each n there is. A turn is answered as ever, or
 * given back with a sentence; nothing else happens, and the turn after it goes on. Links with --wrap of
 * malloc, calloc and realloc, so that only the sources of the binding are starved. */
#include "host.h"
#include "samples.h"

#include "check.h"

static long until = -1; /* allocations that succeed; negative: all */
static bool failed_one;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static bool starves(void) {
  if (until != 0) {
    if (until > 0) until--;
    return false;
  }
  failed_one = true;
  return true;
}

void *__wrap_malloc(size_t size) { return starves() ? NULL : __real_malloc(size); }
void *__wrap_calloc(size_t count, size_t size) { return starves() ? NULL : __real_calloc(count, size); }
void *__wrap_realloc(void *old, size_t size) { return starves() ? NULL : __real_realloc(old, size); }

#define BEGIN                                                                                             \
  "{\"v\":1,\"turn\":1,\"instance\":\"i\",\"execution\":1,\"orchestration\":\"o\",\"version\":\"1.0.0\"," \
  "\"replayed\":0,"                                                                                       \
  "\"patches\":[\"p1\"],\"kv\":[{\"key\":\"n\",\"value\":1,\"at\":1}],\"from\":"
#define STARTED "{\"id\":1,\"at\":1,\"kind\":\"OrchestrationStarted\",\"input\":1}"
#define ANSWERED(id, action) \
  "{\"id\":" #id ",\"at\":1,\"kind\":\"ActivityCompleted\",\"action\":" #action ",\"result\":\"r\"}"
#define MESSAGE(id, kind, name) \
  "{\"id\":" #id ",\"at\":1,\"kind\":\"" kind "\",\"name\":\"" name "\",\"data\":1,\"call\":\"c\"}"
#define CANCELLED(id) "{\"id\":" #id ",\"at\":1,\"kind\":\"CancellationRequested\",\"reason\":\"r\"}"
#define FAILED(id, action)                                                   \
  "{\"id\":" #id ",\"at\":1,\"kind\":\"ActivityFailed\",\"action\":" #action \
  ",\"failure\":{\"type\":\"T\",\"message\":\"m\"}}"

static const struct {
  const char *sample, *events;
} rows[] = {
    {"sequence", STARTED "," ANSWERED(2, 1) "," ANSWERED(3, 2)},
    {"fan-out", STARTED "," ANSWERED(2, 2) "," CANCELLED(3)},
    {"race", STARTED "," MESSAGE(2, "EventRaised", "go")},
    {"early-event",
     STARTED "," MESSAGE(2, "EventRaised", "go") ",{\"id\":3,\"at\":1,\"kind\":\"TimerFired\",\"action\":1}"},
    {"retry", STARTED "," FAILED(2, 1) "," FAILED(3, 2) "," FAILED(4, 3)},
    {"retry-policy", STARTED},
    {"cancel-cleanup", STARTED "," CANCELLED(2) "," ANSWERED(3, 3)},
    {"kv", STARTED ",{\"id\":2,\"at\":9999,\"kind\":\"TimerFired\",\"action\":4}"},
    {"calls", STARTED "," MESSAGE(2, "CallReceived", "add") "," MESSAGE(
                  3, "CallReceived", "work") "," MESSAGE(4, "EventRaised", "stop")},
    {"patch", STARTED "," ANSWERED(2, 2)},
    {"child", STARTED},
    {"limit", STARTED},
    {"continue-as-new", STARTED},
};

static dx_orch_fn sample_of(const char *name) {
  const sample *each = samples;
  while (each->name != NULL && strcmp(each->name, name) != 0) each++;
  return each->run;
}

/* One turn with so many allocations; whether one failed. */
static bool starve(host *host, const char *request, long allocations, const char *wanted, char *why,
                   size_t capacity) {
  growing_text answer = {0}, failure = {0};
  dx_text whole = {request, strlen(request)};
  failed_one = false;
  until = allocations;
  host_answer(host, whole, &answer, &failure);
  until = -1;
  bool good = answer.size > 0 && !answer.failed && failure.size == 0;
  bool gave_back = failure.size > 0 || failure.failed || answer.failed || answer.size == 0;
  if (good && strcmp(answer.data, wanted) != 0) {
    /* That the execution could not be kept is known after the answer is written, or before. */
    char *kept = strstr(answer.data, "\"retained\"");
    if (kept == NULL || strncmp(answer.data, wanted, (size_t)(kept - answer.data)) != 0) {
      snprintf(why, capacity, "after %ld allocations: %.300s", allocations, answer.data);
    }
  }
  if (!good && (!gave_back || !failed_one))
    snprintf(why, capacity, "after %ld allocations: nothing was said", allocations);
  text_free(&answer);
  text_free(&failure);
  return failed_one;
}

int main(void) {
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char request[2000], why[400] = "";
    growing_text wanted = {0}, failure = {0};
    snprintf(request, sizeof request, "%s0,\"events\":[%s]}", BEGIN, rows[i].events);
    host *host = host_new(sample_of(rows[i].sample), NULL);
    if (host == NULL) return 1;
    dx_text whole = {request, strlen(request)};
    host_answer(host, whole, &wanted, &failure);
    check_that(wanted.size > 0 && failure.size == 0, rows[i].sample,
               "it is not answered with all memory there is");
    long allocations = 0;
    while (starve(host, request, allocations, wanted.data, why, sizeof why) && allocations < 100000)
      allocations++;
    check_that(allocations > 5, rows[i].sample, "no allocation failed");
    check_that(why[0] == '\0', rows[i].sample, why);
    text_free(&wanted);
    text_free(&failure);
    host_free(host);
  }
  return checks_done();
}
