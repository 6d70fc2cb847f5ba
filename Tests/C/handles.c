/* Handles: null, made up, freed, of another kind, and in a forked child. */
#include "check.h"

#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

static dx_store *store;
static dx_client *client;
static dx_runtime *runtime;

static dx_error *freeing(dx_error *error, dx_buffer *out) {
  dx_buffer_free(out);
  return error;
}

/* Each call is right but for its handle. */

static dx_error *client_new(void *h) {
  dx_client *made = NULL;
  dx_error *error = dx_client_new(h, &made);
  dx_client_free(made);
  return error;
}
static dx_error *runtime_new(void *h) {
  dx_runtime *made = NULL;
  dx_error *error = dx_runtime_new(h, NULL, &made);
  dx_runtime_free(made);
  return error;
}
static dx_error *start(void *h) {
  dx_buffer out = {NULL, 0};
  return freeing(dx_client_start(h, text("{\"orchestration\":\"a\"}"), &out), &out);
}
static dx_error *start_many(void *h) {
  dx_buffer out = {NULL, 0};
  return freeing(dx_client_start_many(h, text("[{\"orchestration\":\"a\"}]"), &out), &out);
}
static dx_error *raise_event(void *h) { return dx_client_raise_event(h, text("idle"), text("n"), text("1")); }
static dx_error *enqueue(void *h) { return dx_client_enqueue(h, text("idle"), text("n"), text("1")); }
static dx_error *cancel(void *h) { return dx_client_cancel(h, text("idle"), text("because")); }
static dx_error *describe(void *h) {
  dx_buffer out = {NULL, 0};
  return freeing(dx_client_describe(h, text("idle"), &out), &out);
}
static dx_error *history(void *h) {
  dx_buffer out = {NULL, 0};
  return freeing(dx_client_history(h, text("{\"instance\":\"idle\"}"), &out), &out);
}
static dx_error *list(void *h) {
  dx_buffer out = {NULL, 0};
  return freeing(dx_client_list(h, text(""), &out), &out);
}
static dx_error *delete_one(void *h) {
  dx_buffer out = {NULL, 0};
  return freeing(dx_client_delete(h, text("{\"instance\":\"extra\",\"force\":true}"), &out), &out);
}
static dx_error *wait_for(void *h) { return dx_client_wait(h, text("idle"), 1, tally_waited, NULL); }
static dx_error *wait_history(void *h) {
  return dx_client_wait_history(h, text("{\"instance\":\"idle\"}"), 1, tally_waited, NULL);
}
static dx_error *manage(void *h) {
  dx_buffer out = {NULL, 0};
  return freeing(dx_client_manage(h, text("{\"operation\":\"queues\"}"), &out), &out);
}
static dx_error *register_orchestration(void *h) {
  return dx_register_orchestration(h, text("a"), text(""), NULL, NULL, NULL);
}
static dx_error *register_activity(void *h) { return dx_register_activity(h, text("a"), NULL, NULL, NULL); }
static dx_error *runtime_start(void *h) { return dx_runtime_start(h); }
static dx_error *runtime_poll(void *h) {
  dx_buffer out = {NULL, 0};
  return freeing(dx_runtime_poll(h, text(""), 1, 1, 0, &out), &out);
}
static dx_error *runtime_stop(void *h) { return dx_runtime_stop(h, 0, NULL, NULL); }
static dx_error *turn_input(void *h) {
  dx_text out;
  return dx_turn_input(h, &out);
}
static dx_error *turn_complete(void *h) {
  return dx_turn_complete(h, text("{\"v\":1,\"actions\":[],\"retained\":false}"));
}
static dx_error *turn_fail(void *h) { return dx_turn_fail(h, text("{\"type\":\"T\",\"message\":\"m\"}")); }
static dx_error *activity_input(void *h) {
  dx_text out;
  return dx_activity_input(h, &out);
}
static dx_error *activity_complete(void *h) { return dx_activity_complete(h, text("1")); }
static dx_error *activity_fail(void *h) {
  return dx_activity_fail(h, text("{\"type\":\"T\",\"message\":\"m\"}"));
}
static dx_error *password_complete(void *h) { return dx_password_complete(h, text("sesame")); }
static dx_error *password_fail(void *h) { return dx_password_fail(h, text("nobody knows it")); }

enum kind { STORE, CLIENT, RUNTIME, TOKEN };

static const struct {
  const char *name;
  enum kind kind;
  dx_error *(*call)(void *);
} calls[] = {
    {"dx_client_new", STORE, client_new},
    {"dx_runtime_new", STORE, runtime_new},
    {"dx_client_start", CLIENT, start},
    {"dx_client_start_many", CLIENT, start_many},
    {"dx_client_raise_event", CLIENT, raise_event},
    {"dx_client_enqueue", CLIENT, enqueue},
    {"dx_client_cancel", CLIENT, cancel},
    {"dx_client_describe", CLIENT, describe},
    {"dx_client_history", CLIENT, history},
    {"dx_client_list", CLIENT, list},
    {"dx_client_delete", CLIENT, delete_one},
    {"dx_client_wait", CLIENT, wait_for},
    {"dx_client_wait_history", CLIENT, wait_history},
    {"dx_client_manage", CLIENT, manage},
    {"dx_register_orchestration", RUNTIME, register_orchestration},
    {"dx_register_activity", RUNTIME, register_activity},
    {"dx_runtime_start", RUNTIME, runtime_start},
    {"dx_runtime_poll", RUNTIME, runtime_poll},
    {"dx_runtime_stop", RUNTIME, runtime_stop},
    {"dx_turn_input", TOKEN, turn_input},
    {"dx_turn_complete", TOKEN, turn_complete},
    {"dx_turn_fail", TOKEN, turn_fail},
    {"dx_activity_input", TOKEN, activity_input},
    {"dx_activity_complete", TOKEN, activity_complete},
    {"dx_activity_fail", TOKEN, activity_fail},
    {"dx_password_complete", TOKEN, password_complete},
    {"dx_password_fail", TOKEN, password_fail},
};
#define CALLS (sizeof calls / sizeof *calls)

static void check_all(const char *what, void *handle, dx_code code) {
  char name[128];
  for (size_t i = 0; i < CALLS; i++) {
    snprintf(name, sizeof name, "%s: %s", calls[i].name, what);
    check_code(calls[i].call(handle), code, name);
  }
}

static void check_made_up(void) {
  check_all("null", NULL, DX_INVALID_ARGUMENT);
  check_all("a small number", (void *)(uintptr_t)8, DX_INVALID_HANDLE);
  check_all("an odd number", (void *)(uintptr_t)0x123456789, DX_INVALID_HANDLE);
  check_all("all bits", (void *)UINTPTR_MAX, DX_INVALID_HANDLE);
  check_all("an address", &store, DX_INVALID_HANDLE);
}

static void check_other_kinds(void) {
  void *handles[] = {store, client, runtime};
  static const char *kinds[] = {"a store", "a client", "a runtime"};
  char name[128];
  for (size_t i = 0; i < CALLS; i++) {
    for (int kind = STORE; kind <= RUNTIME; kind++) {
      if ((int)calls[i].kind == kind) continue;
      snprintf(name, sizeof name, "%s: %s", calls[i].name, kinds[kind]);
      check_code(calls[i].call(handles[kind]), DX_INVALID_HANDLE, name);
    }
  }
}

static void check_freed(void) {
  char name[128];
  for (size_t i = 0; i < CALLS; i++) {
    if (calls[i].kind == TOKEN) continue;
    dx_store *freed_store = NULL;
    dx_client *freed_client = NULL;
    dx_runtime *freed_runtime = NULL;
    dx_store_options options = DX_STORE_OPTIONS_INIT;
    options.url = text("memory:");
    need(dx_store_open(&options, &freed_store), "a store to close");
    need(dx_client_new(freed_store, &freed_client), "a client to free");
    need(dx_runtime_new(freed_store, NULL, &freed_runtime), "a runtime to free");
    /* The store first: the others keep it. */
    dx_store_close(freed_store);
    dx_runtime_free(freed_runtime);
    dx_client_free(freed_client);
    void *handles[] = {freed_store, freed_client, freed_runtime};
    snprintf(name, sizeof name, "%s: freed", calls[i].name);
    check_code(calls[i].call(handles[calls[i].kind]), DX_INVALID_HANDLE, name);
    dx_client_free(freed_client);
    dx_runtime_free(freed_runtime);
    dx_store_close(freed_store);
  }
  check_that(true, "freeing twice", "");
}

static void check_nothing_to_free(void) {
  dx_store_close(NULL);
  dx_client_free(NULL);
  dx_runtime_free(NULL);
  dx_error_free(NULL);
  dx_buffer_free(NULL);
  dx_buffer empty = {NULL, 0};
  dx_buffer_free(&empty);
  dx_store_close((dx_store *)(uintptr_t)24);
  dx_client_free((dx_client *)(uintptr_t)24);
  dx_runtime_free((dx_runtime *)(uintptr_t)24);
  dx_runtime_free((dx_runtime *)(void *)client);
  check_that(true, "freeing what was never ours", "");
  check_code(describe(client), DX_OK, "freeing a client as a runtime leaves it alone");
  check_that(dx_activity_is_cancelled(NULL), "no activity counts as cancelled", "false");
  check_that(dx_activity_is_cancelled((dx_activity *)(uintptr_t)8), "a made up activity too", "false");
  check_that(dx_error_code(NULL) == DX_OK && !dx_error_is_transient(NULL), "no error is success",
             "it is not");
}

static void check_missing_outs(void) {
  dx_store_options options = DX_STORE_OPTIONS_INIT;
  dx_store *opened = NULL;
  options.url = text("memory:");
  check_code(dx_store_open(NULL, &opened), DX_INVALID_ARGUMENT, "dx_store_open: no options");
  check_code(dx_store_open(&options, NULL), DX_INVALID_ARGUMENT, "dx_store_open: no out");
  check_code(dx_client_new(store, NULL), DX_INVALID_ARGUMENT, "dx_client_new: no out");
  check_code(dx_runtime_new(store, NULL, NULL), DX_INVALID_ARGUMENT, "dx_runtime_new: no out");
  dx_text request = text("{\"orchestration\":\"a\"}");
  check_code(dx_client_start(client, request, NULL), DX_INVALID_ARGUMENT, "dx_client_start: no out");
  check_code(dx_client_start_many(client, text("[]"), NULL), DX_INVALID_ARGUMENT, "start_many: no out");
  check_code(dx_client_describe(client, text("idle"), NULL), DX_INVALID_ARGUMENT, "describe: no out");
  check_code(dx_client_history(client, text("{\"instance\":\"idle\"}"), NULL), DX_INVALID_ARGUMENT,
             "dx_client_history: no out");
  check_code(dx_client_list(client, text(""), NULL), DX_INVALID_ARGUMENT, "dx_client_list: no out");
  check_code(dx_client_delete(client, text("{\"instance\":\"idle\"}"), NULL), DX_INVALID_ARGUMENT,
             "dx_client_delete: no out");
  check_code(dx_client_wait(client, text("idle"), 0, NULL, NULL), DX_INVALID_ARGUMENT, "wait: no callback");
  check_code(dx_runtime_poll(runtime, text(""), 1, 1, 0, NULL), DX_INVALID_ARGUMENT, "poll: no out");
  dx_buffer out = {NULL, 0};
  check_code(dx_runtime_poll(runtime, text(""), -1, 1, 0, &out), DX_INVALID_ARGUMENT, "poll: -1 turns");
  check_code(dx_runtime_poll(runtime, text(""), 1, -1, 0, &out), DX_INVALID_ARGUMENT, "poll: -1 activities");
}

/* In the child every handle is refused, and freeing or leaving neither hangs nor ends the parent's work. */
static void check_fork(void) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    int wrong = 0;
    void *handles[] = {store, client, runtime};
    alarm(10);
    for (size_t i = 0; i < CALLS; i++) {
      if (calls[i].kind == TOKEN) continue;
      dx_error *error = calls[i].call(handles[calls[i].kind]);
      if (dx_error_code(error) != DX_FORKED) {
        printf("in the child: %s gave %d\n", calls[i].name, (int)dx_error_code(error));
        wrong++;
      }
      dx_error_free(error);
    }
    dx_runtime_free(runtime);
    dx_client_free(client);
    dx_store_close(store);
    fflush(stdout);
    _exit(wrong);
  }
  int status = -1;
  waitpid(child, &status, 0);
  check_that(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a forked child is refused", "see above");
  check_code(describe(client), DX_OK, "the parent goes on after a fork");
}

/* Makes and frees handles of two kinds until it is told to stop. */
static void *make_and_free(void *stop) {
  while (!atomic_load((atomic_bool *)stop)) {
    dx_client *made = NULL;
    dx_error_free(dx_client_new(NULL, &made));
    dx_error_free(dx_client_new(store, &made));
    dx_client_free(made);
  }
  return NULL;
}

/* What other threads of the parent hold of the tables of handles at that moment, the child does not wait
 * for. */
static void check_forks_in_the_middle(void) {
  pthread_t threads[4];
  atomic_bool stop = false;
  int well = 0;
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, make_and_free, &stop);
  for (int i = 0; i < 300; i++) {
    pid_t child = fork();
    if (child == 0) {
      alarm(10);
      dx_store *own = NULL;
      dx_store_options options = DX_STORE_OPTIONS_INIT;
      dx_error *error = dx_client_new(store, &(dx_client *){NULL});
      bool refused = dx_error_code(error) == DX_FORKED && strlen(dx_error_message(error)) > 8;
      dx_error_free(error);
      options.url = text("nowhere:");
      error = dx_store_open(&options, &own);
      bool answered = dx_error_code(error) == DX_UNSUPPORTED;
      dx_error_free(error);
      _exit(refused && answered ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    well += WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  atomic_store(&stop, true);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  check_that(well == 300, "children of a busy process are answered", "some were not, or hung");
}

int main(void) {
  dx_store_options options = DX_STORE_OPTIONS_INIT;
  dx_buffer out = {NULL, 0};
  options.url = text("memory:");
  need(dx_store_open(&options, &store), "a store in memory");
  need(dx_client_new(store, &client), "a client");
  need(dx_runtime_new(store, NULL, &runtime), "a runtime");
  need(dx_client_start(client, text("{\"orchestration\":\"a\",\"instance\":\"idle\"}"), &out), "an instance");
  dx_buffer_free(&out);
  dx_buffer_free(&out);
  check_that(out.data == NULL && out.size == 0, "a freed buffer is empty", "it is not");
  check_made_up();
  check_other_kinds();
  check_freed();
  check_nothing_to_free();
  check_missing_outs();
  check_fork();
  check_forks_in_the_middle();
  dx_runtime_free(runtime);
  dx_client_free(client);
  dx_store_close(store);
  return checks_done();
}
