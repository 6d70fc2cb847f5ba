/* Orchestrations and activities in C against the engine, in virtual time. Each is run twice: with executions
 * kept between turns, and with every turn replayed from the beginning. */
#include "dx_host.h"
#include "dx_json.h"
#include "dx_native.h"

#include "check.h"

/* ---- An order: retry, timer, event, child, native activities
 * ------------------------------------------------ */

static void charge(dx_task *task) {
  if (dx_task_attempt(task) < 3) {
    dx_task_fail(task, "Busy", "the bank is busy");
    return;
  }
  dx_task_complete(task, dx_task_format(task, "{\"receipt\":%s}", dx_task_quote(task, dx_task_key(task))));
  dx_task_fail(task, "Late", "only the first answer counts");
}

static void refund(dx_task *task) {
  tally_add(dx_task_user_data(task));
  (void)dx_task_heartbeat(task, "\"half\"");
}

static void parcel(dx_orch *o) {
  const char *weight;
  if (!dx_orch_run_activity(o, "add", dx_orch_input(o), NULL, &weight)) return;
  dx_orch_complete(
      o, dx_orch_format(o, "{\"weight\":%s,\"parent\":%s}", weight, dx_orch_quote(o, dx_orch_parent(o))));
}

static const char *tell_state(dx_orch *o, const char *input, void *state) {
  if (strcmp(input, "\"wrong\"") == 0) {
    dx_orch_fail(o, "WrongQuestion", "ask something else");
    return NULL;
  }
  if (strcmp(input, "\"works\"") == 0) (void)dx_orch_timer(o, 1);
  return dx_orch_quote(o, *(const char **)state);
}

static void order(dx_orch *o) {
  const dx_retry retry = {.max_attempts = 5, .initial_interval_ms = 1000};
  const char *receipt, *shipped, *approval, **state = dx_orch_memory(o, sizeof *state);
  dx_failure failure;
  size_t winner;
  if (state == NULL) return;
  *state = "begun";
  dx_orch_on_query(o, "state", tell_state, state);
  if (!dx_orch_run_activity(o, "charge", dx_orch_input(o), &(dx_activity_options){.retry = &retry}, &receipt))
    return;
  *state = "charged";
  dx_orch_set_custom_status(o, "\"charged\"");
  dx_handle waits[] = {dx_orch_wait_for_event(o, "approval"), dx_orch_timer(o, 60 * 60 * 1000)};
  if (!dx_orch_any(o, waits, 2, &winner) || (winner == 1 && !dx_orch_await(o, waits[1], NULL))) {
    if (!dx_orch_catch(o, &failure)) return;
    if (!dx_orch_run_activity(o, "refund", receipt, NULL, NULL)) return;
    dx_orch_raise(o, &failure);
    return;
  }
  if (winner == 1) {
    dx_orch_fail(o, "NotApproved", "nobody approved it in time");
    return;
  }
  dx_orch_cancel(o, waits[1]);
  if (!dx_orch_await(o, waits[0], &approval)) return;
  if (!dx_orch_await(o, dx_orch_sub_orchestration(o, "parcel", "[2,3]", NULL), &shipped)) return;
  dx_orch_complete(o, dx_orch_format(o, "[%s,%s,%s]", receipt, approval, shipped));
}

/* ---- Others ---------------------------------------------------------------------------------------------
 */

static void counter(dx_orch *o) {
  long *total = dx_orch_memory(o, sizeof *total);
  dx_handle call = dx_orch_wait_for_call(o, "add"), stop = dx_orch_wait_for_event(o, "stop");
  const char *value;
  size_t which;
  if (total == NULL) return;
  while (dx_orch_any(o, (dx_handle[]){call, stop}, 2, &which)) {
    if (which == 1) {
      dx_orch_complete(o, dx_orch_format(o, "%ld", *total));
      return;
    }
    if (!dx_orch_await(o, call, &value)) return;
    if (strcmp(value, "0") == 0) {
      dx_orch_reject(o, call, "zero adds nothing");
    } else {
      *total += atol(value);
      dx_orch_answer(o, call, dx_orch_format(o, "%ld", *total));
    }
    call = dx_orch_wait_for_call(o, "add");
  }
}

static void forgets_to_return(dx_orch *o) {
  (void)!dx_orch_run_activity(o, "add", "[1,2]", NULL, NULL);
  dx_orch_complete(o, "1");
}

static void rounds(dx_orch *o) {
  int n = atoi(dx_orch_input(o));
  if (!dx_orch_sleep(o, 1000)) return;
  if (n > 0) dx_orch_continue_as_new(o, dx_orch_format(o, "%d", n - 1), NULL);
}

static void adds_wrongly(dx_orch *o) {
  const char *sum;
  if (!dx_orch_run_activity(o, "add", "[1,\"2\"]",
                            &(dx_activity_options){.retry = &(dx_retry){.max_attempts = 9}}, &sum))
    return;
  dx_orch_complete(o, sum);
}

static int32_t add(int32_t a, int32_t b) { return a + b; }

/* ---- The world ------------------------------------------------------------------------------------------
 */

typedef struct world {
  dx_store *store;
  dx_client *client;
  dx_runtime *runtime;
  tally refunds, released;
} world;

static void register_all(world *world) {
  static const char manifest[] =
      "[{\"name\":\"power\",\"library\":\"libm.so.6\",\"symbol\":\"pow\",\"signature\":\"double(double x, "
      "double y)\"},"
      " {\"name\":\"length\",\"symbol\":\"strlen\",\"signature\":\"size_t(const char *)\"}]";
  static const struct {
    const char *manifest, *says;
    int position;
  } bad[] = {
      {"{}", "the manifest is an object, and must be an array", 0},
      {"[1]", "entry 1 of the manifest is a number", 1},
      {"[{\"name\":\"a\",\"symbol\":\"strlen\"}]", "entry 1 of the manifest: 'signature' is missing", 1},
      {"[{\"name\":\"a\",\"symbol\":7,\"signature\":\"\"}]", "'symbol' is a number, and must be a string",
       22},
      {"[{\"name\":\"a\",\"symbols\":7}]", "entry 1 of the manifest has an unknown member \"symbols\"", 13},
      {"[{\"name\":\"ok\",\"symbol\":\"strlen\",\"signature\":\"size_t(const char *)\"},"
       "{\"name\":\"a\",\"symbol\":\"strlen\",\"signature\":\"size_t(char *)\"}]",
       "entry 2 of the manifest ('a'), byte 7 of its signature: a function that writes", 68},
      {"[", "the manifest is not JSON", 1},
  };
  dx_native_error error = {0, -1, ""};
  const dx_orch_options counted = {.user_data = &world->released, .release = tally_add};
  need(dx_orch_register(world->runtime, "order", order, &counted), "register order");
  need(dx_orch_register(world->runtime, "parcel", parcel, NULL), "register parcel");
  need(dx_orch_register(world->runtime, "counter", counter, NULL), "register counter");
  need(dx_orch_register(world->runtime, "forgets", forgets_to_return, NULL), "register forgets");
  need(dx_orch_register(world->runtime, "rounds", rounds, NULL), "register rounds");
  need(dx_orch_register(world->runtime, "adds wrongly", adds_wrongly, NULL), "register adds wrongly");
  check_code(dx_orch_register(world->runtime, "order", order, &counted), DX_ALREADY_EXISTS,
             "a name is taken once");
  check_that(tally_wait(&world->released, 1) == 1, "and what came with it is released", "it is not");
  dx_error *none = dx_orch_register(world->runtime, "none", NULL, NULL);
  check_that(none != NULL, "an orchestration needs a function", "it was taken");
  dx_error_free(none);
  none = dx_host_activity(world->runtime, "none", NULL, NULL, NULL);
  check_that(none != NULL, "an activity needs a function", "it was taken");
  dx_error_free(none);
  need(dx_host_activity(world->runtime, "charge", charge, NULL, NULL), "register charge");
  need(dx_host_activity(world->runtime, "refund", refund, &world->refunds, NULL), "register refund");
  check_that(dx_native_register_function(world->runtime, "add", (void (*)(void))add,
                                         "int32(int32 a, int32 b)", &error),
             "add", error.message);
  check_that(!dx_native_register_function(world->runtime, "add", (void (*)(void))add,
                                          "int32(int32 a, int32 b)", &error) &&
                 error.code == DX_ALREADY_EXISTS,
             "add, once more", error.message);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    bool taken = dx_native_register_manifest(world->runtime, bad[i].manifest, &error);
    check_that(!taken && error.position == bad[i].position && strstr(error.message, bad[i].says) != NULL,
               bad[i].manifest, error.message);
  }
  check_that(dx_native_register_manifest(world->runtime, manifest, &error), "a manifest", error.message);
}

static void open_world(world *world, const char *config) {
  memset(world, 0, sizeof *world);
  world->refunds = world->released = (tally)TALLY_INIT;
  dx_store_options store = DX_STORE_OPTIONS_INIT;
  store.url = text("memory:");
  store.config = text("{\"clock\":{\"mode\":\"virtual\"}}");
  dx_runtime_options runtime = DX_RUNTIME_OPTIONS_INIT;
  runtime.config = text(config);
  need(dx_store_open(&store, &world->store), "open");
  need(dx_runtime_new(world->store, &runtime, &world->runtime), "runtime");
  need(dx_client_new(world->store, &world->client), "client");
  register_all(world);
  need(dx_runtime_start(world->runtime), "start");
}

static void close_world(world *world) {
  check_code(dx_host_stop(world->runtime, 1000), DX_OK, "stop");
  dx_runtime_free(world->runtime);
  dx_client_free(world->client);
  dx_store_close(world->store);
  check_that(tally_wait(&world->released, 2) == 2, "what came with a registration is released", "it is not");
}

static void begin(world *world, const char *orchestration, const char *instance, const char *input) {
  char request[300];
  dx_buffer out = {NULL, 0};
  snprintf(request, sizeof request, "{\"orchestration\":\"%s\",\"instance\":\"%s\",\"input\":%s}",
           orchestration, instance, input);
  need(dx_client_start(world->client, text(request), &out), instance);
  dx_buffer_free(&out);
}

/* The end of an instance has this in it. */
static void ends(world *world, const char *instance, const char *part) {
  char *description = NULL;
  need(dx_host_wait(world->client, instance, 30000, &description), instance);
  check_that(description != NULL && strstr(description, part) != NULL, instance,
             description == NULL ? "no memory" : description);
  free(description);
}

/* Until the order is charged. */
static void charged(world *world, const char *instance) {
  char *description = NULL;
  need(dx_host_wait_status(world->client, instance, 0, 30000, &description), instance);
  check_that(strstr(description, "\"charged\"") != NULL, "an order is charged at the third attempt",
             description);
  free(description);
}

static void reported(dx_error *error, dx_text report, void *user_data) {
  check_that(error == NULL && dx_json_int64_or(dx_json_member(report, "checked"), 0) == 1 &&
                 dx_json_int64_or(dx_json_member(report, "same"), 0) == 1,
             "a preflight replays open instances", error == NULL ? report.data : dx_error_message(error));
  tally_waited(error, report, user_data);
}

static void preflight(world *world) {
  tally report = TALLY_INIT;
  need(dx_runtime_preflight(world->runtime, text(""), 30000, reported, &report), "preflight");
  check_that(tally_wait(&report, 1) == 1, "a preflight reports", "it does not");
}

static void orders(world *world) {
  char *answer = NULL;
  begin(world, "order", "order-1", "{\"amount\":12}");
  charged(world, "order-1");
  need(dx_host_query(world->client, "{\"instance\":\"order-1\",\"name\":\"state\"}", 30000, &answer),
       "query");
  check_that(strcmp(answer, "{\"result\":\"charged\"}") == 0, "a query is answered from state of the run",
             answer);
  free(answer);
  need(dx_host_query(world->client, "{\"instance\":\"order-1\",\"name\":\"state\",\"input\":\"wrong\"}",
                     30000, &answer),
       "query");
  check_that(strstr(answer, "WrongQuestion") != NULL, "a query can fail", answer);
  free(answer);
  need(dx_host_query(world->client, "{\"instance\":\"order-1\",\"name\":\"state\",\"input\":\"works\"}",
                     30000, &answer),
       "query");
  check_that(strstr(answer, "A query handler cannot do durable work") != NULL,
             "a query cannot do durable work", answer);
  free(answer);
  check_code(dx_client_raise_event(world->client, text("order-1"), text("approval"), text("\"yes\"")), DX_OK,
             "approve");
  ends(world, "order-1",
       "\"output\":[{\"receipt\":\"order-1/1/1\"},\"yes\",{\"weight\":5,\"parent\":\"order-1\"}]");

  begin(world, "order", "order-2", "null");
  ends(world, "order-2", "\"type\":\"NotApproved\",\"message\":\"nobody approved it in time\"");

  begin(world, "order", "order-3", "null");
  charged(world, "order-3");
  preflight(world);
  check_code(dx_client_cancel(world->client, text("order-3"), text("changed my mind")), DX_OK, "cancel");
  ends(world, "order-3", "\"status\":\"Cancelled\"");
  check_that(tally_count(&world->refunds) == 1, "a cancelled order is refunded", "it is not");
}

static void counts(world *world) {
  char *answer = NULL;
  begin(world, "counter", "counter-1", "null");
  need(dx_host_call(world->client, "{\"instance\":\"counter-1\",\"name\":\"add\",\"input\":2}", 30000,
                    &answer),
       "call");
  check_that(strstr(answer, "\"result\":2") != NULL, "a call is answered", answer);
  free(answer);
  need(dx_host_call(world->client, "{\"instance\":\"counter-1\",\"name\":\"add\",\"input\":0}", 30000,
                    &answer),
       "call");
  check_that(strstr(answer, "zero adds nothing") != NULL, "or rejected", answer);
  free(answer);
  need(dx_host_call(world->client, "{\"instance\":\"counter-1\",\"name\":\"add\",\"input\":40}", 30000,
                    &answer),
       "call");
  check_that(strstr(answer, "\"result\":42") != NULL, "and the next one, too", answer);
  free(answer);
  check_code(dx_client_raise_event(world->client, text("counter-1"), text("stop"), text("null")), DX_OK,
             "stop");
  ends(world, "counter-1", "\"output\":42");
}

static void others(world *world) {
  begin(world, "rounds", "rounds-1", "3");
  ends(world, "rounds-1", "\"execution\":4");
  begin(world, "adds wrongly", "adds-1", "null");
  ends(world, "adds-1",
       "\"type\":\"NativeArgument\",\"message\":\"parameter 2 ('b') of 'add' takes int32: it was given a "
       "string\"");
  begin(world, "forgets", "forgets-1", "null");
  need(dx_host_advance_clock(world->store, 24 * 60 * 60 * 1000, 60000), "advance");
  dx_buffer out = {NULL, 0};
  need(dx_client_describe(world->client, text("forgets-1"), &out), "describe");
  check_that(strstr(out.data, "Quarantined") != NULL &&
                 strstr(out.data, "called complete after a call that waits had said false") != NULL,
             "a function that forgets to return is quarantined, and told why", out.data);
  dx_buffer_free(&out);
}

/* ---- Many at once, of which few are kept, on several threads
 * ------------------------------------------------ */

static void steps(dx_orch *o) {
  long sum = 0;
  const char *result;
  for (int i = 0; i < 5; i++) {
    if (!dx_orch_run_activity(o, "add", dx_orch_format(o, "[%s,%d]", dx_orch_input(o), i), NULL, &result))
      return;
    sum += atol(result);
  }
  if (!dx_orch_await(o, dx_orch_wait_for_event(o, "go"), NULL)) return;
  dx_orch_complete(o, dx_orch_format(o, "%ld", sum));
}

static void many(int32_t cached) {
  enum { MANY = 200 };
  dx_store *store;
  dx_client *client;
  dx_runtime *runtime;
  dx_store_options memory = DX_STORE_OPTIONS_INIT;
  dx_runtime_options threads = DX_RUNTIME_OPTIONS_INIT;
  dx_orch_options few = {.cached = cached};
  int right = 0;
  char name[80];
  memory.url = text("memory:");
  threads.config = text("{\"turnThreads\":8}");
  need(dx_store_open(&memory, &store), "open");
  need(dx_runtime_new(store, &threads, &runtime), "runtime");
  need(dx_client_new(store, &client), "client");
  need(dx_orch_register(runtime, "steps", steps, &few), "register steps");
  if (!dx_native_register_function(runtime, "add", (void (*)(void))add, "int(int, int)", NULL)) abort();
  need(dx_runtime_start(runtime), "start");
  for (int i = 0; i < MANY; i++) {
    char id[20], input[20];
    snprintf(id, sizeof id, "m-%d", i);
    snprintf(input, sizeof input, "%d", i);
    need(dx_host_start(client, "steps", id, input, NULL), id);
    need(dx_client_raise_event(client, text(id), text("go"), text("null")), id);
  }
  for (int i = 0; i < MANY; i++) {
    char id[20], sum[20];
    dx_host_end end;
    snprintf(id, sizeof id, "m-%d", i);
    snprintf(sum, sizeof sum, "%d", 5 * i + 10);
    need(dx_host_result(client, id, 60000, &end), id);
    right += end.output != NULL && strcmp(end.output, sum) == 0;
    dx_host_end_free(&end);
  }
  snprintf(name, sizeof name, "%d at once on 8 threads, cached %d", MANY, (int)cached);
  check_that(right == MANY, name, "some came to another end");
  check_code(dx_host_stop(runtime, 1000), DX_OK, "stop");
  dx_runtime_free(runtime);
  dx_client_free(client);
  dx_store_close(store);
}

int main(void) {
  static const char *const configs[] = {"", "{\"cache\":\"off\"}"};
  for (size_t i = 0; i < 2; i++) {
    world world;
    open_world(&world, configs[i]);
    orders(&world);
    counts(&world);
    others(&world);
    close_world(&world);
  }
  many(0);
  many(3);
  many(-1);
  return checks_done();
}
