/* One orchestration with one activity, in plain C.
 *
 *     cc -Iinclude examples/hello/hello.c -ldx -lpthread -o hello && ./hello sqlite:hello.sqlite Ada
 */
#include "json.h"

#include <pthread.h>
#include <stdio.h>

static dx_text text(const char *string) {
  dx_text text = {string, DX_NUL_TERMINATED};
  return text;
}

/* Prints an error and ends the program; success passes. */
static void check(dx_error *error) {
  if (error == NULL) return;
  fprintf(stderr, "hello: %s\n", dx_error_message(error));
  exit(1);
}

/* A turn: the engine tells what has happened, the orchestration answers with what is to be done next.
 * This one keeps nothing between turns ("retained": false), so it is always told everything. */
static void hello(dx_turn *turn, void *user_data) {
  dx_text request, event;
  char answer[512] = "";
  (void)user_data;
  check(dx_turn_input(turn, &request));
  dx_text events = json_member(request, "\"events\"");
  dx_text input = {"null", 4};
  const char *actions = "";
  char end[256] = "";
  while (json_next(&events, &event)) {
    dx_text kind = json_member(event, "\"kind\"");
    int id = (int)json_integer(json_member(event, "\"id\""));
    if (json_is(kind, "\"OrchestrationStarted\"")) {
      input = json_member(event, "\"input\"");
      static const char *schedule =
          "{\"id\":1,\"after\":%d,\"kind\":\"ScheduleActivity\",\"name\":\"greet\",\"input\":%.*s}";
      snprintf(answer, sizeof answer, schedule, id, (int)input.size, input.data);
      actions = answer;
    } else if (json_is(kind, "\"ActivityCompleted\"")) {
      dx_text result = json_member(event, "\"result\"");
      snprintf(end, sizeof end, ",\"end\":{\"after\":%d,\"kind\":\"Completed\",\"output\":%.*s}", id,
               (int)result.size, result.data);
    }
  }
  char whole[1024];
  snprintf(whole, sizeof whole, "{\"v\":1,\"actions\":[%s]%s,\"retained\":false}", actions, end);
  check(dx_turn_complete(turn, text(whole)));
}

/* An activity: an ordinary function. Its input is the JSON string of a name. */
static void greet(dx_activity *activity, void *user_data) {
  dx_text task;
  char result[256];
  (void)user_data;
  check(dx_activity_input(activity, &task));
  dx_text name = json_member(task, "\"input\"");
  snprintf(result, sizeof result, "\"Hello, %.*s!\"", (int)name.size - 2, name.data + 1);
  dx_error_free(dx_activity_complete(activity, text(result)));
}

struct waiter {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  bool done;
};

static void ended(dx_error *error, dx_text description, void *user_data) {
  struct waiter *waiter = user_data;
  check(error);
  dx_text output = json_member(description, "\"output\"");
  printf("%.*s\n", (int)output.size, output.data);
  pthread_mutex_lock(&waiter->lock);
  waiter->done = true;
  pthread_cond_signal(&waiter->changed);
  pthread_mutex_unlock(&waiter->lock);
}

int main(int count, char **arguments) {
  const char *url = count > 1 ? arguments[1] : "memory:";
  const char *name = count > 2 ? arguments[2] : "World";
  if (strlen(name) > 100 || strpbrk(name, "\"\\") != NULL) {
    fprintf(stderr, "hello: a name has at most 100 bytes and no quotes\n");
    return 1;
  }
  dx_store *store;
  dx_store_options options = DX_STORE_OPTIONS_INIT;
  options.url = text(url);
  check(dx_store_open(&options, &store));

  dx_runtime *runtime;
  check(dx_runtime_new(store, NULL, &runtime));
  check(dx_register_orchestration(runtime, text("hello"), text(""), hello, NULL, NULL));
  check(dx_register_activity(runtime, text("greet"), greet, NULL, NULL));
  check(dx_runtime_start(runtime));

  dx_client *client;
  dx_buffer started = {NULL, 0};
  char request[256];
  check(dx_client_new(store, &client));
  snprintf(request, sizeof request, "{\"orchestration\":\"hello\",\"input\":\"%s\"}", name);
  check(dx_client_start(client, text(request), &started));

  dx_text whole = {started.data, started.size};
  dx_text quoted = json_member(whole, "\"instance\"");
  dx_text instance = {quoted.data + 1, quoted.size - 2};
  struct waiter waiter = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
  check(dx_client_wait(client, instance, 30000, ended, &waiter));
  pthread_mutex_lock(&waiter.lock);
  while (!waiter.done) pthread_cond_wait(&waiter.changed, &waiter.lock);
  pthread_mutex_unlock(&waiter.lock);

  dx_buffer_free(&started);
  dx_client_free(client);
  dx_runtime_free(runtime);
  dx_store_close(store);
  return 0;
}
