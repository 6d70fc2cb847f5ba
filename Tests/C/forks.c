/* Children that are forked from a busy process: what belongs to the whole process (the log function, the
 * thread that makes callbacks, the opening of stores) is at work in the parent in that moment, and works
 * in them. */
#include "check.h"

#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILDREN = 100, LOADS = 2 };

static char folder[64] = "/tmp/perdure-forks-";
static atomic_int logged;
static atomic_bool stop;
static atomic_int rounds, started;

static void count_up(void *user_data) { atomic_fetch_add((atomic_int *)user_data, 1); }

static void log_record(dx_text record, void *user_data) {
  (void)record;
  count_up(user_data);
}

/* Ends at once. */
static void end_turn(dx_turn *turn, void *user_data) {
  const char *answer =
      "{\"v\":1,\"actions\":[],\"end\":{\"after\":1,\"kind\":\"Completed\",\"output\":7},\"retained\":false}";
  (void)user_data;
  dx_error_free(dx_turn_complete(turn, text(answer)));
}

static void never_run(dx_activity *activity, void *user_data) {
  (void)user_data;
  dx_error_free(dx_activity_complete(activity, text("null")));
}

/* A store of its own with a runtime, and one orchestration; `released`: how often the pointer that was given
 * with the activity was given back. */
static void run_one(const char *name, atomic_int *released) {
  dx_store *store = NULL;
  dx_runtime *runtime = NULL;
  dx_client *client = NULL;
  tally ended = TALLY_INIT;
  char url[128], request[128], instance[32];
  dx_buffer out = {NULL, 0};
  dx_store_options options = DX_STORE_OPTIONS_INIT;
  snprintf(url, sizeof url, "sqlite:%s/%s.sqlite", folder, name);
  snprintf(instance, sizeof instance, "%d-%d", (int)getpid(), atomic_fetch_add(&started, 1));
  snprintf(request, sizeof request, "{\"orchestration\":\"end\",\"instance\":\"%s\"}", instance);
  options.url = text(url);
  need(dx_store_open(&options, &store), "a store");
  need(dx_runtime_new(store, NULL, &runtime), "a runtime");
  need(dx_register_orchestration(runtime, text("end"), text(""), end_turn, NULL, NULL), "registering");
  need(dx_register_activity(runtime, text("never"), never_run, released, count_up), "registering");
  need(dx_runtime_start(runtime), "a start");
  need(dx_client_new(store, &client), "a client");
  need(dx_client_start(client, text(request), &out), "an instance");
  dx_buffer_free(&out);
  need(dx_client_wait(client, text(instance), 20000, tally_waited, &ended), "a wait");
  if (tally_wait(&ended, 1) != 1 || ended.code != DX_OK) abort();
  dx_client_free(client);
  dx_runtime_free(runtime);
  dx_store_close(store);
}

static void *keep_running(void *user_data) {
  while (!atomic_load(&stop)) {
    atomic_int released = 0;
    run_one(user_data, &released);
    /* It is on this thread's stack. */
    while (atomic_load(&released) < 1) usleep(100);
    atomic_fetch_add(&rounds, 1);
  }
  return NULL;
}

static void live_as_child(void) {
  atomic_int released = 0;
  alarm(30);
  atomic_store(&logged, 0);
  run_one("child", &released);
  while (atomic_load(&released) < 1 || atomic_load(&logged) < 1) usleep(100);
  _exit(0);
}

int main(void) {
  static char *names[LOADS] = {"one", "two"};
  pthread_t threads[LOADS];
  int well = 0, last = 0;
  char why[64], command[128];
  memset(folder + strlen(folder), 'X', 6); /* what mkdtemp replaces */
  if (mkdtemp(folder) == NULL) return 1;
  need(dx_log_set(text("{\"level\":\"debug\"}"), log_record, &logged, NULL), "a log");
  for (int i = 0; i < LOADS; i++) pthread_create(&threads[i], NULL, keep_running, names[i]);
  while (atomic_load(&rounds) < 2 * LOADS) usleep(1000);
  for (int i = 0; i < CHILDREN; i++) {
    int status = -1;
    pid_t child = fork();
    if (child == 0) live_as_child();
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
      well++;
    else
      last = status;
  }
  atomic_store(&stop, true);
  for (int i = 0; i < LOADS; i++) pthread_join(threads[i], NULL);
  snprintf(why, sizeof why, "%d of %d did, the last other one ended with status %d", well, CHILDREN, last);
  check_that(well == CHILDREN, "forked children log, release and open stores as their parent does", why);
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  check_that(system(command) == 0, "the stores can be removed", "they cannot");
  return checks_done();
}
