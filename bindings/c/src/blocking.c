/* Calls of dx.h that answer later, made on this thread. */
#define _GNU_SOURCE 1 /* strndup */

#include "dx_host.h"
#include "dx_json.h"
#include "memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

typedef struct waiter {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  bool done;
  dx_error *error;
  char *answer;
} waiter;

#define WAITER_INIT {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, NULL, NULL}

static void settle(waiter *waiter, dx_error *error, dx_text answer) {
  char *copy = error == NULL && answer.data != NULL ? malloc(answer.size + 1) : NULL;
  if (copy != NULL) {
    memcpy(copy, answer.data, answer.size);
    copy[answer.size] = '\0';
  }
  pthread_mutex_lock(&waiter->lock);
  waiter->done = true;
  waiter->error = error;
  waiter->answer = copy;
  pthread_cond_signal(&waiter->changed);
  pthread_mutex_unlock(&waiter->lock);
}

static void answered(dx_error *error, dx_text answer, void *user_data) { settle(user_data, error, answer); }

static void stopped(void *user_data) {
  dx_text none = {NULL, 0};
  settle(user_data, NULL, none);
}

/* begun: what the call itself returned; with an error the callback never comes. */
static dx_error *wait_for(waiter *waiter, dx_error *begun, char **out) {
  if (begun == NULL) {
    pthread_mutex_lock(&waiter->lock);
    while (!waiter->done) pthread_cond_wait(&waiter->changed, &waiter->lock);
    pthread_mutex_unlock(&waiter->lock);
    begun = waiter->error;
  }
  pthread_mutex_destroy(&waiter->lock);
  pthread_cond_destroy(&waiter->changed);
  if (begun == NULL && out != NULL) {
    *out = waiter->answer;
  } else {
    free(waiter->answer);
  }
  return begun;
}

dx_error *dx_host_wait(dx_client *client, const char *instance, int64_t timeout_ms, char **out) {
  waiter waiter = WAITER_INIT;
  return wait_for(&waiter, dx_client_wait(client, dx_host_text(instance), timeout_ms, answered, &waiter),
                  out);
}

dx_error *dx_host_wait_status(dx_client *client, const char *instance, int64_t version, int64_t timeout_ms,
                              char **out) {
  waiter waiter = WAITER_INIT;
  dx_text id = dx_host_text(instance);
  return wait_for(&waiter, dx_client_wait_status(client, id, version, timeout_ms, answered, &waiter), out);
}

dx_error *dx_host_call(dx_client *client, const char *request, int64_t timeout_ms, char **out) {
  waiter waiter = WAITER_INIT;
  return wait_for(&waiter, dx_client_call(client, dx_host_text(request), timeout_ms, answered, &waiter), out);
}

dx_error *dx_host_query(dx_client *client, const char *request, int64_t timeout_ms, char **out) {
  waiter waiter = WAITER_INIT;
  return wait_for(&waiter, dx_client_query(client, dx_host_text(request), timeout_ms, answered, &waiter),
                  out);
}

dx_error *dx_host_stop(dx_runtime *runtime, int64_t grace_ms) {
  waiter waiter = WAITER_INIT;
  return wait_for(&waiter, dx_runtime_stop(runtime, grace_ms, stopped, &waiter), NULL);
}

dx_error *dx_host_advance_clock(dx_store *store, int64_t ms, int64_t timeout_ms) {
  waiter waiter = WAITER_INIT;
  return wait_for(&waiter, dx_store_advance_clock(store, ms, timeout_ms, answered, &waiter), NULL);
}

/* ---- Stores, starts, ends -------------------------------------------------------------------------------
 */

char *dx_host_quote(const char *text) { return text == NULL ? NULL : dx_json_quote(text); }

char *dx_host_unquote(const char *json) {
  return json == NULL ? NULL : dx_json_string(dx_host_text(json), NULL);
}

dx_error *dx_host_open(const char *url, dx_store **out) {
  dx_store_options options = DX_STORE_OPTIONS_INIT;
  options.url = dx_host_text(url);
  return dx_store_open(&options, out);
}

dx_error *dx_host_start(dx_client *client, const char *orchestration, const char *instance, const char *input,
                        char **id) {
  growing_text request = {0};
  dx_buffer answer = {NULL, 0};
  /* What is not in order (no UTF-8, no JSON) is refused by the library, which says what it is: it gets the
   * text as it is. */
  text_add(&request, "{\"orchestration\":");
  bool utf8 = text_quote(&request, orchestration == NULL ? "" : orchestration);
  if (instance != NULL) text_add(&request, ",\"instance\":");
  if (instance != NULL) utf8 = text_quote(&request, instance) && utf8;
  text_add(&request, ",\"input\":");
  text_add(&request, input == NULL ? "null" : input);
  text_add(&request, utf8 ? "}" : "\xff}");
  dx_text whole = {request.data, request.failed ? 0 : request.size};
  dx_error *error = dx_client_start(client, whole, &answer);
  if (error == NULL && id != NULL) {
    dx_text said = {answer.data, answer.size};
    *id = dx_json_string(dx_json_member(said, "instance"), NULL);
  }
  dx_buffer_free(&answer);
  text_free(&request);
  return error;
}

dx_error *dx_host_result(dx_client *client, const char *instance, int64_t timeout_ms, dx_host_end *end) {
  memset(end, 0, sizeof *end);
  dx_error *error = dx_host_wait(client, instance, timeout_ms, &end->description);
  if (error != NULL) return error;
  dx_text whole = dx_host_text(end->description), output = dx_json_member(whole, "output");
  dx_text failure = dx_json_member(whole, "failure");
  end->status = dx_json_string(dx_json_member(whole, "status"), NULL);
  end->output = output.data == NULL ? NULL : strndup(output.data, output.size);
  end->failure_type = dx_json_string(dx_json_member(failure, "type"), NULL);
  end->failure_message = dx_json_string(dx_json_member(failure, "message"), NULL);
  return NULL;
}

void dx_host_end_free(dx_host_end *end) {
  free(end->status);
  free(end->output);
  free(end->failure_type);
  free(end->failure_message);
  free(end->description);
  memset(end, 0, sizeof *end);
}
