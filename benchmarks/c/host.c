#include "host.h"

#include "dx_json.h"
#include "table.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#define BATCH 2000

static table instances;
static pthread_mutex_t instances_lock = PTHREAD_MUTEX_INITIALIZER;

void host_check(dx_error *error) {
  if (error == NULL) return;
  fprintf(stderr, "bench: %s\n", dx_error_message(error));
  exit(1);
}

double seconds_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static dx_text text(const char *string) {
  dx_text text = {string, strlen(string)};
  return text;
}

/* ---- Text that grows -------------------------------------------------------------------------------------
 */

typedef struct builder {
  char *data;
  size_t size, capacity;
} builder;

static void add(builder *builder, const char *format, ...) {
  va_list arguments;
  if (builder->capacity - builder->size < 512) {
    builder->capacity = builder->capacity * 2 + 4096;
    builder->data = realloc(builder->data, builder->capacity);
    if (builder->data == NULL) abort();
  }
  va_start(arguments, format);
  int size = vsnprintf(builder->data + builder->size, 512, format, arguments);
  va_end(arguments);
  if (size < 0 || size >= 512) abort();
  builder->size += (size_t)size;
}

/* ---- Turns -----------------------------------------------------------------------------------------------
 */

typedef struct turn_state {
  live *live;
  builder answer;
  bool ended;
} turn_state;

static void add_action(turn_state *turn, long long after, const char *rest) {
  const char *comma = turn->answer.data[turn->answer.size - 1] == '[' ? "" : ",";
  turn->live->scheduled++;
  add(&turn->answer, "%s{\"id\":%d,\"after\":%lld,%s}", comma, turn->live->scheduled, after, rest);
}

static void deliver(turn_state *turn, dx_text event) {
  static const char *schedule = "\"kind\":\"ScheduleActivity\",\"name\":\"echo\",\"input\":1";
  live *live = turn->live;
  dx_text kind = dx_json_member(event, "kind");
  live->last = dx_json_int64_or(dx_json_member(event, "id"), 0);
  if (dx_json_equals(kind, "OrchestrationStarted")) {
    live->total = (int)dx_json_int64_or(dx_json_member(event, "input"), 0);
    live->width = dx_json_equals(dx_json_member(event, "name"), "fan") ? live->total : 1;
    if (live->total == 0) add_action(turn, live->last, "\"kind\":\"WaitForEvent\",\"name\":\"never\"");
  } else if (dx_json_equals(kind, "ActivityCompleted")) {
    live->answered++;
  }
  while (live->scheduled < live->total && live->scheduled - live->answered < live->width) {
    add_action(turn, live->last, schedule);
  }
  turn->ended = live->total > 0 && live->answered == live->total;
}

static void run_turn(dx_turn *token, void *user_data) {
  host *host = user_data;
  dx_text request, event;
  turn_state turn = {NULL, {NULL, 0, 0}, false};
  host_check(dx_turn_input(token, &request));
  dx_text instance = dx_json_member(request, "instance");
  long long from = dx_json_int64_or(dx_json_member(request, "from"), 0);
  /* The lock is held for the whole turn: a slot must not move while it is used, and turns are short. */
  pthread_mutex_lock(&instances_lock);
  if (from == 0) table_remove(&instances, instance);
  turn.live = from == 0 ? table_insert(&instances, instance) : table_find(&instances, instance);
  if (turn.live == NULL || turn.live->last != from) {
    pthread_mutex_unlock(&instances_lock);
    host_check(dx_turn_complete(token, text("{\"v\":1,\"miss\":true}")));
    return;
  }
  add(&turn.answer, "{\"v\":1,\"actions\":[");
  dx_text events = dx_json_member(request, "events");
  while (!turn.ended && dx_json_next(&events, NULL, &event)) deliver(&turn, event);
  add(&turn.answer, "]");
  if (turn.ended) {
    add(&turn.answer, ",\"end\":{\"after\":%lld,\"kind\":\"Completed\",\"output\":1}", turn.live->last);
    table_remove(&instances, instance);
  }
  pthread_mutex_unlock(&instances_lock);
  add(&turn.answer, ",\"retained\":%s}", turn.ended ? "false" : "true");
  dx_text answer = {turn.answer.data, turn.answer.size};
  host_check(dx_turn_complete(token, answer));
  free(turn.answer.data);
  atomic_fetch_add(&host->turns, 1);
}

static void run_activity(dx_activity *activity, void *user_data) {
  (void)user_data;
  host_check(dx_activity_complete(activity, text("1")));
}

/* ---- Client ----------------------------------------------------------------------------------------------
 */

void host_start(host *host, const char *url) {
  static const char *names[] = {"hello", "chain", "fan", "park"};
  memset(host, 0, sizeof *host);
  pthread_mutex_init(&host->lock, NULL);
  pthread_cond_init(&host->changed, NULL);
  dx_store_options options = DX_STORE_OPTIONS_INIT;
  options.url = text(url);
  host_check(dx_store_open(&options, &host->store));
  host_check(dx_client_new(host->store, &host->client));
  host_check(dx_runtime_new(host->store, NULL, &host->runtime));
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    host_check(dx_register_orchestration(host->runtime, text(names[i]), text(""), run_turn, host, NULL));
  }
  host_check(dx_register_activity(host->runtime, text("echo"), run_activity, NULL, NULL));
  host_check(dx_runtime_start(host->runtime));
}

void host_free(host *host) {
  dx_runtime_free(host->runtime);
  dx_client_free(host->client);
  dx_store_close(host->store);
}

void host_start_many(host *host, const char *orchestration, const char *prefix, int count, int total) {
  for (int begin = 0; begin < count; begin += BATCH) {
    builder requests = {NULL, 0, 0};
    dx_buffer out = {NULL, 0};
    add(&requests, "[");
    for (int i = begin; i < count && i < begin + BATCH; i++) {
      add(&requests, "%s{\"orchestration\":\"%s\",\"instance\":\"%s%d\",\"input\":%d}", i > begin ? "," : "",
          orchestration, prefix, i, total);
    }
    add(&requests, "]");
    dx_text all = {requests.data, requests.size};
    host_check(dx_client_start_many(host->client, all, &out));
    free(requests.data);
    if (strstr(out.data, "\"error\"") != NULL) {
      fprintf(stderr, "bench: a start was refused: %.400s\n", strstr(out.data, "\"error\""));
      exit(1);
    }
    dx_buffer_free(&out);
  }
}

static void one_ended(dx_error *error, dx_text description, void *user_data) {
  host *host = user_data;
  host_check(error);
  if (!dx_json_equals(dx_json_member(description, "status"), "Completed")) {
    fprintf(stderr, "bench: an instance did not complete: %.*s\n", (int)description.size, description.data);
    exit(1);
  }
  pthread_mutex_lock(&host->lock);
  host->ended++;
  pthread_cond_signal(&host->changed);
  pthread_mutex_unlock(&host->lock);
}

void host_wait_many(host *host, const char *prefix, int count) {
  char instance[128];
  pthread_mutex_lock(&host->lock);
  host->ended = 0;
  pthread_mutex_unlock(&host->lock);
  for (int i = 0; i < count; i++) {
    snprintf(instance, sizeof instance, "%s%d", prefix, i);
    host_check(dx_client_wait(host->client, text(instance), 600000, one_ended, host));
  }
  pthread_mutex_lock(&host->lock);
  while (host->ended < count) pthread_cond_wait(&host->changed, &host->lock);
  pthread_mutex_unlock(&host->lock);
}
