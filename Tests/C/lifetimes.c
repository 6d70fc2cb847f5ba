/* Starting, stopping and freeing: in any order, callbacks and releases exactly once, nothing after the end.
 */
#include "check.h"

static dx_store *open_store(void) {
  dx_store *store = NULL;
  dx_store_options options = DX_STORE_OPTIONS_INIT;
  options.url = text("memory:");
  need(dx_store_open(&options, &store), "a store in memory");
  return store;
}

static void never_turn(dx_turn *turn, void *user_data) {
  (void)user_data;
  dx_error_free(dx_turn_fail(turn, text("{\"type\":\"Test\",\"message\":\"not run\"}")));
}

static void check_releases(void) {
  dx_store *store = open_store();
  dx_runtime *runtime = NULL;
  tally used = TALLY_INIT, twice = TALLY_INIT, empty = TALLY_INIT, late = TALLY_INIT;
  need(dx_runtime_new(store, NULL, &runtime), "a runtime");
  check_code(dx_register_orchestration(runtime, text("a"), text(""), never_turn, &used, tally_add), DX_OK,
             "registering with a release");
  check_code(dx_register_orchestration(runtime, text("a"), text("1.0.0"), never_turn, &twice, tally_add),
             DX_ALREADY_EXISTS, "no version is 1.0.0");
  check_that(tally_wait(&twice, 1) == 1, "release after a taken name", "it was not called");
  check_code(dx_register_activity(runtime, text(""), NULL, &empty, tally_add), DX_INVALID_ARGUMENT,
             "no name");
  check_that(tally_wait(&empty, 1) == 1, "release after a wrong name", "it was not called");
  check_that(tally_count(&used) == 0, "no release while registered", "it was called");

  check_code(dx_runtime_start(runtime), DX_OK, "starting");
  check_code(dx_runtime_start(runtime), DX_WRONG_STATUS, "starting twice");
  check_code(dx_register_orchestration(runtime, text("b"), text(""), never_turn, &late, tally_add),
             DX_WRONG_STATUS, "registering after the start");
  check_that(tally_wait(&late, 1) == 1, "release after a late registration", "it was not called");

  dx_runtime_free(runtime);
  check_that(tally_wait(&used, 1) == 1, "release when the runtime is freed", "it was not called");
  settle();
  check_that(tally_count(&used) == 1 && tally_count(&twice) == 1 && tally_count(&empty) == 1 &&
                 tally_count(&late) == 1,
             "each release once", "more than once");
  dx_store_close(store);
}

static void check_made_up_runtime_releases(void) {
  tally released = TALLY_INIT;
  dx_runtime *made_up = (dx_runtime *)(uintptr_t)40;
  check_code(dx_register_activity(made_up, text("a"), NULL, &released, tally_add), DX_INVALID_HANDLE,
             "registering with a made up runtime");
  check_that(tally_wait(&released, 1) == 1, "release after a made up runtime", "it was not called");
}

static void check_stop(void) {
  dx_store *store = open_store();
  dx_client *client = NULL;
  dx_runtime *runtime = NULL;
  tally stopped = TALLY_INIT;
  dx_buffer out = {NULL, 0};
  need(dx_client_new(store, &client), "a client");
  need(dx_runtime_new(store, NULL, &runtime), "a runtime");
  dx_store_close(store);
  need(dx_register_orchestration(runtime, text("a"), text(""), NULL, NULL, NULL), "registering");
  need(dx_runtime_start(runtime), "starting");
  check_code(dx_runtime_stop(runtime, 1000, tally_add, &stopped), DX_OK, "stopping");
  check_that(tally_wait(&stopped, 1) == 1, "the end is announced", "done was not called");
  dx_error *again = dx_runtime_stop(runtime, 0, NULL, NULL);
  check_that(again == NULL || dx_error_code(again) == DX_CLOSED, "stopping twice does no harm", "odd code");
  dx_error_free(again);
  dx_error *restart = dx_runtime_start(runtime);
  check_that(dx_error_code(restart) == DX_CLOSED || dx_error_code(restart) == DX_WRONG_STATUS,
             "a stopped runtime stays stopped", "it started");
  dx_error_free(restart);
  check_code(dx_runtime_poll(runtime, text(""), 1, 1, 10000, &out), DX_OK, "polling a stopped runtime");
  check_that(out.data != NULL && strstr(out.data, "\"stopped\":true") != NULL, "poll says so", "it does not");
  dx_buffer_free(&out);
  check_code(dx_client_start(client, text("{\"orchestration\":\"a\"}"), &out), DX_OK,
             "a client works without a runtime, and after dx_store_close");
  dx_buffer_free(&out);
  dx_runtime_free(runtime);
  dx_client_free(client);
  settle();
  check_that(tally_count(&stopped) == 1, "the end is announced once", "more than once");
}

static void check_waits(void) {
  dx_store *store = open_store();
  dx_client *client = NULL;
  tally open = TALLY_INIT, timed_out = TALLY_INIT, unknown = TALLY_INIT;
  dx_buffer out = {NULL, 0};
  need(dx_client_new(store, &client), "a client");
  need(dx_client_start(client, text("{\"orchestration\":\"a\",\"instance\":\"i\"}"), &out), "an instance");
  dx_buffer_free(&out);
  check_code(dx_client_wait(client, text("i"), 20, tally_waited, &timed_out), DX_OK, "a wait of 20 ms");
  check_that(tally_wait(&timed_out, 1) == 1 && timed_out.code == DX_TIMED_OUT, "it times out", "it does not");
  dx_code refused = DX_OK;
  dx_error *error = dx_client_wait(client, text("nobody"), 1000, tally_waited, &unknown);
  refused = dx_error_code(error);
  dx_error_free(error);
  if (refused == DX_OK) refused = tally_wait(&unknown, 1) == 1 ? unknown.code : DX_OK;
  check_that(refused == DX_NOT_FOUND, "a wait for nobody", "no DX_NOT_FOUND");
  check_code(dx_client_wait(client, text("i"), -1, tally_waited, &open), DX_OK, "a wait without limit");
  dx_client_free(client);
  check_that(tally_wait(&open, 1) == 1 && open.code == DX_CLOSED, "freeing answers open waits",
             "no DX_CLOSED");
  settle();
  check_that(tally_count(&open) == 1 && tally_count(&timed_out) == 1, "each wait is answered once",
             "more than once");
  dx_store_close(store);
}

static void count_log(dx_text record, void *user_data) {
  if (record.size > 2 && record.data[0] == '{') tally_add(user_data);
}

static tally log_released = TALLY_INIT;

static void log_release(void *user_data) {
  (void)user_data;
  tally_add(&log_released);
}

static void check_log(void) {
  tally lines = TALLY_INIT;
  check_code(dx_log_set(text("{\"level\":\"debug\"}"), count_log, &lines, log_release), DX_OK, "logging on");
  dx_store_close(open_store());
  check_code(dx_log_set(text(""), NULL, NULL, NULL), DX_OK, "logging off");
  check_that(tally_wait(&log_released, 1) == 1, "its release is called", "it was not");
  int before = tally_count(&lines);
  dx_store_close(open_store());
  settle();
  check_that(tally_count(&lines) == before && tally_count(&log_released) == 1, "nothing after the release",
             "something came");
}

int main(void) {
  check_that(dx_abi_version() == (DX_ABI_MAJOR << 16 | DX_ABI_MINOR),
             "the library speaks the ABI of the header", "it does not");
  check_that(dx_version() != NULL && strchr(dx_version(), '.') != NULL, "the release is named", "it is not");
  check_releases();
  check_made_up_runtime_releases();
  check_stop();
  check_waits();
  check_log();
  return checks_done();
}
