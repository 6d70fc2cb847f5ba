/* Calls from inside of every kind of callback, up to the freeing of what the callback belongs to. */
#include "abuse.h"

#include <unistd.h>

static void *living[KINDS];
static pthread_mutex_t entry = PTHREAD_MUTEX_INITIALIZER;
static char entry_wrong[128];

static bool is_harmless(const function *f) {
  return f->kind != TOKEN && f->kind != SIMULATION && !f->is_silent && f->call != call_dx_runtime_start &&
         f->call != call_dx_runtime_stop && f->call != call_dx_log_set && f->call != call_dx_store_open &&
         f->call != call_dx_store_open_with_password;
}

/* Everything that does not end what it is called on. Several callbacks may come at once. */
static void call_everything(const char *where) {
  for (size_t i = 0; i < FUNCTIONS; i++) {
    const function *f = &functions[i];
    if (!is_harmless(f)) continue;
    arguments a = {living[f->kind], {{NULL, 0}, {NULL, 0}, {NULL, 0}}, {0, 0}, true};
    for (int k = 0; k < f->texts; k++) a.text[k] = text(f->good[k]);
    dx_error *error = f->call(&a);
    dx_code code = dx_error_code(error);
    dx_error_free(error);
    if (code != DX_INTERNAL && code != DX_INVALID_HANDLE && code != DX_CLOSED) continue;
    pthread_mutex_lock(&entry);
    if (entry_wrong[0] == '\0')
      snprintf(entry_wrong, sizeof entry_wrong, "%s in %s: code %d", f->name, where, (int)code);
    pthread_mutex_unlock(&entry);
  }
}

static tally seen_turns = TALLY_INIT, seen_activities = TALLY_INIT, seen_waits = TALLY_INIT,
             seen_releases = TALLY_INIT, seen_stops = TALLY_INIT, seen_logs = TALLY_INIT;

#define SCHEDULE "{\"id\":1,\"after\":1,\"kind\":\"ScheduleActivity\",\"name\":\"work\",\"input\":1}"

static void busy_turn(dx_turn *turn, void *user_data) {
  dx_text input = {NULL, 0};
  (void)user_data;
  need(dx_turn_input(turn, &input), "the input of a turn");
  bool is_first = strstr(input.data, "ActivityCompleted") == NULL;
  call_everything("a turn");
  const char *answer =
      is_first ? "{\"v\":1,\"actions\":[" SCHEDULE "],\"retained\":false}"
               : "{\"v\":1,\"actions\":[" SCHEDULE
                 "],\"end\":{\"after\":3,\"kind\":\"Completed\",\"output\":1},\"retained\":false}";
  dx_error_free(dx_turn_complete(turn, text(answer)));
  tally_add(&seen_turns);
}

static void busy_activity(dx_activity *activity, void *user_data) {
  (void)user_data;
  call_everything("an activity");
  dx_error_free(dx_activity_complete(activity, text("1")));
  tally_add(&seen_activities);
}

static void busy_wait(dx_error *error, dx_text result, void *user_data) {
  (void)result;
  dx_error_free(error);
  call_everything("a wait");
  tally_add(user_data);
}

static void busy_release(void *user_data) {
  call_everything("a release");
  tally_add(user_data);
}

static void busy_stop(void *user_data) {
  call_everything("a stop");
  tally_add(user_data);
}

/* What it calls is logged, too: only the first records are answered with calls. */
static void busy_log(dx_text record, void *user_data) {
  (void)record;
  pthread_mutex_lock(&seen_logs.lock);
  bool is_early = seen_logs.count < 5;
  pthread_mutex_unlock(&seen_logs.lock);
  tally_add(user_data);
  if (is_early) call_everything("a log record");
}

static void start(dx_client *client, const char *instance) {
  char request[128];
  dx_buffer out = {NULL, 0};
  snprintf(request, sizeof request, "{\"orchestration\":\"busy\",\"instance\":\"%s\"}", instance);
  need(dx_client_start(client, text(request), &out), "an instance");
  dx_buffer_free(&out);
}

static void check_calls_inside(void) {
  dx_runtime *runtime = NULL;
  need(dx_log_set(text("{\"level\":\"debug\"}"), busy_log, &seen_logs, NULL), "a log");
  need(dx_runtime_new(living[STORE], NULL, &runtime), "a runtime");
  need(dx_register_orchestration(runtime, text("busy"), text(""), busy_turn, &seen_releases, busy_release),
       "a name");
  need(dx_register_activity(runtime, text("work"), busy_activity, &seen_releases, busy_release), "a name");
  need(dx_runtime_start(runtime), "a start");
  start(living[CLIENT], "inside");
  need(dx_client_wait(living[CLIENT], text("inside"), 10000, busy_wait, &seen_waits), "a wait");
  check_that(tally_wait(&seen_waits, 1) == 1, "calls inside a wait come back", "it did not end");
  check_that(tally_wait(&seen_turns, 2) >= 2, "calls inside a turn come back", "too few turns");
  check_that(tally_wait(&seen_activities, 1) >= 1, "calls inside an activity come back", "none ran");
  check_that(tally_wait(&seen_logs, 5) >= 5, "calls inside a log record come back", "too few records");
  need(dx_log_set(text(""), NULL, NULL, NULL), "no log");
  need(dx_runtime_stop(runtime, 0, busy_stop, &seen_stops), "a stop");
  check_that(tally_wait(&seen_stops, 1) == 1, "calls inside a stop come back", "it did not stop");
  dx_runtime_free(runtime);
  check_that(tally_wait(&seen_releases, 2) == 2, "calls inside a release come back", "it was not called");
  check_that(entry_wrong[0] == '\0', "no call inside a callback went wrong", entry_wrong);
}

/* ---- Freeing from inside
 * ----------------------------------------------------------------------------------- */

typedef struct doomed {
  dx_store *store;
  dx_client *client;
  dx_runtime *runtime;
  tally freed, released;
} doomed;

static void free_all_of(doomed *d) {
  dx_store_close(d->store);
  dx_client_free(d->client);
  dx_runtime_free(d->runtime);
  tally_add(&d->freed);
}

static void freeing_turn(dx_turn *turn, void *user_data) {
  free_all_of(user_data);
  dx_error_free(dx_turn_complete(turn, text("{\"v\":1,\"actions\":[],\"retained\":false}")));
}
static void scheduling_turn(dx_turn *turn, void *user_data) {
  (void)user_data;
  dx_error_free(dx_turn_complete(turn, text("{\"v\":1,\"actions\":[" SCHEDULE "],\"retained\":false}")));
}
static void freeing_activity(dx_activity *activity, void *user_data) {
  free_all_of(user_data);
  dx_error_free(dx_activity_complete(activity, text("1")));
}
static void freeing_wait(dx_error *error, dx_text result, void *user_data) {
  (void)result;
  dx_error_free(error);
  free_all_of(user_data);
}
static void add_released(void *user_data) { tally_add(&((doomed *)user_data)->released); }
static void freeing_stop(void *user_data) { free_all_of(user_data); }

static void check_freeing(const char *name, dx_turn_fn turn, dx_activity_fn activity, bool in_wait,
                          bool in_stop) {
  static doomed rounds[16];
  static int next;
  doomed *d = &rounds[next++];
  tally fresh = TALLY_INIT;
  d->freed = d->released = fresh;
  dx_store_options options = DX_STORE_OPTIONS_INIT;
  options.url = text("memory:");
  need(dx_store_open(&options, &d->store), "a store");
  need(dx_client_new(d->store, &d->client), "a client");
  need(dx_runtime_new(d->store, NULL, &d->runtime), "a runtime");
  need(dx_register_orchestration(d->runtime, text("busy"), text(""), turn, d, add_released), "a name");
  need(dx_register_activity(d->runtime, text("work"), activity, d, add_released), "a name");
  need(dx_runtime_start(d->runtime), "a start");
  start(d->client, "doomed");
  if (in_wait) need(dx_client_wait(d->client, text("doomed"), 1, freeing_wait, d), "a wait");
  if (in_stop) need(dx_runtime_stop(d->runtime, 0, freeing_stop, d), "a stop");
  char why[64];
  snprintf(why, sizeof why, "%d freed, %d released", d->freed.count, d->released.count);
  check_that(tally_wait(&d->freed, 1) == 1 && tally_wait(&d->released, 2) == 2, name, why);
}

int main(void) {
  dx_store_options options = DX_STORE_OPTIONS_INIT;
  alarm(100);
  options.url = text("memory:");
  need(dx_store_open(&options, (dx_store **)&living[STORE]), "a store in memory");
  need(dx_client_new(living[STORE], (dx_client **)&living[CLIENT]), "a client");
  need(dx_runtime_new(living[STORE], NULL, (dx_runtime **)&living[RUNTIME]), "a runtime");
  start(living[CLIENT], "idle");
  check_calls_inside();
  check_freeing("everything is freed inside a turn", freeing_turn, activity_seen, false, false);
  check_freeing("everything is freed inside an activity", scheduling_turn, freeing_activity, false, false);
  check_freeing("everything is freed inside a wait", scheduling_turn, activity_seen, true, false);
  check_freeing("everything is freed inside a stop", scheduling_turn, activity_seen, false, true);
  dx_runtime_free(living[RUNTIME]);
  dx_client_free(living[CLIENT]);
  dx_store_close(living[STORE]);
  return checks_done();
}
