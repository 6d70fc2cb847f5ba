/* The functions of minor version 1: attempts that are told to end, tell of progress or end elsewhere;
 * calls, queries and control. */
#include "check.h"

#define ANSWER(actions) "{\"v\":1,\"actions\":[" actions "],\"retained\":false}"
#define SCHEDULE "{\"id\":1,\"after\":1,\"kind\":\"ScheduleActivity\",\"name\":\"work\",\"input\":1}"
#define AWAIT "{\"id\":1,\"after\":1,\"kind\":\"WaitForCall\",\"name\":\"add\"}"

static dx_store *store;
static dx_client *client;
static dx_runtime *runtime;

static bool contains(dx_text whole, const char *part) {
  size_t size = strlen(part);
  for (size_t i = 0; i + size <= whole.size; i++) {
    if (memcmp(whole.data + i, part, size) == 0) return true;
  }
  return false;
}

static void start_instance(const char *orchestration, const char *instance) {
  char request[256];
  dx_buffer out = {NULL, 0};
  snprintf(request, sizeof request, "{\"orchestration\":\"%s\",\"instance\":\"%s\"}", orchestration,
           instance);
  need(dx_client_start(client, text(request), &out), "an instance");
  dx_buffer_free(&out);
}

static dx_error *control(const char *instance, const char *operation) {
  char request[256];
  dx_buffer out = {NULL, 0};
  snprintf(request, sizeof request, "{\"instance\":\"%s\",\"operation\":\"%s\"}", instance, operation);
  dx_error *error = dx_client_control(client, text(request), &out);
  dx_buffer_free(&out);
  return error;
}

static void check_end(const char *instance, const char *name) {
  tally ended = TALLY_INIT;
  need(dx_client_wait(client, text(instance), 10000, tally_waited, &ended), "waiting");
  check_that(tally_wait(&ended, 1) == 1 && ended.code == DX_OK, name, "it did not end");
}

/* ---- Orchestrations ------------------------------------------------------------------------------------ */

/* Schedules "work" and ends with it. */
static void work_turn(dx_turn *turn, void *user_data) {
  dx_text input = {NULL, 0};
  (void)user_data;
  need(dx_turn_input(turn, &input), "the input of a turn");
  bool ended = contains(input, "\"ActivityCompleted\"") || contains(input, "\"ActivityFailed\"");
  const char *end = "{\"v\":1,\"actions\":[" SCHEDULE
                    "],\"end\":{\"after\":3,\"kind\":\"Completed\",\"output\":1},\"retained\":false}";
  dx_error_free(dx_turn_complete(turn, text(ended ? end : ANSWER(SCHEDULE))));
}

/* Answers the call "add" and any query. */
static void call_turn(dx_turn *turn, void *user_data) {
  dx_text input = {NULL, 0};
  (void)user_data;
  need(dx_turn_input(turn, &input), "the input of a turn");
  const char *answer = ANSWER(AWAIT);
  if (contains(input, "\"query\":")) {
    answer = "{\"v\":1,\"query\":{\"result\":[1]}}";
  } else if (contains(input, "\"CallReceived\"")) {
    /* Started, the wait, then the call is event 3. */
    answer = ANSWER(AWAIT ",{\"id\":2,\"after\":3,\"kind\":\"AnswerCall\",\"call\":\"c\",\"result\":6}");
  }
  /* How many turns there are depends on when the call comes: none of them is a check. */
  need(dx_turn_complete(turn, text(answer)), "a turn with a call or a query");
}

/* ---- Attempts ------------------------------------------------------------------------------------------ */

static dx_activity *taken;
static char token[512];
static tally takings = TALLY_INIT;

/* Keeps the attempt, and its completion token. */
static void take(dx_activity *activity, void *user_data) {
  dx_text input = {NULL, 0};
  (void)user_data;
  need(dx_activity_input(activity, &input), "the input of an activity");
  const char *begin = strstr(input.data, "\"token\":\"");
  snprintf(token, sizeof token, "%s", begin == NULL ? "" : begin + strlen("\"token\":\""));
  char *end = strchr(token, '"');
  if (end != NULL) *end = '\0';
  taken = activity;
  tally_add(&takings);
}

static void check_cancelled_attempt(void) {
  tally calls = TALLY_INIT, releases = TALLY_INIT, second = TALLY_INIT;
  start_instance("work", "cancelled");
  check_that(tally_wait(&takings, 1) == 1, "an attempt is handed out", "none came");
  check_code(dx_activity_on_cancel(NULL, tally_add, NULL, NULL), DX_INVALID_ARGUMENT, "on_cancel of NULL");
  check_code(dx_activity_on_cancel(taken, NULL, &second, tally_add), DX_INVALID_ARGUMENT,
             "on_cancel with NULL");
  check_code(dx_activity_on_cancel(taken, tally_add, &calls, NULL), DX_OK, "on_cancel");
  check_code(dx_activity_on_cancel(taken, tally_add, &calls, NULL), DX_WRONG_STATUS, "on_cancel twice");
  check_that(tally_wait(&second, 1) == 1, "what is refused is released", "it is not");
  check_code(dx_activity_heartbeat(taken, text("{\"done\":1}")), DX_OK, "a heartbeat");
  check_code(dx_activity_heartbeat(taken, text("")), DX_OK, "a heartbeat without details");
  check_code(dx_activity_heartbeat(taken, text("{")), DX_INVALID_ARGUMENT, "a heartbeat that is not JSON");
  check_code(control("cancelled", "terminate"), DX_OK, "terminate");
  check_that(tally_wait(&calls, 1) == 1, "a cancelled attempt is told", "it is not");
  check_code(dx_activity_heartbeat(taken, text("1")), DX_STALE, "a heartbeat of a cancelled attempt");
  check_code(dx_activity_defer(taken), DX_STALE, "a cancelled attempt deferred");
  check_code(dx_activity_on_cancel(taken, tally_add, &releases, tally_add), DX_INVALID_HANDLE,
             "on_cancel of what is gone");
  check_that(tally_wait(&releases, 1) == 1, "and that is released too", "it is not");
  settle();
  check_that(tally_count(&calls) == 1 && tally_count(&releases) == 1, "each is told once", "more often");
  check_code(control("cancelled", "terminate"), DX_WRONG_STATUS, "terminate again");
  check_code(control("nobody", "terminate"), DX_NOT_FOUND, "terminate nobody");
  check_code(control("cancelled", "explode"), DX_INVALID_ARGUMENT, "an unknown operation");
}

static void check_deferred_attempt(void) {
  start_instance("work", "deferred");
  check_that(tally_wait(&takings, 2) == 2, "another attempt is handed out", "none came");
  check_code(dx_activity_defer(taken), DX_OK, "defer");
  check_code(dx_activity_defer(taken), DX_INVALID_HANDLE, "defer twice");
  check_code(dx_client_heartbeat_activity(client, text(token), text("1")), DX_OK, "a heartbeat by token");
  check_code(dx_client_complete_activity(client, text("no token"), text("1")), DX_INVALID_ARGUMENT,
             "a completion by no token");
  check_code(dx_client_complete_activity(client, text(token), text("{")), DX_INVALID_ARGUMENT,
             "a completion that is not JSON");
  check_code(dx_client_complete_activity(client, text(token), text("9")), DX_OK, "a completion by token");
  check_end("deferred", "its instance ends");
  dx_error *late = dx_client_complete_activity(client, text(token), text("9"));
  check_that(dx_error_code(late) == DX_STALE, "a completion afterwards", "it is not stale");
  dx_error_free(late);

  start_instance("work", "failed");
  check_that(tally_wait(&takings, 3) == 3, "a third attempt is handed out", "none came");
  check_code(dx_activity_defer(taken), DX_OK, "defer");
  check_code(dx_client_fail_activity(client, text(token), text("{}")), DX_INVALID_ARGUMENT,
             "a failure without type");
  check_code(dx_client_fail_activity(client, text(token), text("{\"type\":\"T\",\"message\":\"m\"}")), DX_OK,
             "a failure by token");
  check_end("failed", "its instance hears of it");
}

/* ---- Calls and queries --------------------------------------------------------------------------------- */

static void check_calls(void) {
  tally answers = TALLY_INIT, queries = TALLY_INIT;
  start_instance("calls", "calls");
  const char *call = "{\"instance\":\"calls\",\"name\":\"add\",\"input\":5,\"call\":\"c\"}";
  need(dx_client_call(client, text(call), 10000, tally_waited, &answers), "a call");
  check_that(tally_wait(&answers, 1) == 1 && answers.code == DX_OK, "a call is answered", "it is not");
  need(dx_client_call(client, text(call), 10000, tally_waited, &answers), "the same call");
  check_that(tally_wait(&answers, 2) == 2 && answers.code == DX_OK, "and answered again", "it is not");
  const char *open = "{\"instance\":\"calls\",\"name\":\"other\"}";
  need(dx_client_call(client, text(open), 10, tally_waited, &answers), "a call that nobody takes");
  check_that(tally_wait(&answers, 3) == 3 && answers.code == DX_TIMED_OUT, "it times out", "it does not");
  const char *query = "{\"instance\":\"calls\",\"name\":\"state\"}";
  need(dx_client_query(client, text(query), 10000, tally_waited, &queries), "a query");
  check_that(tally_wait(&queries, 1) == 1 && queries.code == DX_OK, "a query is answered", "it is not");
  check_code(dx_client_call(client, text(call), 0, NULL, NULL), DX_INVALID_ARGUMENT, "a call without done");
  check_code(dx_client_query(NULL, text(query), 0, tally_waited, &queries), DX_INVALID_ARGUMENT,
             "a query of NULL");
  need(dx_client_call(client, text(open), -1, tally_waited, &answers), "a call that waits");
  check_code(control("calls", "terminate"), DX_OK, "the end of the one that was called");
  check_that(tally_wait(&answers, 4) == 4 && answers.code == DX_WRONG_STATUS, "an end without answer is told",
             "it is not");
  settle();
  check_that(tally_count(&answers) == 4 && tally_count(&queries) == 1, "each is answered once", "more often");
}

int main(void) {
  dx_store_options options = DX_STORE_OPTIONS_INIT;
  options.url = text("memory:");
  need(dx_store_open(&options, &store), "a store in memory");
  need(dx_client_new(store, &client), "a client");
  need(dx_runtime_new(store, NULL, &runtime), "a runtime");
  need(dx_register_orchestration(runtime, text("work"), text(""), work_turn, NULL, NULL), "registering");
  need(dx_register_orchestration(runtime, text("calls"), text(""), call_turn, NULL, NULL), "registering");
  need(dx_register_activity(runtime, text("work"), take, NULL, NULL), "registering");
  check_code(dx_runtime_limit_activity(runtime, text("work"), text("{\"concurrency\":0}")),
             DX_INVALID_ARGUMENT, "a limit of none");
  check_code(dx_runtime_limit_activity(runtime, text("work"), text("{\"concurrency\":5}")), DX_OK, "a limit");
  need(dx_runtime_start(runtime), "starting");
  check_code(dx_runtime_limit_activity(runtime, text("work"), text("{}")), DX_WRONG_STATUS,
             "a limit too late");
  check_cancelled_attempt();
  check_deferred_attempt();
  check_calls();
  dx_runtime_free(runtime);
  dx_client_free(client);
  dx_store_close(store);
  return checks_done();
}
