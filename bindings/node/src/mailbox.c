/* From any thread to the event loop, in order. One wake-up of the loop takes all that has come until then. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "addon.h"

/* What one visit of the loop delivers at most, so that nothing else waits long. */
enum { BUDGET_MESSAGES = 32, BUDGET_US = 500 };

message *message_new(message_kind kind, uint32_t id) {
  message *made = calloc(1, sizeof *made);
  if (made) {
    made->kind = kind;
    made->id = id;
  }
  return made;
}

bool message_set_text(message *message, const char *text, size_t size) {
  char *copy = malloc(size + 1);
  if (!copy) return false;
  if (size) memcpy(copy, text, size);
  copy[size] = 0;
  free(message->text);
  message->text = copy;
  message->size = size;
  return true;
}

void message_set_error(message *message, const dx_api *dx, dx_error *error) {
  message->code = dx->error_code(error);
  message->transient = dx->error_is_transient(error);
  const char *sentence = dx->error_message(error), *details = dx->error_details(error);
  message_set_text(message, sentence ? sentence : "", sentence ? strlen(sentence) : 0);
  message->details = strdup(details ? details : "{}");
  dx->error_free(error);
}

void message_free(message *message) {
  if (!message) return;
  free(message->text);
  free(message->details);
  free(message);
}

environment *environment_retain(environment *environment) {
  atomic_fetch_add(&environment->references, 1);
  return environment;
}

void environment_release(environment *environment) {
  if (atomic_fetch_sub(&environment->references, 1) != 1) return;
  pthread_mutex_destroy(&environment->lock);
  pthread_mutex_destroy(&environment->pool_lock);
  pthread_cond_destroy(&environment->pool_wakes);
  free(environment->handles);
  free(environment);
}

/* A message that nobody will get. */
static void discard(environment *environment, message *message) {
  if (message->has_handle) environment->dx->store_close((dx_store *)(uintptr_t)message->handle);
  if (message->kind == MESSAGE_PASSWORD && message->handle) {
    static const char why[] = "its thread of Node has ended.";
    dx_password *request = (dx_password *)(uintptr_t)message->handle;
    environment->dx->error_free(environment->dx->password_fail(request, (dx_text){why, sizeof why - 1}));
  }
  message_free(message);
}

void mailbox_post(environment *environment, message *message) {
  if (!message) return;
  pthread_mutex_lock(&environment->lock);
  bool open = environment->open;
  if (open) {
    bool wake = environment->first == NULL;
    message->next = NULL;
    if (environment->last)
      environment->last->next = message;
    else
      environment->first = message;
    environment->last = message;
    /* The queue of the function has no limit, so that this does not wait. */
    if (wake) napi_call_threadsafe_function(environment->loop, NULL, napi_tsfn_nonblocking);
  }
  pthread_mutex_unlock(&environment->lock);
  if (!open) discard(environment, message);
}

static napi_value text_value(napi_env env, const char *text, size_t size) {
  napi_value value;
  if (!text || napi_create_string_utf8(env, text, size, &value) != napi_ok) {
    /* Too long for a string of the language (512 MB). */
    napi_get_undefined(env, &value);
  }
  return value;
}

static void deliver_one(environment *environment, napi_env env, napi_value function, message *message) {
  napi_value self, arguments[7];
  if (message->kind == MESSAGE_ANSWER) environment_let_go(environment);
  if (message->has_handle) {
    /* Kept from now on; without memory for that it stays open until the process ends. */
    handle_add(environment, HANDLE_STORE, message->handle);
  }
  napi_get_undefined(env, &self);
  napi_create_int32(env, message->kind, &arguments[0]);
  napi_create_uint32(env, message->id, &arguments[1]);
  napi_create_int32(env, message->code, &arguments[2]);
  arguments[3] = text_value(env, message->text, message->size);
  arguments[4] = text_value(env, message->details, NAPI_AUTO_LENGTH);
  napi_get_boolean(env, message->transient, &arguments[5]);
  napi_create_double(env, (double)message->handle, &arguments[6]);
  napi_status status = napi_call_function(env, self, function, 7, arguments, NULL);
  if (status == napi_pending_exception) {
    /* The function catches what it can; the rest is an error of the program, not of one message. */
    napi_value error;
    if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
  }
}

static void loop_gone(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  environment_release(data);
}

static message *take_first(environment *environment) {
  pthread_mutex_lock(&environment->lock);
  message *first = environment->first;
  if (first && !(environment->first = first->next)) environment->last = NULL;
  pthread_mutex_unlock(&environment->lock);
  return first;
}

static int64_t microseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

bool mailbox_deliver(environment *environment) {
  napi_env env = environment->env;
  napi_value function = NULL;
  int64_t end = microseconds() + BUDGET_US;
  if (napi_get_reference_value(env, environment->deliver, &function) != napi_ok || !function) return false;
  for (int count = 0; count < BUDGET_MESSAGES && (count == 0 || microseconds() < end); count++) {
    message *message = take_first(environment);
    napi_handle_scope scope;
    if (!message) return false;
    if (napi_open_handle_scope(env, &scope) == napi_ok) {
      deliver_one(environment, env, function, message);
      napi_close_handle_scope(env, scope);
    }
    message_free(message);
  }
  pthread_mutex_lock(&environment->lock);
  bool more = environment->first != NULL;
  pthread_mutex_unlock(&environment->lock);
  return more;
}

static void on_loop(napi_env env, napi_value unused, void *context, void *data) {
  (void)unused;
  (void)data;
  environment *environment = context;
  napi_handle_scope scope;
  if (!env || napi_open_handle_scope(env, &scope) != napi_ok) return;
  if (mailbox_deliver(environment)) {
    /* The rest comes when the loop has looked at everything else: JavaScript asks for it. */
    message later = {.kind = MESSAGE_MORE};
    napi_value function = NULL;
    napi_get_reference_value(env, environment->deliver, &function);
    deliver_one(environment, env, function, &later);
  }
  napi_close_handle_scope(env, scope);
}

napi_status mailbox_open(environment *environment, napi_value deliver) {
  napi_env env = environment->env;
  napi_value name;
  napi_status status = napi_create_reference(env, deliver, 1, &environment->deliver);
  if (status == napi_ok) status = napi_create_string_utf8(env, "perdure", NAPI_AUTO_LENGTH, &name);
  if (status == napi_ok) {
    environment_retain(environment);
    status = napi_create_threadsafe_function(env, NULL, NULL, name, 0, 1, environment, loop_gone, environment,
                                             on_loop, &environment->loop);
    if (status != napi_ok) environment_release(environment);
  }
  if (status == napi_ok) status = napi_unref_threadsafe_function(env, environment->loop);
  if (status == napi_ok) {
    pthread_mutex_lock(&environment->lock);
    environment->open = true;
    pthread_mutex_unlock(&environment->lock);
  }
  return status;
}

void mailbox_close(environment *environment) {
  pthread_mutex_lock(&environment->lock);
  environment->open = false;
  message *next = environment->first;
  environment->first = environment->last = NULL;
  pthread_mutex_unlock(&environment->lock);
  while (next) {
    message *message = next;
    next = message->next;
    discard(environment, message);
  }
}

void environment_hold(environment *environment) {
  if (environment->held++ == 0) napi_ref_threadsafe_function(environment->env, environment->loop);
}

void environment_let_go(environment *environment) {
  if (environment->held > 0 && --environment->held == 0) {
    napi_unref_threadsafe_function(environment->env, environment->loop);
  }
}

/* ---- Handles ------------------------------------------------------------------------------------------- */

bool handle_add(environment *environment, handle_kind kind, uint64_t value) {
  if (environment->handle_count == environment->handle_capacity) {
    size_t capacity = environment->handle_capacity ? environment->handle_capacity * 2 : 8;
    live_handle *grown = realloc(environment->handles, capacity * sizeof *grown);
    if (!grown) return false;
    environment->handles = grown;
    environment->handle_capacity = capacity;
  }
  environment->handles[environment->handle_count++] = (live_handle){kind, value};
  return true;
}

static void free_handle(const dx_api *dx, live_handle handle) {
  void *pointer = (void *)(uintptr_t)handle.value;
  switch (handle.kind) {
    case HANDLE_STORE:
      dx->store_close(pointer);
      break;
    case HANDLE_CLIENT:
      dx->client_free(pointer);
      break;
    case HANDLE_RUNTIME:
      dx->runtime_free(pointer);
      break;
    case HANDLE_SIMULATION:
      dx->simulation_free(pointer);
      break;
  }
}

void handle_free(environment *environment, handle_kind kind, uint64_t value) {
  for (size_t i = 0; i < environment->handle_count; i++) {
    live_handle handle = environment->handles[i];
    if (handle.kind == kind && handle.value == value) {
      environment->handles[i] = environment->handles[--environment->handle_count];
      free_handle(environment->dx, handle);
      return;
    }
  }
}

void handle_free_all(environment *environment) {
  /* Runtimes before what they stand on. */
  for (int kind = HANDLE_SIMULATION; kind >= HANDLE_STORE; kind--) {
    for (size_t i = 0; i < environment->handle_count; i++) {
      if ((int)environment->handles[i].kind == kind) free_handle(environment->dx, environment->handles[i]);
    }
  }
  environment->handle_count = 0;
}
