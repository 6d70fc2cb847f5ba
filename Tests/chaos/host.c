/* A worker in C for the kill loop: runs orders (three activities with a timer between the first two) until it
 * is killed, or until its input ends.
 *
 *     CHAOS_TRACE=FILE host URL SLOTS
 */
#include "dx_json.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int trace = -1;

static dx_text text(const char *string) {
  dx_text text = {string, DX_NUL_TERMINATED};
  return text;
}

/* Prints an error and ends the program; success passes. */
static void check(dx_error *error) {
  if (error == NULL) return;
  fprintf(stderr, "host: %s\n", dx_error_message(error));
  exit(1);
}

/* Frees an error that a process which may die in between can meet, such as a turn that was given up. */
static void mention(dx_error *error) {
  if (error == NULL) return;
  fprintf(stderr, "host: %s\n", dx_error_message(error));
  dx_error_free(error);
}

struct answer {
  char text[8192];
  size_t size;
};

static void add(struct answer *answer, const char *format, long long a, long long b, dx_text value) {
  int room = (int)(sizeof answer->text - answer->size);
  int size = snprintf(answer->text + answer->size, (size_t)room, format, a, b, (int)value.size, value.data);
  if (size < 0 || size >= room) exit(3);
  answer->size += (size_t)size;
}

/* The actions 1, 3, 4 are activities and 2 is a timer; each follows from the answer to the one before. */
static void order(dx_turn *turn, void *user_data) {
  static const char *activity =
      "%s{\"id\":%lld,\"after\":%lld,\"kind\":\"ScheduleActivity\",\"name\":\"%s\","
      "\"input\":null}";
  dx_text request, event, result;
  struct answer answer = {"{\"v\":1,\"actions\":[", 18};
  struct answer output = {"", 0};
  char action[256];
  dx_text none = {"", 0};
  (void)user_data;
  check(dx_turn_input(turn, &request));
  dx_text events = dx_json_member(request, "events");
  while (dx_json_next(&events, NULL, &event)) {
    dx_text kind = dx_json_member(event, "kind");
    long long id = dx_json_int64_or(dx_json_member(event, "id"), 0);
    long long answered = dx_json_int64_or(dx_json_member(event, "action"), 0);
    if (dx_json_equals(kind, "OrchestrationStarted")) {
      snprintf(action, sizeof action, activity, "", 1LL, id, "reserve");
      add(&answer, action, 0, 0, none);
    } else if (dx_json_equals(kind, "TimerFired")) {
      snprintf(action, sizeof action, activity, ",", 3LL, id, "charge");
      add(&answer, action, 0, 0, none);
    } else if (dx_json_equals(kind, "ActivityCompleted")) {
      result = dx_json_member(event, "result");
      add(&output, answered == 1 ? "%.0lld%.0lld%.*s" : "%.0lld%.0lld,%.*s", 0, 0, result);
      if (answered == 1) {
        long long at = dx_json_int64_or(dx_json_member(event, "at"), 0);
        snprintf(action, sizeof action, ",{\"id\":2,\"after\":%lld,\"kind\":\"CreateTimer\",\"fireAt\":%lld}",
                 id, at + 30);
        add(&answer, action, 0, 0, none);
      } else if (answered == 3) {
        snprintf(action, sizeof action, activity, ",", 4LL, id, "ship");
        add(&answer, action, 0, 0, none);
      } else {
        dx_text whole = {output.text, output.size};
        add(&answer, "],\"end\":{\"after\":%lld,\"kind\":\"Completed\",\"output\":[%.0lld%.*s]", id, 0,
            whole);
        add(&answer, "},\"retained\":false}", 0, 0, none);
        mention(dx_turn_complete(turn, text(answer.text)));
        return;
      }
    }
  }
  add(&answer, "],\"retained\":false}", 0, 0, none);
  mention(dx_turn_complete(turn, text(answer.text)));
}

static void leave_trace(const char *name, dx_text key) {
  char line[1024];
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  int size = snprintf(line, sizeof line, "%s %.*s %d %lld.%09ld ends\n", name, (int)key.size - 2,
                      key.data + 1, (int)getpid(), (long long)now.tv_sec, now.tv_nsec);
  if (write(trace, line, (size_t)size) != size) exit(2);
}

struct step {
  const char *name;
  const char *done;
  dx_activity *activity;
};

/* A thread of its own for each attempt: those of the engine are not for waiting. */
static void *run_step(void *argument) {
  struct step *step = argument;
  dx_text task;
  char result[1024];
  struct timespec pause = {0, (long)(rand() % 40) * 1000000};
  check(dx_activity_input(step->activity, &task));
  leave_trace(step->name, dx_json_member(task, "key"));
  nanosleep(&pause, NULL);
  dx_text instance = dx_json_member(task, "instance");
  snprintf(result, sizeof result, "\"%s %.*s", step->done, (int)instance.size - 1, instance.data + 1);
  mention(dx_activity_complete(step->activity, text(result)));
  free(step);
  return NULL;
}

static void begin_step(dx_activity *activity, void *user_data) {
  const struct step *kind = user_data;
  struct step *step = malloc(sizeof *step);
  pthread_t thread;
  if (step == NULL) exit(2);
  *step = *kind;
  step->activity = activity;
  if (pthread_create(&thread, NULL, run_step, step) != 0) exit(2);
  pthread_detach(thread);
}

int main(int count, char **arguments) {
  static struct step steps[] = {
      {"reserve", "reserved", NULL}, {"charge", "charged", NULL}, {"ship", "shipped", NULL}};
  const char *file = getenv("CHAOS_TRACE");
  if (count != 3 || file == NULL) {
    fprintf(stderr, "usage: CHAOS_TRACE=FILE host URL SLOTS\n");
    return 1;
  }
  srand((unsigned)getpid());
  trace = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (trace < 0) return 1;

  dx_store *store;
  dx_store_options options = DX_STORE_OPTIONS_INIT;
  options.url = text(arguments[1]);
  check(dx_store_open(&options, &store));
  char config[64];
  dx_runtime *runtime;
  dx_runtime_options settings = DX_RUNTIME_OPTIONS_INIT;
  snprintf(config, sizeof config, "{\"activitySlots\":%d}", atoi(arguments[2]));
  settings.config = text(config);
  check(dx_runtime_new(store, &settings, &runtime));
  check(dx_register_orchestration(runtime, text("order"), text(""), order, NULL, NULL));
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
    check(dx_register_activity(runtime, text(steps[i].name), begin_step, &steps[i], NULL));
  }
  check(dx_runtime_start(runtime));

  char ignored[64];
  while (read(0, ignored, sizeof ignored) > 0) continue;
  dx_runtime_free(runtime);
  dx_store_close(store);
  return 0;
}
