/* Turns, activities and the life of a runtime: tokens answer once, callbacks and releases come once. */
#include "check.h"

#define RAN(actions, rest) "{\"v\":1,\"actions\":[" actions "]" rest ",\"retained\":false}"
#define SCHEDULE "{\"id\":1,\"after\":1,\"kind\":\"ScheduleActivity\",\"name\":\"work\",\"input\":1}"
#define FAILURE "{\"type\":\"Test\",\"message\":\"on purpose\"}"

static dx_store *store;
static dx_client *client;

/* What the next turn or activity is answered with; the codes that came back. */
typedef struct script {
  const char *name;
  const char *answer;
  dx_code code;
  tally answered;
  dx_code got, again;
  dx_error *input_after;
} script;

static bool contains(dx_text whole, const char *part) {
  size_t size = strlen(part);
  for (size_t i = 0; i + size <= whole.size; i++) {
    if (memcmp(whole.data + i, part, size) == 0) return true;
  }
  return false;
}

static dx_code taking(dx_error *error) {
  dx_code code = dx_error_code(error);
  dx_error_free(error);
  return code;
}

/* The first turn is answered as the script says, later ones end the instance. What cannot be read is told at
 * once; what breaks the rules is found when the engine gets to it, and either way the turn comes again. */
static void scripted_turn(dx_turn *turn, void *user_data) {
  script *script = user_data;
  dx_text input = {NULL, 0};
  need(dx_turn_input(turn, &input), "the input of a turn");
  if (tally_count(&script->answered) > 0) {
    const char *end = ",\"end\":{\"after\":1,\"kind\":\"Completed\",\"output\":1}";
    bool scheduled = contains(input, "\"ActivityCompleted\"");
    char ended[512];
    snprintf(ended, sizeof ended, "{\"v\":1,\"actions\":[%s]%s,\"retained\":false}",
             scheduled ? SCHEDULE : "", scheduled ? "" : end);
    dx_error_free(dx_turn_complete(turn, text(ended)));
    return;
  }
  script->got = taking(dx_turn_complete(turn, text(script->answer)));
  script->again = taking(dx_turn_complete(turn, text(script->answer)));
  script->input_after = dx_turn_input(turn, &input);
  tally_add(&script->answered);
}

static script turn_scripts[] = {
    {"turn: a good answer", RAN("", ",\"end\":{\"after\":1,\"kind\":\"Completed\",\"output\":1}"), DX_OK,
     TALLY_INIT, 0, 0, NULL},
    {"turn: not JSON", "{", DX_PROTOCOL, TALLY_INIT, 0, 0, NULL},
    {"turn: not an object", "[]", DX_PROTOCOL, TALLY_INIT, 0, 0, NULL},
    {"turn: no actions", "{\"v\":1,\"retained\":false}", DX_PROTOCOL, TALLY_INIT, 0, 0, NULL},
    {"turn: another version", "{\"v\":2,\"actions\":[],\"retained\":false}", DX_PROTOCOL, TALLY_INIT, 0, 0,
     NULL},
    {"turn: a number that is missing",
     RAN("{\"id\":2,\"after\":1,\"kind\":\"CreateTimer\",\"fireAt\":1}", ""), DX_PROTOCOL, TALLY_INIT, 0, 0,
     NULL},
    {"turn: after what was not delivered",
     RAN("{\"id\":1,\"after\":9,\"kind\":\"CreateTimer\",\"fireAt\":1}", ""), DX_PROTOCOL, TALLY_INIT, 0, 0,
     NULL},
    {"turn: an unknown action", RAN("{\"id\":1,\"after\":1,\"kind\":\"Dance\"}", ""), DX_PROTOCOL, TALLY_INIT,
     0, 0, NULL},
    {"turn: a cancel of nothing", RAN("{\"id\":1,\"after\":1,\"kind\":\"Cancel\",\"target\":1}", ""),
     DX_PROTOCOL, TALLY_INIT, 0, 0, NULL},
    {"turn: a miss of a whole history", "{\"v\":1,\"miss\":true}", DX_PROTOCOL, TALLY_INIT, 0, 0, NULL},
    {"turn: cancelled uncalled", RAN("", ",\"end\":{\"after\":1,\"kind\":\"Cancelled\"}"), DX_PROTOCOL,
     TALLY_INIT, 0, 0, NULL},
};
#define TURN_SCRIPTS (sizeof turn_scripts / sizeof *turn_scripts)

static void start_instance(const char *orchestration, const char *instance) {
  char request[256];
  dx_buffer out = {NULL, 0};
  snprintf(request, sizeof request, "{\"orchestration\":\"%s\",\"instance\":\"%s\",\"input\":1}",
           orchestration, instance);
  need(dx_client_start(client, text(request), &out), "an instance");
  dx_buffer_free(&out);
}

static dx_runtime *new_runtime(void) {
  dx_runtime *runtime = NULL;
  need(dx_runtime_new(store, NULL, &runtime), "a runtime");
  return runtime;
}

static void check_turns(void) {
  dx_runtime *runtime = new_runtime();
  char name[128];
  for (size_t i = 0; i < TURN_SCRIPTS; i++) {
    snprintf(name, sizeof name, "turn-%zu", i);
    need(dx_register_orchestration(runtime, text(name), text(""), scripted_turn, &turn_scripts[i], NULL),
         name);
  }
  need(dx_runtime_start(runtime), "starting");
  for (size_t i = 0; i < TURN_SCRIPTS; i++) {
    script *script = &turn_scripts[i];
    snprintf(name, sizeof name, "turn-%zu", i);
    start_instance(name, name);
    check_that(tally_wait(&script->answered, 1) == 1, script->name, "no turn came");
    char why[96];
    snprintf(why, sizeof why, "code %d instead of %d", (int)script->got, (int)script->code);
    check_that(script->got == script->code, script->name, why);
    snprintf(name, sizeof name, "%s: answered again", script->name);
    check_that(script->again == DX_INVALID_HANDLE, name, "the token was still there");
    snprintf(name, sizeof name, "%s: input after the answer", script->name);
    check_code(script->input_after, DX_INVALID_HANDLE, name);
    tally ended = TALLY_INIT;
    snprintf(name, sizeof name, "turn-%zu", i);
    need(dx_client_wait(client, text(name), 10000, tally_waited, &ended), "waiting");
    snprintf(name, sizeof name, "%s: the instance goes on", script->name);
    check_that(tally_wait(&ended, 1) == 1 && ended.code == DX_OK, name, "it did not end");
  }
  dx_runtime_free(runtime);
}

/* ---- Activities
 * -------------------------------------------------------------------------------------------------- */

static void schedule_once(dx_turn *turn, void *user_data) {
  dx_text input = {NULL, 0};
  (void)user_data;
  need(dx_turn_input(turn, &input), "the input of a turn");
  bool ended = contains(input, "\"ActivityCompleted\"") || contains(input, "\"ActivityFailed\"");
  /* Started, Scheduled, then the result is event 3. */
  const char *answer =
      ended ? RAN(SCHEDULE, ",\"end\":{\"after\":3,\"kind\":\"Completed\",\"output\":1}") : RAN(SCHEDULE, "");
  check_code(dx_turn_complete(turn, text(answer)), DX_OK, "a turn that schedules, then ends");
}

typedef struct activity_script {
  const char *name;
  const char *answer;
  bool fails;
  dx_code code;
} activity_script;

/* A wrong result is refused, counts as a failure of the attempt, and the orchestration hears of it. */
static const activity_script activity_scripts[] = {
    {"activity: a result", "{\"a\":[1,2]}", false, DX_OK},
    {"activity: nothing", "", false, DX_OK},
    {"activity: not JSON", "{", false, DX_INVALID_ARGUMENT},
    {"activity: not UTF-8", "\"\xff\"", false, DX_INVALID_ARGUMENT},
    {"activity: a failure", FAILURE, true, DX_OK},
    {"activity: a failure without a type", "{\"message\":\"m\"}", true, DX_PROTOCOL},
    {"activity: a failure that is not JSON", "no", true, DX_PROTOCOL},
};
#define ACTIVITY_SCRIPTS (sizeof activity_scripts / sizeof *activity_scripts)

static const activity_script *current_activity;
static dx_activity *kept_activity;
static tally activities_seen = TALLY_INIT;

static void scripted_activity(dx_activity *activity, void *user_data) {
  const activity_script *script = current_activity;
  dx_text input = {NULL, 0};
  (void)user_data;
  check_code(dx_activity_input(activity, &input), DX_OK, "the input of an activity");
  check_that(contains(input, "\"key\":\"") && contains(input, "\"input\":1}"), "the task",
             "no key, no input");
  check_that(!dx_activity_is_cancelled(activity), "a fresh activity is not cancelled", "it is");
  dx_text answer = text(script->answer);
  dx_error *error =
      script->fails ? dx_activity_fail(activity, answer) : dx_activity_complete(activity, answer);
  check_code(error, script->code, script->name);
  check_code(dx_activity_complete(activity, text("1")), DX_INVALID_HANDLE, "an activity answered twice");
  check_code(dx_activity_fail(activity, text(FAILURE)), DX_INVALID_HANDLE, "an activity failed afterwards");
  check_code(dx_activity_input(activity, &input), DX_INVALID_HANDLE, "input of an answered activity");
  check_that(dx_activity_is_cancelled(activity), "an answered activity counts as cancelled", "it does not");
  kept_activity = activity;
  tally_add(&activities_seen);
}

static void answer_one(dx_activity *activity, void *user_data) {
  (void)user_data;
  dx_error_free(dx_activity_complete(activity, text("1")));
}

static void check_activities(void) {
  dx_runtime *runtime = new_runtime();
  need(dx_register_orchestration(runtime, text("one"), text(""), schedule_once, NULL, NULL), "registering");
  need(dx_register_activity(runtime, text("work"), scripted_activity, NULL, NULL), "registering");
  need(dx_runtime_start(runtime), "starting");
  for (size_t i = 0; i < ACTIVITY_SCRIPTS; i++) {
    char instance[32];
    tally ended = TALLY_INIT;
    current_activity = &activity_scripts[i];
    snprintf(instance, sizeof instance, "activity-%zu", i);
    start_instance("one", instance);
    need(dx_client_wait(client, text(instance), 10000, tally_waited, &ended), "waiting");
    check_that(tally_wait(&ended, 1) == 1 && ended.code == DX_OK, "the orchestration ends all the same",
               activity_scripts[i].name);
  }
  check_that(tally_wait(&activities_seen, ACTIVITY_SCRIPTS) == (int)ACTIVITY_SCRIPTS, "each ran once", "no");
  dx_runtime_free(runtime);
  check_code(dx_activity_complete(kept_activity, text("1")), DX_INVALID_HANDLE, "a token after its runtime");
}

/* ---- Code that changes under its instance
 * -------------------------------------------------------------------------- */

static void fickle_turn(dx_turn *turn, void *user_data) {
  dx_text input = {NULL, 0};
  need(dx_turn_input(turn, &input), "the input of a turn");
  bool replayed = contains(input, "\"ActivityCompleted\"");
  const char *timer = RAN("{\"id\":1,\"after\":1,\"kind\":\"CreateTimer\",\"fireAt\":1}", "");
  dx_error_free(dx_turn_complete(turn, text(replayed ? timer : RAN(SCHEDULE, ""))));
  tally_add(user_data);
}

static void check_nondeterminism(void) {
  dx_runtime *runtime = new_runtime();
  tally turns = TALLY_INIT;
  bool quarantined = false;
  need(dx_register_orchestration(runtime, text("fickle"), text(""), fickle_turn, &turns, NULL),
       "registering");
  need(dx_register_activity(runtime, text("work"), answer_one, NULL, NULL), "registering");
  need(dx_runtime_start(runtime), "starting");
  start_instance("fickle", "fickle");
  for (int i = 0; i < 200 && !quarantined; i++) {
    dx_buffer out = {NULL, 0};
    settle();
    need(dx_client_describe(client, text("fickle"), &out), "describing");
    dx_text description = {out.data, out.size};
    quarantined = contains(description, "\"status\":\"Quarantined\"") &&
                  contains(description, "\"type\":\"perdure.Nondeterminism\"");
    dx_buffer_free(&out);
  }
  check_that(quarantined, "code that does something else is quarantined with its cause", "it is not");
  settle();
  check_that(tally_count(&turns) == 2, "a quarantined instance has no more turns", "it has");
  dx_runtime_free(runtime);
}

int main(void) {
  dx_store_options options = DX_STORE_OPTIONS_INIT;
  options.url = text("memory:");
  need(dx_store_open(&options, &store), "a store in memory");
  need(dx_client_new(store, &client), "a client");
  check_turns();
  check_activities();
  check_nondeterminism();
  dx_client_free(client);
  dx_store_close(store);
  return checks_done();
}
