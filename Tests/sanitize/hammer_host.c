/* The host of the hammer. `work` runs the activity `echo` with its input, waits for the event `go`, in either
 * order, and returns what the activity said; a cancellation ends it. Answers come inside the callback, from
 * another thread, by token, or as a failure at first: whatever a host may do. */
#include "hammer.h"

#include "dx_json.h"

#define FAILURE "{\"type\":\"Test\",\"message\":\"on purpose\"}"
#define SCHEDULE                                                                               \
  "{\"id\":1,\"after\":%lld,\"kind\":\"ScheduleActivity\",\"name\":\"echo\",\"input\":%.*s,"   \
  "\"options\":{\"retry\":{\"maxAttempts\":0,\"initialIntervalMS\":1,\"maxIntervalMS\":20}}}," \
  "{\"id\":2,\"after\":%lld,\"kind\":\"WaitForEvent\",\"name\":\"go\"}"

/* ---- What the code of `work` answers to a turn request ------------------------------------------------- */

static void write_answer(dx_text request, char *answer, size_t capacity) {
  char actions[512] = "", end[512] = "";
  dx_text event, events = dx_json_member(request, "events");
  dx_text output = {"null", 4};
  bool is_done = false, is_released = false;
  while (end[0] == '\0' && dx_json_next(&events, NULL, &event)) {
    dx_text kind = dx_json_member(event, "kind");
    long long id = dx_json_int64_or(dx_json_member(event, "id"), 0);
    if (dx_json_equals(kind, "OrchestrationStarted")) {
      dx_text input = dx_json_member(event, "input");
      snprintf(actions, sizeof actions, SCHEDULE, id, (int)input.size, input.data, id);
    } else if (dx_json_equals(kind, "ActivityCompleted")) {
      output = dx_json_member(event, "result");
      is_done = true;
    } else if (dx_json_equals(kind, "EventRaised")) {
      is_released = true;
    } else if (dx_json_equals(kind, "CancellationRequested")) {
      snprintf(end, sizeof end, ",\"end\":{\"after\":%lld,\"kind\":\"Cancelled\"}", id);
    }
    if (is_done && is_released && end[0] == '\0') {
      snprintf(end, sizeof end, ",\"end\":{\"after\":%lld,\"kind\":\"Completed\",\"output\":%.*s}", id,
               (int)output.size, output.data);
    }
  }
  if (dx_json_member(request, "query").data != NULL) {
    snprintf(answer, capacity, "{\"v\":1,\"query\":{\"result\":%s}}", is_done ? "true" : "false");
  } else {
    snprintf(answer, capacity, "{\"v\":1,\"actions\":[%s]%s,\"retained\":false}", actions, end);
  }
}

/* Different for each piece of work, the same for none. */
static uint64_t chance(void) {
  static atomic_ullong calls;
  uint64_t state = atomic_fetch_add(&calls, 1);
  return next_random(&state);
}

/* ---- Answers from another thread ------------------------------------------------------------------------
 */

typedef struct task {
  struct task *next;
  dx_turn *turn;
  dx_activity *activity;
  char *token;  /* of a deferred attempt */
  char *answer; /* or result */
} task;

static pthread_mutex_t tasks_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t tasks_changed = PTHREAD_COND_INITIALIZER;
static task *tasks;
static bool tasks_ended;
static pthread_t finisher;

static void later(task given) {
  task *task = malloc(sizeof *task);
  if (task == NULL) abort();
  *task = given;
  pthread_mutex_lock(&tasks_lock);
  task->next = tasks; /* the last first: the order of answers is not the order of calls */
  tasks = task;
  pthread_cond_signal(&tasks_changed);
  pthread_mutex_unlock(&tasks_lock);
}

static void finish(task *task) {
  if (task->turn != NULL) {
    TAKEN(dx_turn_complete(task->turn, text(task->answer)), "turn_complete later", DX_STALE,
          DX_INVALID_HANDLE);
  } else if (task->activity != NULL) {
    TAKEN(dx_activity_complete(task->activity, text(task->answer)), "activity_complete later", DX_STALE,
          DX_INVALID_HANDLE);
  } else {
    TAKEN(dx_client_heartbeat_activity(main_client, text(task->token), text("1")), "heartbeat by token",
          DX_STALE, DX_NOT_FOUND, DX_INVALID_HANDLE);
    TAKEN(dx_client_complete_activity(main_client, text(task->token), text(task->answer)),
          "complete by token", DX_STALE, DX_NOT_FOUND, DX_INVALID_HANDLE);
  }
  free(task->token);
  free(task->answer);
  free(task);
}

static void *finish_all(void *unused) {
  (void)unused;
  pthread_mutex_lock(&tasks_lock);
  while (tasks != NULL || !tasks_ended) {
    while (tasks == NULL && !tasks_ended) pthread_cond_wait(&tasks_changed, &tasks_lock);
    task *task = tasks;
    if (task == NULL) continue;
    tasks = task->next;
    pthread_mutex_unlock(&tasks_lock);
    finish(task);
    pthread_mutex_lock(&tasks_lock);
  }
  pthread_mutex_unlock(&tasks_lock);
  return NULL;
}

void finisher_start(void) {
  tasks_ended = false;
  if (pthread_create(&finisher, NULL, finish_all, NULL) != 0) abort();
}

void finisher_end(void) {
  pthread_mutex_lock(&tasks_lock);
  tasks_ended = true;
  pthread_cond_signal(&tasks_changed);
  pthread_mutex_unlock(&tasks_lock);
  pthread_join(finisher, NULL);
}

static char *copy(dx_text value) {
  char *text = malloc(value.size + 1);
  if (text == NULL) abort();
  memcpy(text, value.data, value.size);
  text[value.size] = '\0';
  return text;
}

/* ---- Callbacks ------------------------------------------------------------------------------------------
 */

static void run_turn(dx_turn *turn, void *user_data) {
  dx_text request;
  char answer[2048];
  uint64_t choice = chance() % 100;
  (void)user_data;
  callback_began("a turn");
  atomic_fetch_add(&seen.turns, 1);
  if (TAKEN(dx_turn_input(turn, &request), "turn_input", DX_STALE, DX_INVALID_HANDLE) != DX_OK) return;
  write_answer(request, answer, sizeof answer);
  if (choice < 2) {
    TAKEN(dx_turn_fail(turn, text(FAILURE)), "turn_fail", DX_STALE, DX_INVALID_HANDLE);
  } else if (choice < 12) {
    later((task){NULL, turn, NULL, NULL, strdup(answer)});
  } else {
    TAKEN(dx_turn_complete(turn, text(answer)), "turn_complete", DX_STALE, DX_INVALID_HANDLE);
  }
}

static void cancelled(void *user_data) {
  (void)user_data;
  callback_began("a cancellation");
}

static void run_activity(dx_activity *activity, void *user_data) {
  dx_text input;
  uint64_t choice = chance() % 100;
  (void)user_data;
  callback_began("an activity");
  atomic_fetch_add(&seen.activities, 1);
  if (TAKEN(dx_activity_input(activity, &input), "activity_input", DX_STALE, DX_INVALID_HANDLE) != DX_OK) {
    return;
  }
  char *result = copy(dx_json_member(input, "input"));
  dx_text quoted = dx_json_member(input, "token");
  dx_text token = {quoted.data + 1, quoted.size - 2};
  (void)dx_activity_is_cancelled(activity);
  if (choice % 4 == 0) {
    atomic_fetch_add(&seen.releases_owed, 1);
    TAKEN(dx_activity_on_cancel(activity, cancelled, NULL, release_seen), "on_cancel", DX_STALE,
          DX_INVALID_HANDLE);
  }
  if (choice % 5 == 0)
    TAKEN(dx_activity_heartbeat(activity, text("1")), "heartbeat", DX_STALE, DX_INVALID_HANDLE);
  if (choice < 5) {
    TAKEN(dx_activity_fail(activity, text(FAILURE)), "activity_fail", DX_STALE, DX_INVALID_HANDLE);
    free(result);
  } else if (choice < 15) {
    later((task){NULL, NULL, activity, NULL, result});
  } else if (choice < 20) {
    char *copied = copy(token);
    dx_code code = TAKEN(dx_activity_defer(activity), "defer", DX_STALE, DX_INVALID_HANDLE);
    if (code == DX_OK) {
      later((task){NULL, NULL, NULL, copied, result});
    } else {
      free(copied);
      free(result);
    }
  } else {
    TAKEN(dx_activity_complete(activity, text(result)), "activity_complete", DX_STALE, DX_INVALID_HANDLE);
    free(result);
  }
}

/* ---- Polling --------------------------------------------------------------------------------------------
 */

struct server {
  dx_runtime *runtime;
  int pollers;
  pthread_t threads[4];
};

/* Appends to `answers`, which has room for all that one poll hands out. */
static size_t answer_work(dx_text work, char *answers, size_t capacity) {
  dx_text each, turns = dx_json_member(work, "turns"), activities = dx_json_member(work, "activities");
  size_t size = (size_t)snprintf(answers, capacity, "{\"v\":1,\"turns\":[");
  const char *comma = "";
  for (; dx_json_next(&turns, NULL, &each); comma = ",") {
    char answer[2048];
    atomic_fetch_add(&seen.turns, 1);
    write_answer(dx_json_member(each, "request"), answer, sizeof answer);
    long long token = dx_json_int64_or(dx_json_member(each, "token"), 0);
    size += (size_t)snprintf(answers + size, capacity - size, "%s{\"token\":%lld,\"answer\":%s}", comma,
                             token, answer);
  }
  size += (size_t)snprintf(answers + size, capacity - size, "],\"activities\":[");
  for (comma = ""; dx_json_next(&activities, NULL, &each); comma = ",") {
    dx_text input = dx_json_member(dx_json_member(each, "task"), "input");
    long long token = dx_json_int64_or(dx_json_member(each, "token"), 0);
    atomic_fetch_add(&seen.activities, 1);
    size += (size_t)snprintf(answers + size, capacity - size, "%s{\"token\":%lld,\"result\":%.*s}", comma,
                             token, (int)input.size, input.data);
  }
  return size + (size_t)snprintf(answers + size, capacity - size, "]}");
}

static dx_text as_text(dx_buffer buffer) { return (dx_text){buffer.data, buffer.size}; }

/* What no poll hands in any more, as the runtime has stopped or is gone: each token wants its answer. */
static void give_up(dx_text work) {
  dx_text each, turns = dx_json_member(work, "turns"), activities = dx_json_member(work, "activities");
  while (dx_json_next(&turns, NULL, &each)) {
    int64_t token = dx_json_int64_or(dx_json_member(each, "token"), 0);
    TAKEN(dx_turn_fail((dx_turn *)token, text(FAILURE)), "turn_fail at the end", DX_STALE, DX_INVALID_HANDLE);
  }
  while (dx_json_next(&activities, NULL, &each)) {
    int64_t token = dx_json_int64_or(dx_json_member(each, "token"), 0);
    TAKEN(dx_activity_fail((dx_activity *)token, text(FAILURE)), "activity_fail at the end", DX_STALE,
          DX_INVALID_HANDLE);
  }
}

static void *poll_all(void *given) {
  server *server = given;
  static const size_t capacity = 64 * 1024;
  char *answers = malloc(capacity);
  dx_text handed_in = {NULL, 0};
  dx_buffer work = {NULL, 0};
  if (answers == NULL) abort();
  for (bool stopped = false; !stopped;) {
    dx_buffer out = {NULL, 0};
    dx_code code = TAKEN(dx_runtime_poll(server->runtime, handed_in, 8, 8, 100, &out), "poll",
                         DX_INVALID_HANDLE, DX_CLOSED);
    if (code != DX_OK) break;
    dx_buffer_free(&work);
    work = out;
    (void)dx_json_bool(dx_json_member(as_text(work), "stopped"), &stopped);
    handed_in.data = answers;
    handed_in.size = answer_work(as_text(work), answers, capacity);
  }
  if (work.data != NULL) give_up(as_text(work));
  dx_buffer_free(&work);
  free(answers);
  return NULL;
}

server *server_start(dx_store *store, int pollers) {
  server *server = calloc(1, sizeof *server);
  if (server == NULL) abort();
  dx_runtime_options options = DX_RUNTIME_OPTIONS_INIT;
  options.config = text("{\"turnThreads\":3,\"activitySlots\":8,\"cachedInstances\":100}");
  if (TAKEN(dx_runtime_new(store, &options, &server->runtime), "runtime_new", DX_CLOSED, DX_INVALID_HANDLE) !=
      DX_OK) {
    free(server);
    return NULL;
  }
  bool calls_back = pollers == 0;
  atomic_fetch_add(&seen.releases_owed, 2);
  TAKEN(dx_register_orchestration(server->runtime, text("work"), text(""), calls_back ? run_turn : NULL,
                                  server, release_seen),
        "register_orchestration", DX_OK);
  TAKEN(dx_register_activity(server->runtime, text("echo"), calls_back ? run_activity : NULL, server,
                             release_seen),
        "register_activity", DX_OK);
  TAKEN(dx_runtime_start(server->runtime), "runtime_start", DX_CLOSED);
  server->pollers = pollers;
  for (int i = 0; i < pollers; i++) {
    if (pthread_create(&server->threads[i], NULL, poll_all, server) != 0) abort();
  }
  return server;
}

typedef struct end_seen {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  bool done;
} end_seen;

static void ended(void *user_data) {
  end_seen *end = user_data;
  callback_began("the end of a runtime");
  pthread_mutex_lock(&end->lock);
  end->done = true;
  pthread_cond_signal(&end->changed);
  pthread_mutex_unlock(&end->lock);
}

void server_end(server *server, int64_t grace_ms) {
  if (server == NULL) return;
  if (grace_ms >= 0) {
    end_seen end = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    if (TAKEN(dx_runtime_stop(server->runtime, grace_ms, ended, &end), "stop", DX_CLOSED) == DX_OK) {
      pthread_mutex_lock(&end.lock);
      while (!end.done) pthread_cond_wait(&end.changed, &end.lock);
      pthread_mutex_unlock(&end.lock);
    }
  }
  CALLED(dx_runtime_free(server->runtime));
  for (int i = 0; i < server->pollers; i++) pthread_join(server->threads[i], NULL);
  free(server);
}
