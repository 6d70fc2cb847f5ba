/* Hammers the ABI from eight threads and then asks what became of it all.
 *
 *     hammer STORE-URL ROUNDS SEED
 *
 * Each thread makes ROUNDS calls chosen by chance: starts, events, cancels, waits, management, queries,
 * clients, runtimes and stores that come and go, handles that were freed. In the middle both runtimes on the
 * store are replaced. Then everything that was acknowledged must have ended, once and with the right result;
 * at last the store is closed under calls that go on. */
#include "hammer.h"

#include "dx_json.h"

#include <unistd.h>

#define THREADS 8
#define LONGEST_WAIT_MS 20000

static const char *url;
static int rounds, passed, failed;
static atomic_int rounds_done;
static atomic_bool closing;

static void check_that(bool condition, const char *what, int figure) {
  if (condition) passed++;
  if (!condition) failed++;
  printf(condition ? "ok %s (%d)\n" : "FAIL %s: %d\n", what, figure);
  fflush(stdout);
}

static void *hammer_on(void *given) {
  hammer *h = given;
  for (int i = 0; i < rounds; i++) {
    hammer_once(h);
    atomic_fetch_add(&rounds_done, 1);
  }
  return NULL;
}

/* ---- The rest of the program ----------------------------------------------------------------------------
 */

static void pause_ms(long ms) {
  struct timespec moment = {ms / 1000, ms % 1000 * 1000 * 1000};
  nanosleep(&moment, NULL);
}

/* Equal by the end, or after `limit_ms`. */
static void settle(atomic_int *one, atomic_int *other, int limit_ms) {
  for (int waited = 0; atomic_load(one) != atomic_load(other) && waited < limit_ms; waited += 5) pause_ms(5);
}

typedef struct verdict {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  int answered, wrong;
  char suspect[64]; /* one that ended wrongly */
} verdict;

typedef struct final_wait {
  verdict *verdict;
  char instance[64];
  one_start start;
} final_wait;

/* Completed with its input, or Cancelled if that was asked and acknowledged. */
static void judge_end(dx_error *error, dx_text description, void *user_data) {
  final_wait *wait = user_data;
  callback_began("the end of a wait");
  dx_text status = dx_json_member(description, "status");
  long long output = dx_json_int64_or(dx_json_member(description, "output"), 0);
  bool is_completed = dx_json_equals(status, "Completed") && output == wait->start.value;
  bool is_cancelled = dx_json_equals(status, "Cancelled") && wait->start.cancelled;
  bool is_right = error == NULL && (is_completed || is_cancelled);
  pthread_mutex_lock(&wait->verdict->lock);
  if (!is_right && wait->verdict->wrong++ < 5) {
    printf("hammer: %s: %s %.*s\n", wait->instance, error != NULL ? dx_error_message(error) : "",
           (int)description.size, description.data);
    strcpy(wait->verdict->suspect, wait->instance);
  }
  wait->verdict->answered++;
  pthread_cond_signal(&wait->verdict->changed);
  pthread_mutex_unlock(&wait->verdict->lock);
  dx_error_free(error);
  free(wait);
}

static void expect_end(verdict *verdict, const char *instance, one_start start) {
  char request[128];
  dx_buffer out = {NULL, 0};
  final_wait *wait = malloc(sizeof *wait);
  if (wait == NULL) abort();
  *wait = (final_wait){verdict, "", start};
  strncpy(wait->instance, instance, sizeof wait->instance - 1);
  snprintf(request, sizeof request, "{\"instance\":\"%s\",\"operation\":\"resume\"}", instance);
  TAKEN(dx_client_control(main_client, text(request), &out), "resume", DX_WRONG_STATUS);
  dx_buffer_free(&out);
  TAKEN(dx_client_raise_event(main_client, text(instance), text("go"), text("1")), "the last event",
        DX_WRONG_STATUS);
  if (TAKEN(dx_client_wait(main_client, text(instance), LONGEST_WAIT_MS, judge_end, wait), "the last wait",
            DX_OK) != DX_OK) {
    abort();
  }
}

static void print_why(const char *instance) {
  static const char *operations[] = {"inspect", "why"};
  char request[160];
  for (int i = 0; i < 2; i++) {
    dx_buffer out = {NULL, 0};
    snprintf(request, sizeof request, "{\"operation\":\"%s\",\"instance\":\"%s\"}", operations[i], instance);
    if (TAKEN(dx_client_manage(main_client, text(request), &out), "why", DX_NOT_FOUND) == DX_OK) {
      printf("hammer: %s\n", out.data);
    }
    dx_buffer_free(&out);
  }
}

/* How often the history of an instance ends, and whether nothing follows. */
static bool ends_once(const char *instance) {
  char query[128];
  dx_buffer out = {NULL, 0};
  int ends = 0;
  bool is_last = false;
  snprintf(query, sizeof query, "{\"instance\":\"%s\"}", instance);
  if (TAKEN(dx_client_history(main_client, text(query), &out), "history", DX_OK) != DX_OK) return false;
  dx_text page = {out.data, out.size}, event;
  dx_text events = dx_json_member(page, "events");
  while (dx_json_next(&events, NULL, &event)) {
    dx_text kind = dx_json_member(event, "kind");
    is_last = dx_json_equals(kind, "OrchestrationCompleted") ||
              dx_json_equals(kind, "OrchestrationCancelled") || dx_json_equals(kind, "OrchestrationFailed");
    ends += is_last;
  }
  dx_buffer_free(&out);
  return ends == 1 && is_last;
}

static void judge_all(hammer *hammers) {
  verdict verdict = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, ""};
  char instance[64];
  int expected = 0, contested = 0, multiple = 0, badly_ended = 0;
  for (int t = 0; t < THREADS; t++) {
    for (int i = 0; i < hammers[t].count; i++, expected++) {
      hammer_name(t, i, instance);
      expect_end(&verdict, instance, hammers[t].starts[i]);
    }
  }
  for (int i = 0; i < CONTESTS; i++) {
    int wins = atomic_load(&contest_wins[i]);
    contested += wins > 0;
    multiple += wins > 1;
    if (wins == 0) continue;
    snprintf(instance, sizeof instance, "contest-%d", i);
    expect_end(&verdict, instance, (one_start){false, 7});
    expected++;
  }
  pthread_mutex_lock(&verdict.lock);
  while (verdict.answered < expected) pthread_cond_wait(&verdict.changed, &verdict.lock);
  pthread_mutex_unlock(&verdict.lock);
  if (verdict.wrong > 0) print_why(verdict.suspect);
  check_that(multiple == 0, "each contested id was given once", multiple > 0 ? multiple : contested);
  check_that(verdict.wrong == 0, "what was acknowledged ended, with the right result",
             verdict.wrong > 0 ? verdict.wrong : expected);
  for (int t = 0; t < THREADS; t++) {
    for (int i = 0; i < hammers[t].count; i++) {
      hammer_name(t, i, instance);
      badly_ended += !ends_once(instance);
    }
  }
  check_that(badly_ended == 0, "each history ends once, and nothing follows", badly_ended);
}

/* Calls that go on while everything is closed under them. */
static void *hammer_to_the_end(void *given) {
  hammer *h = given;
  for (int i = 0; !atomic_load(&closing) || i < 50; i++) hammer_once(h);
  return NULL;
}

static void run_threads(hammer *hammers, pthread_t *threads, void *(*body)(void *)) {
  for (int t = 0; t < THREADS; t++) {
    if (pthread_create(&threads[t], NULL, body, &hammers[t]) != 0) abort();
  }
}

static void join_threads(pthread_t *threads) {
  for (int t = 0; t < THREADS; t++) pthread_join(threads[t], NULL);
}

static void open_all(void) {
  dx_store_options options = DX_STORE_OPTIONS_INIT;
  options.url = text(url);
  dx_error *error = dx_store_open(&options, &main_store);
  if (error == NULL) error = dx_client_new(main_store, &main_client);
  if (error == NULL) return;
  printf("FAIL %s: %s\n0 passed, 1 failed\n", url, dx_error_message(error));
  exit(1);
}

int main(int count, char **arguments) {
  pthread_t threads[THREADS];
  hammer hammers[THREADS];
  url = count > 1 ? arguments[1] : "memory:";
  rounds = count > 2 ? atoi(arguments[2]) : 200;
  uint64_t seed = count > 3 ? strtoull(arguments[3], NULL, 10) : 1;
  alarm(600); /* a hang is a failure */
  open_all();
  finisher_start();
  for (int t = 0; t < THREADS; t++) {
    /* Calls to the very end may start some more. */
    one_start *starts = calloc((size_t)rounds * 8 + 4096, sizeof *starts);
    if (starts == NULL) abort();
    hammers[t] = (hammer){t, 0, seed * 100 + (uint64_t)t, starts};
  }
  server *calling = server_start(main_store, 0), *polled = server_start(main_store, 2);
  run_threads(hammers, threads, hammer_on);
  while (atomic_load(&rounds_done) < rounds * THREADS / 2) pause_ms(1);
  server *second = server_start(main_store, 2);
  server_end(calling, 5);
  server_end(polled, -1);
  calling = server_start(main_store, 0);
  join_threads(threads);
  judge_all(hammers);

  run_threads(hammers, threads, hammer_to_the_end);
  pause_ms(20);
  CALLED(dx_store_close(main_store));
  server_end(second, 0);
  server_end(calling, -1);
  CALLED(dx_client_free(main_client));
  atomic_store(&closing, true);
  join_threads(threads);
  finisher_end();
  atomic_fetch_add(&seen.releases_owed, 1);
  TAKEN(dx_log_set(text(""), NULL, NULL, release_seen), "log off", DX_OK);
  settle(&seen.waits_opened, &seen.waits_answered, 10000);
  settle(&seen.releases_owed, &seen.releases_made, 10000);
  int waits = atomic_load(&seen.waits_answered), releases = atomic_load(&seen.releases_made);
  check_that(waits == atomic_load(&seen.waits_opened), "each wait was answered once", waits);
  check_that(releases == atomic_load(&seen.releases_owed), "each release was made once", releases);
  check_that(atomic_load(&seen.unexpected) == 0, "no call had a code that it must not have",
             atomic_load(&seen.unexpected) > 0 ? atomic_load(&seen.unexpected) : atomic_load(&seen.calls));
  for (int t = 0; t < THREADS; t++) free(hammers[t].starts);
  printf("hammer: %d turns, %d activities\n", atomic_load(&seen.turns), atomic_load(&seen.activities));
  printf("%d passed, %d failed\n", passed, failed);
  fflush(stdout);
  return failed == 0 ? 0 : 1;
}
