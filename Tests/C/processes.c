/* Several processes on one SQLite store: a client that runs no code, workers that are killed, workers side by
 * side, and children that were forked from a process which has it open.
 *
 *     processes                       the test; it starts itself again as
 *     processes worker STORE LOG      a worker, which appends a line to LOG for each activity it runs
 *     processes parent STORE LOG      the same, with a forked child that stays when the worker is killed
 */
#include "dx_json.h"
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
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

static int work(const char *url, char *log, bool has_child) {
  dx_store *store = NULL;
  dx_runtime *runtime = NULL;
  dx_store_options options = DX_STORE_OPTIONS_INIT;
  options.url = text(url);
  need(dx_store_open(&options, &store), "the worker's store");
  need(dx_runtime_new(store, NULL, &runtime), "the worker's runtime");
  need(dx_register_orchestration(runtime, text("wait"), text(""), wait_turn, NULL, NULL), "registering");
  need(dx_register_activity(runtime, text("note"), note, log, NULL), "registering");
  need(dx_runtime_start(runtime), "starting");
  /* It outlives this process, and not by much when the test ends early. */
  if (has_child && fork() == 0) alarm(100);
  pause();
  return 0;
}

/* ---- The test ---------------------------------------------------------------------------------------- */

static pid_t spawn(const char *role) {
  pid_t child = fork();
  if (child == 0) {
    /* A group of its own, with whom it forks. */
    setpgid(0, 0);
    execl(program, program, role, store_url, log_path, (char *)NULL);
    _exit(127);
  }
  return child;
}

static pid_t spawn_worker(void) { return spawn("worker"); }

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

typedef struct load {
  dx_client *client;
  atomic_bool stop;
  atomic_int started;
} load;

static void *start_idle(void *user_data) {
  load *load = user_data;
  while (!atomic_load(&load->stop)) {
    dx_buffer out = {NULL, 0};
    dx_error *error = dx_client_start(load->client, text("{\"orchestration\":\"idle\"}"), &out);
    if (error == NULL) atomic_fetch_add(&load->started, 1);
    dx_error_free(error);
    dx_buffer_free(&out);
  }
  return NULL;
}

/* What a forked child does: it opens the store itself. */
static void start_as_child(int number) {
  dx_store *store = NULL;
  dx_client *client = NULL;
  dx_store_options options = DX_STORE_OPTIONS_INIT;
  dx_buffer out = {NULL, 0};
  char request[128];
  alarm(30);
  snprintf(request, sizeof request, "{\"orchestration\":\"wait\",\"instance\":\"forked-%d\"}", number);
  options.url = text(store_url);
  need(dx_store_open(&options, &store), "a child's store");
  need(dx_client_new(store, &client), "a child's client");
  need(dx_client_start(client, text(request), &out), "a child's start");
  dx_client_free(client);
  dx_store_close(store);
  _exit(0);
}

/* The parent writes all the while. A child that took over SQLite's view of the parent's locks would write
 * at the same time, and the store would be damaged. */
static void check_forked_children(dx_client *client) {
  tally ended = TALLY_INIT;
  load load = {.client = client};
  pthread_t threads[3];
  int well = 0;
  for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, start_idle, &load);
  while (atomic_load(&load.started) < 100) usleep(1000);
  for (int i = 0; i < 40; i++) {
    int status = -1;
    pid_t child = fork();
    if (child == 0) start_as_child(i);
    waitpid(child, &status, 0);
    well += WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  atomic_store(&load.stop, true);
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  check_that(well == 40, "forked children open the store that their parent writes to", "not all could");
  pid_t worker = spawn_worker();
  release_all(client, "forked", 40, &ended);
  check_that(tally_wait(&ended, 40) == 40, "what they started runs", "not all ended");
  kill_worker(worker);
}

/* The child has all that the parent had open, and lives on. */
static void check_child_of_the_dead(dx_client *client) {
  tally ended = TALLY_INIT;
  pid_t parent = spawn("parent");
  start_all(client, "orphan", 20);
  release_all(client, "orphan", 10, &ended);
  check_that(tally_wait(&ended, 10) == 10, "a worker with a child works", "not all ended");
  kill_worker(parent);
  pid_t worker = spawn_worker();
  for (int i = 10; i < 20; i++) {
    char name[64];
    name_of(name, "orphan", i);
    need(dx_client_wait(client, text(name), 20000, tally_waited, &ended), "a wait");
    need(dx_client_raise_event(client, text(name), text("go"), text("1")), "an event");
  }
  check_that(tally_wait(&ended, 20) == 20, "what it held is taken over while its child lives",
             "not all ended");
  kill(-parent, SIGKILL);
  kill_worker(worker);
}

int main(int count, char **arguments) {
  if (count == 4) return work(arguments[2], arguments[3], strcmp(arguments[1], "parent") == 0);
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
  check_forked_children(client);
  check_child_of_the_dead(client);
  dx_client_free(client);
  dx_store_close(store);
  char command[300];
  /* -f: the last of its threads may still be taking the log away. */
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  check_that(system(command) == 0, "the store can be removed", "it cannot");
  return checks_done();
}
