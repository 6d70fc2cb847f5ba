/* One host on several threads, which also get turns of the same instance at once (the engine may give a turn
 * up and send another one). Each answer is the right one or a miss. For the thread sanitizer. */
#include "host.h"
#include "samples.h"

#include "check.h"

#define THREADS 4
#define ROUNDS 400
#define INSTANCES 8 /* of which the host keeps half */

static host *shared;
static int wrong;

static dx_text ask(growing_text *request, int instance, int turn, int from, const char *events) {
  text_clear(request);
  text_format(request,
              "{\"v\":1,\"turn\":%d,\"instance\":\"i-%d\",\"execution\":1,\"orchestration\":\"sequence\","
              "\"version\":\"1.0.0\",\"from\":%d,\"replayed\":0,\"events\":[%s]}",
              turn, instance, from, events);
  return (dx_text){request->data, request->size};
}

/* The answer has this in it, or is a miss where that may be. */
static void expect(const growing_text *answer, const char *part, bool may_miss) {
  bool right = strstr(answer->data, part) != NULL;
  bool missed = may_miss && strcmp(answer->data, "{\"v\":1,\"miss\":true}") == 0;
  if (!right && !missed) __atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
}

static void *work(void *seed) {
  static const char started[] = "{\"id\":1,\"at\":1,\"kind\":\"OrchestrationStarted\",\"input\":1}";
  static const char first[] = "{\"id\":2,\"at\":2,\"kind\":\"ActivityCompleted\",\"action\":1,\"result\":2}";
  unsigned state = *(unsigned *)seed;
  growing_text request = {0}, answer = {0}, failure = {0};
  for (int i = 0; i < ROUNDS; i++) {
    int instance = rand_r(&state) % INSTANCES;
    text_clear(&answer);
    host_answer(shared, ask(&request, instance, 2 * i, 0, started), &answer, &failure);
    expect(&answer, "\"name\":\"A\",\"input\":1}],\"retained\":true", false);
    text_clear(&answer);
    host_answer(shared, ask(&request, instance, 2 * i + 1, 1, first), &answer, &failure);
    expect(&answer, "\"name\":\"B\",\"input\":2}],\"retained\":true", true);
  }
  if (failure.size > 0) __atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
  text_free(&request);
  text_free(&answer);
  text_free(&failure);
  return NULL;
}

int main(void) {
  pthread_t threads[THREADS];
  unsigned seeds[THREADS];
  shared = host_new(samples[0].run, &(dx_orch_options){.cached = INSTANCES / 2});
  for (unsigned i = 0; i < THREADS; i++) {
    seeds[i] = i + 1;
    if (pthread_create(&threads[i], NULL, work, &seeds[i]) != 0) return 1;
  }
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  host_free(shared);
  check_that(wrong == 0, "turns of the same instances on several threads", "an answer is wrong");
  return checks_done();
}
