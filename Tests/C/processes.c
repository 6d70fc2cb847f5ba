/* Several processes on one SQLite store: a client that runs no code, workers that are killed, workers side by
 * side.
 *
 *     processes                       the test; it starts itself again as
 *     processes worker STORE LOG      a worker, which appends a line to LOG for each activity it runs
 */
#include "dx_json.h"
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char store_url[256], log_path[256], program[256];

/* ---- The worker: `wait` awaits the event go, runs the activity `note`, and returns what it said. --------
 */

static void wait_turn(dx_turn *turn, void *user_data) {
  dx_text request, event;
  char actions[256] = "", end[256] = "", answer[1024];
  (void)user_data;
  need(dx_turn_input(turn, &request), "a turn's input");
  dx_text events = dx_json_member(request, "events");
  while (dx_json_next(&events, NULL, &event)) {
    dx_text kind = dx_json_member(event, "kind");
    int id = (int)dx_json_int64_or(dx_json_member(event, "id"), 0);
    if (dx_json_equals(kind, "OrchestrationStarted")) {
      snprintf(actions, sizeof actions, "{\"id\":1,\"after\":%d,\"kind\":\"WaitForEvent\",\"name\":\"go\"}",
               id);
    } else if (dx_json_equals(kind, "EventRaised")) {
      size_t used = strlen(actions);
      snprintf(actions + used, sizeof actions - used,
               ",{\"id\":2,\"after\":%d,\"kind\":\"ScheduleActivity\",\"name\":\"note\",\"input\":null}", id);
    } else if (dx_json_equals(kind, "ActivityCompleted")) {
      dx_text result = dx_json_member(event, "result");
      snprintf(end, sizeof end, ",\"end\":{\"after\":%d,\"kind\":\"Completed\",\"output\":%.*s}", id,
               (int)result.size, result.data);
    }
  }
  snprintf(answer, sizeof answer, "{\"v\":1,\"actions\":[%s]%s,\"retained\":false}", actions, end);
  dx_error_free(dx_turn_complete(turn, text(answer)));
}

static void note(dx_activity *activity, void *user_data) {
  dx_text task;
  char line[256];
  need(dx_activity_input(activity, &task), "an activity's input");
  dx_text key = dx_json_member(task, "key");
  int size = snprintf(line, sizeof line, "%.*s\n", (int)key.size, key.data);
  int log = open(user_data, O_WRONLY | O_APPEND | O_CREAT, 0600);
  if (log < 0 || write(log, line, (size_t)size) != size) abort();
  close(log);
  struct timespec work = {0, 20 * 1000 * 1000};
  nanosleep(&work, NULL);
  dx_error_free(dx_activity_complete(activity, text("\"noted\"")));
}

static int work(const char *url, char *log) {
  dx_store *store = NULL;
  dx_runtime *runtime = NULL;
  dx_store_options options = DX_STORE_OPTIONS_INIT;
  options.url = text(url);
  need(dx_store_open(&options, &store), "the worker's store");
  need(dx_runtime_new(store, NULL, &runtime), "the worker's runtime");
  need(dx_register_orchestration(runtime, text("wait"), text(""), wait_turn, NULL, NULL), "registering");
  need(dx_register_activity(runtime, text("note"), note, log, NULL), "registering");
  need(dx_runtime_start(runtime), "starting");
  pause();
  return 0;
}

/* ---- The test ---------------------------------------------------------------------------------------- */

static pid_t spawn_worker(void) {
  pid_t child = fork();
  if (child == 0) {
    execl(program, program, "worker", store_url, log_path, (char *)NULL);
    _exit(127);
  }
  return child;
}

static void kill_worker(pid_t worker) {
  kill(worker, SIGKILL);
  waitpid(worker, NULL, 0);
}

static int count_lines(void) {
  FILE *log = fopen(log_path, "r");
  int lines = 0, c;
  if (log == NULL) return 0;
  while ((c = fgetc(log)) != EOF) lines += c == '\n';
  fclose(log);
  return lines;
}

static long milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The milliseconds until the log has that many lines, at most 10,000. */
static long until_lines(int lines) {
  long begin = milliseconds();
  struct timespec moment = {0, 2 * 1000 * 1000};
  while (count_lines() < lines && milliseconds() - begin < 10000) nanosleep(&moment, NULL);
  return milliseconds() - begin;
}

static void name_of(char *name, const char *kind, int number) { sprintf(name, "%s-%d", kind, number); }

static void start_all(dx_client *client, const char *kind, int count) {
  char name[64], request[128];
  for (int i = 0; i < count; i++) {
    dx_buffer out = {NULL, 0};
    name_of(name, kind, i);
    snprintf(request, sizeof request, "{\"orchestration\":\"wait\",\"instance\":\"%s\"}", name);
    need(dx_client_start(client, text(request), &out), "a start");
    dx_buffer_free(&out);
  }
}

static void release_all(dx_client *client, const char *kind, int count, tally *ended) {
  char name[64];
  for (int i = 0; i < count; i++) {
    name_of(name, kind, i);
    need(dx_client_wait(client, text(name), 20000, tally_waited, ended), "a wait");
    need(dx_client_raise_event(client, text(name), text("go"), text("1")), "an event");
  }
}

static void check_foreign_client(dx_client *client) {
  tally ended = TALLY_INIT;
  pid_t worker = spawn_worker();
  start_all(client, "far", 20);
  release_all(client, "far", 20, &ended);
  check_that(tally_wait(&ended, 20) == 20, "a client hears of ends in another process", "not all ended");
  check_that(ended.code == DX_OK, "the waits succeed", "they do not");
  check_that(count_lines() == 20, "each activity ran once", "more or less than 20 lines");
  kill_worker(worker);
}

static void check_take_over(dx_client *client) {
  tally ended = TALLY_INIT;
  int before = count_lines();
  pid_t worker = spawn_worker();
  start_all(client, "killed", 40);
  release_all(client, "killed", 40, &ended);
  until_lines(before + 10);
  kill_worker(worker);
  int at_kill = count_lines();
  worker = spawn_worker();
  long first = until_lines(at_kill + 1);
  char why[64];
  snprintf(why, sizeof why, "it took %ld ms", first);
  check_that(first <= 1000, "the first activity runs a second after the restart", why);
  check_that(tally_wait(&ended, 40) == 40, "all instances of a killed worker end", "not all ended");
  int repeated = count_lines() - before - 40;
  snprintf(why, sizeof why, "%d", repeated);
  /* A slot takes the next activity while the result of the last one is on its way to the disk. */
  check_that(repeated >= 0 && repeated <= 16, "at most two activities per slot are repeated", why);
  kill_worker(worker);
}

static void check_side_by_side(dx_client *client) {
  tally ended = TALLY_INIT;
  int before = count_lines();
  pid_t one = spawn_worker(), other = spawn_worker();
  start_all(client, "shared", 100);
  release_all(client, "shared", 100, &ended);
  check_that(tally_wait(&ended, 100) == 100, "two workers share a store", "not all ended");
  char why[64];
  snprintf(why, sizeof why, "%d ran", count_lines() - before);
  check_that(count_lines() - before == 100, "and no activity runs twice", why);
  /* One dies; the other notices by itself. */
  start_all(client, "left", 20);
  kill_worker(one);
  release_all(client, "left", 20, &ended);
  check_that(tally_wait(&ended, 120) == 120, "what a dead worker held goes to the living one",
             "not all ended");
  kill_worker(other);
}

int main(int count, char **arguments) {
  if (count == 4) return work(arguments[2], arguments[3]);
  char folder[64] = "/tmp/perdure-processes-";
  memset(folder + strlen(folder), 'X', 6); /* what mkdtemp replaces */
  ssize_t size = readlink("/proc/self/exe", program, sizeof program - 1);
  if (mkdtemp(folder) == NULL || size < 0) return 1;
  snprintf(store_url, sizeof store_url, "sqlite:%s/store.sqlite", folder);
  snprintf(log_path, sizeof log_path, "%s/log", folder);
  dx_store *store = NULL;
  dx_client *client = NULL;
  dx_store_options options = DX_STORE_OPTIONS_INIT;
  options.url = text(store_url);
  need(dx_store_open(&options, &store), "the store");
  need(dx_client_new(store, &client), "the client");
  check_foreign_client(client);
  check_take_over(client);
  check_side_by_side(client);
  dx_client_free(client);
  dx_store_close(store);
  char command[300];
  /* -f: the last of its threads may still be taking the log away. */
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  check_that(system(command) == 0, "the store can be removed", "it cannot");
  return checks_done();
}
