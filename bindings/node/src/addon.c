/* The functions that JavaScript sees. lib/native.js is their only caller and says what they mean there.
 *
 * A call that can fail answers with an array [code, message, details, transient] in place of its result.
 */
#include <stdlib.h>
#include <string.h>

#include "addon.h"

static napi_value undefined(napi_env env) {
  napi_value value = NULL;
  napi_get_undefined(env, &value);
  return value;
}

static napi_value throw_type(napi_env env, const char *message) {
  napi_throw_type_error(env, "PERDURE_ADDON", message);
  return NULL;
}

/* Arguments, and the environment when the library is loaded; NULL after throwing. */
static environment *enter(napi_env env, napi_callback_info info, size_t count, napi_value *arguments) {
  size_t given = count;
  environment *found = NULL;
  if (napi_get_cb_info(env, info, &given, arguments, NULL, NULL) != napi_ok || given < count ||
      napi_get_instance_data(env, (void **)&found) != napi_ok || !found || !found->dx) {
    throw_type(env, "perdure.node: wrong arguments, or load was not called");
    return NULL;
  }
  return found;
}

/* A string as owned UTF-8; false after throwing. */
static bool take_text(napi_env env, napi_value value, char **text, size_t *size) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, NULL, 0, &length) != napi_ok) {
    throw_type(env, "perdure.node: not a string");
    return false;
  }
  char *made = malloc(length + 1);
  if (!made || napi_get_value_string_utf8(env, value, made, length + 1, size) != napi_ok) {
    free(made);
    napi_throw_error(env, "PERDURE_ADDON", "perdure.node: no memory for a text");
    return false;
  }
  *text = made;
  return true;
}

static bool take_number(napi_env env, napi_value value, int64_t *number) {
  if (napi_get_value_int64(env, value, number) == napi_ok) return true;
  throw_type(env, "perdure.node: not a number");
  return false;
}

static void *pointer_of(int64_t handle) { return (void *)(uintptr_t)handle; }

static napi_value number_value(napi_env env, uint64_t number) {
  napi_value value = NULL;
  napi_create_double(env, (double)number, &value);
  return value;
}

static napi_value text_of(napi_env env, const char *text, size_t size) {
  napi_value value = NULL;
  napi_create_string_utf8(env, text ? text : "", text ? size : 0, &value);
  return value;
}

/* Frees the error. */
static napi_value error_value(napi_env env, const dx_api *dx, dx_error *error) {
  napi_value array, code, transient;
  const char *message = dx->error_message(error), *details = dx->error_details(error);
  napi_create_array_with_length(env, 4, &array);
  napi_create_int32(env, dx->error_code(error), &code);
  napi_get_boolean(env, dx->error_is_transient(error), &transient);
  napi_set_element(env, array, 0, code);
  napi_set_element(env, array, 1, text_of(env, message, message ? strlen(message) : 0));
  napi_set_element(env, array, 2, text_of(env, details, details ? strlen(details) : 0));
  napi_set_element(env, array, 3, transient);
  dx->error_free(error);
  return array;
}

static napi_value buffer_value(napi_env env, const dx_api *dx, dx_error *error, dx_buffer *buffer) {
  if (error) return error_value(env, dx, error);
  napi_value value = text_of(env, buffer->data, buffer->size);
  dx->buffer_free(buffer);
  return value;
}

static napi_value handle_value(napi_env env, environment *environment, dx_error *error, handle_kind kind,
                               void *handle) {
  if (error) return error_value(env, environment->dx, error);
  handle_add(environment, kind, (uint64_t)(uintptr_t)handle);
  return number_value(env, (uint64_t)(uintptr_t)handle);
}

/* ---- Loading ------------------------------------------------------------------------------------------- */

static void clean_up(void *data);

/* load(path, deliver): undefined, or a sentence that says why not. */
static napi_value load(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2];
  environment *environment = NULL;
  char *path = NULL, message[4600];
  size_t size = 0;
  napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
  if (count < 2 || napi_get_instance_data(env, (void **)&environment) != napi_ok || !environment) {
    return throw_type(env, "perdure.node: wrong arguments");
  }
  if (environment->dx) return undefined(env);
  if (!take_text(env, arguments[0], &path, &size)) return NULL;
  const dx_api *dx = library_load(path, message, sizeof message);
  free(path);
  if (!dx) return text_of(env, message, strlen(message));
  /* The hook that was added last runs first: the mailbox is closed before Node takes its way to the loop
   * away. */
  if (mailbox_open(environment, arguments[1]) != napi_ok ||
      napi_add_env_cleanup_hook(env, clean_up, environment) != napi_ok) {
    return text_of(env, "Node gave no way back to its event loop.", 40);
  }
  environment->dx = dx;
  return undefined(env);
}

static napi_value version(napi_env env, napi_callback_info info) {
  environment *environment = enter(env, info, 0, NULL);
  if (!environment) return NULL;
  const char *release = environment->dx->version();
  return text_of(env, release, strlen(release));
}

/* find(name): the number of a call, -1 for none. */
static napi_value find(napi_env env, napi_callback_info info) {
  napi_value argument, value = NULL;
  char *name = NULL;
  size_t size = 0;
  if (!enter(env, info, 1, &argument) || !take_text(env, argument, &name, &size)) return NULL;
  napi_create_int32(env, call_find(name), &value);
  free(name);
  return value;
}

/* request(id, call, handle, text, text, number, number): false when there is no thread for it. */
static napi_value request(napi_env env, napi_callback_info info) {
  napi_value a[7], value = NULL;
  environment *environment = enter(env, info, 7, a);
  if (!environment) return NULL;
  int64_t id, call, handle;
  job *made = calloc(1, sizeof *made);
  if (!made) return throw_type(env, "perdure.node: no memory");
  made->environment = environment_retain(environment);
  char *first = NULL, *second = NULL;
  bool taken = take_number(env, a[0], &id) && take_number(env, a[1], &call) &&
               take_number(env, a[2], &handle) && take_text(env, a[3], &first, &made->texts[0].size) &&
               take_text(env, a[4], &second, &made->texts[1].size) &&
               take_number(env, a[5], &made->numbers[0]) && take_number(env, a[6], &made->numbers[1]);
  made->texts[0].data = first;
  made->texts[1].data = second;
  if (!taken) {
    job_free(made);
    return NULL;
  }
  made->id = (uint32_t)id;
  made->function = (int)call;
  made->handle = (uint64_t)handle;
  bool runs = pool_run(environment, made);
  if (runs)
    environment_hold(environment);
  else
    job_free(made);
  napi_get_boolean(env, runs, &value);
  return value;
}

/* ---- Calls that do not wait ---------------------------------------------------------------------------- */

static napi_value client_new(napi_env env, napi_callback_info info) {
  napi_value argument;
  int64_t store;
  environment *environment = enter(env, info, 1, &argument);
  if (!environment || !take_number(env, argument, &store)) return NULL;
  dx_client *client = NULL;
  dx_error *error = environment->dx->client_new(pointer_of(store), &client);
  return handle_value(env, environment, error, HANDLE_CLIENT, client);
}

static napi_value runtime_new(napi_env env, napi_callback_info info) {
  napi_value a[2];
  int64_t store;
  char *config = NULL;
  size_t size = 0;
  environment *environment = enter(env, info, 2, a);
  if (!environment || !take_number(env, a[0], &store) || !take_text(env, a[1], &config, &size)) return NULL;
  dx_runtime_options options = {sizeof options, {config, size}};
  dx_runtime *runtime = NULL;
  dx_error *error = environment->dx->runtime_new(pointer_of(store), &options, &runtime);
  free(config);
  return handle_value(env, environment, error, HANDLE_RUNTIME, runtime);
}

/* Two texts and a handle, for what answers with an error or nothing. */
typedef dx_error *(*pair_fn)(const dx_api *dx, void *handle, dx_text first, dx_text second);

static napi_value with_pair(napi_env env, napi_callback_info info, pair_fn call) {
  napi_value a[3];
  int64_t handle;
  char *first = NULL, *second = NULL;
  size_t first_size = 0, second_size = 0;
  environment *environment = enter(env, info, 3, a);
  if (!environment || !take_number(env, a[0], &handle)) return NULL;
  dx_error *error = NULL;
  bool taken = take_text(env, a[1], &first, &first_size) && take_text(env, a[2], &second, &second_size);
  if (taken) {
    error = call(environment->dx, pointer_of(handle), (dx_text){first, first_size},
                 (dx_text){second, second_size});
  }
  free(first);
  free(second);
  if (!taken) return NULL;
  return error ? error_value(env, environment->dx, error) : undefined(env);
}

static dx_error *do_register_orchestration(const dx_api *dx, void *runtime, dx_text name, dx_text version) {
  return dx->register_orchestration(runtime, name, version, NULL, NULL, NULL);
}
static dx_error *do_register_activity(const dx_api *dx, void *runtime, dx_text name, dx_text unused) {
  (void)unused;
  return dx->register_activity(runtime, name, NULL, NULL, NULL);
}
static dx_error *do_limit_activity(const dx_api *dx, void *runtime, dx_text name, dx_text limits) {
  return dx->runtime_limit_activity(runtime, name, limits);
}
static dx_error *do_heartbeat(const dx_api *dx, void *activity, dx_text details, dx_text unused) {
  (void)unused;
  return dx->activity_heartbeat(activity, details);
}

/* why: empty if there is a password. */
static dx_error *do_answer_password(const dx_api *dx, void *request, dx_text password, dx_text why) {
  return why.size ? dx->password_fail(request, why) : dx->password_complete(request, password);
}

static napi_value register_orchestration(napi_env env, napi_callback_info info) {
  return with_pair(env, info, do_register_orchestration);
}
static napi_value register_activity(napi_env env, napi_callback_info info) {
  return with_pair(env, info, do_register_activity);
}
static napi_value limit_activity(napi_env env, napi_callback_info info) {
  return with_pair(env, info, do_limit_activity);
}
static napi_value heartbeat(napi_env env, napi_callback_info info) {
  return with_pair(env, info, do_heartbeat);
}

static napi_value answer_password(napi_env env, napi_callback_info info) {
  return with_pair(env, info, do_answer_password);
}

static napi_value is_cancelled(napi_env env, napi_callback_info info) {
  napi_value argument, value = NULL;
  int64_t token;
  environment *environment = enter(env, info, 1, &argument);
  if (!environment || !take_number(env, argument, &token)) return NULL;
  napi_get_boolean(env, environment->dx->activity_is_cancelled(pointer_of(token)), &value);
  return value;
}

/* One text and a handle, answered with a buffer. */
typedef dx_error *(*ask_fn)(const dx_api *dx, void *handle, dx_text request, dx_buffer *out);

static napi_value with_text(napi_env env, napi_callback_info info, ask_fn ask) {
  napi_value a[2];
  int64_t handle;
  char *text = NULL;
  size_t size = 0;
  environment *environment = enter(env, info, 2, a);
  if (!environment || !take_number(env, a[0], &handle) || !take_text(env, a[1], &text, &size)) return NULL;
  dx_buffer out = {NULL, 0};
  dx_error *error = ask(environment->dx, pointer_of(handle), (dx_text){text, size}, &out);
  free(text);
  return buffer_value(env, environment->dx, error, &out);
}

static dx_error *do_metrics(const dx_api *dx, void *store, dx_text request, dx_buffer *out) {
  return dx->store_metrics(store, request, out);
}
static dx_error *do_clock(const dx_api *dx, void *store, dx_text unused, dx_buffer *out) {
  (void)unused;
  return dx->store_clock(store, out);
}

static dx_error *do_step(const dx_api *dx, void *simulation, dx_text answers, dx_buffer *out) {
  return dx->simulation_step(simulation, answers, out);
}

static napi_value store_metrics(napi_env env, napi_callback_info info) {
  return with_text(env, info, do_metrics);
}
static napi_value store_clock(napi_env env, napi_callback_info info) {
  return with_text(env, info, do_clock);
}

static napi_value simulation_step(napi_env env, napi_callback_info info) {
  return with_text(env, info, do_step);
}

static napi_value simulation_new(napi_env env, napi_callback_info info) {
  napi_value argument;
  char *config = NULL;
  size_t size = 0;
  environment *environment = enter(env, info, 1, &argument);
  if (!environment || !take_text(env, argument, &config, &size)) return NULL;
  dx_simulation *simulation = NULL;
  dx_error *error = environment->dx->simulation_new((dx_text){config, size}, &simulation);
  free(config);
  return handle_value(env, environment, error, HANDLE_SIMULATION, simulation);
}

/* free(kind, handle) */
static napi_value free_handle(napi_env env, napi_callback_info info) {
  napi_value a[2];
  int64_t kind, handle;
  environment *environment = enter(env, info, 2, a);
  if (!environment || !take_number(env, a[0], &kind) || !take_number(env, a[1], &handle)) return NULL;
  handle_free(environment, (handle_kind)kind, (uint64_t)handle);
  return undefined(env);
}

/* ---- Poller -------------------------------------------------------------------------------------------- */

/* poll(id, runtime, turns, activities): false when there is no thread for it. */
static napi_value poll(napi_env env, napi_callback_info info) {
  napi_value a[4], value = NULL;
  int64_t id, runtime, turns, activities;
  environment *environment = enter(env, info, 4, a);
  if (!environment || !take_number(env, a[0], &id) || !take_number(env, a[1], &runtime) ||
      !take_number(env, a[2], &turns) || !take_number(env, a[3], &activities)) {
    return NULL;
  }
  poller *made =
      poller_new(environment, (uint32_t)id, (uint64_t)runtime, (int32_t)turns, (int32_t)activities);
  if (made) environment_hold(environment);
  napi_get_boolean(env, made != NULL, &value);
  return value;
}

static environment *find_poller(napi_env env, napi_callback_info info, size_t count, napi_value *arguments,
                                poller **found) {
  int64_t id;
  environment *environment = enter(env, info, count, arguments);
  if (!environment || !take_number(env, arguments[0], &id)) return NULL;
  *found = poller_find(environment, (uint32_t)id);
  return environment;
}

/* took(id) */
static napi_value took(napi_env env, napi_callback_info info) {
  napi_value argument;
  poller *poller = NULL;
  if (!find_poller(env, info, 1, &argument, &poller)) return NULL;
  if (poller) poller_took(poller);
  return undefined(env);
}

/* answer(id, text): false when the poller has ended. */
static napi_value answer(napi_env env, napi_callback_info info) {
  napi_value a[2], value = NULL;
  poller *poller = NULL;
  char *text = NULL;
  size_t size = 0;
  if (!find_poller(env, info, 2, a, &poller)) return NULL;
  bool handed = false;
  if (poller) {
    if (!take_text(env, a[1], &text, &size)) return NULL;
    handed = poller_answer(poller, text, size);
  }
  napi_get_boolean(env, handed, &value);
  return value;
}

/* endPoll(id) */
static napi_value end_poll(napi_env env, napi_callback_info info) {
  napi_value argument;
  poller *poller = NULL;
  environment *environment = find_poller(env, info, 1, &argument, &poller);
  if (!environment) return NULL;
  if (poller) {
    poller_end(poller);
    environment_let_go(environment);
  }
  return undefined(env);
}

/* more(): delivers what one visit of the loop had to leave; true when there is still more. */
static napi_value more(napi_env env, napi_callback_info info) {
  napi_value value = NULL;
  environment *environment = enter(env, info, 0, NULL);
  if (!environment) return NULL;
  napi_get_boolean(env, mailbox_deliver(environment), &value);
  return value;
}

/* ---- Log ----------------------------------------------------------------------------------------------- */

static void on_log(dx_text record, void *user_data) {
  message *message = message_new(MESSAGE_LOG, 0);
  if (message && message_set_text(message, record.data, record.size))
    mailbox_post(user_data, message);
  else
    message_free(message);
}

static void log_released(void *user_data) { environment_release(user_data); }

/* log(config): records of the process come here; an empty config turns them off. */
static napi_value log_set(napi_env env, napi_callback_info info) {
  napi_value argument;
  char *config = NULL;
  size_t size = 0;
  environment *environment = enter(env, info, 1, &argument);
  if (!environment || !take_text(env, argument, &config, &size)) return NULL;
  bool on = size > 0;
  dx_error *error =
      environment->dx->log_set((dx_text){config, size}, on ? on_log : NULL,
                               on ? environment_retain(environment) : NULL, on ? log_released : NULL);
  free(config);
  return error ? error_value(env, environment->dx, error) : undefined(env);
}

/* ---- Life ---------------------------------------------------------------------------------------------- */

/* The loop ends: of the worker thread, or of the process. Threads that still run find the mailbox closed. */
static void clean_up(void *data) {
  environment *environment = data;
  mailbox_close(environment);
  if (environment->dx) {
    poller_end_all(environment);
    pool_end(environment);
    handle_free_all(environment);
  }
  if (environment->deliver) napi_delete_reference(environment->env, environment->deliver);
  environment->deliver = NULL;
}

static void finalize(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  environment_release(data);
}

NAPI_MODULE_INIT() {
  environment *environment = calloc(1, sizeof *environment);
  if (!environment) return NULL;
  atomic_init(&environment->references, 1);
  environment->env = env;
  pthread_mutex_init(&environment->lock, NULL);
  pthread_mutex_init(&environment->pool_lock, NULL);
  pthread_cond_init(&environment->pool_wakes, NULL);
  napi_property_descriptor functions[] = {
#define FUNCTION(name, function) {name, NULL, function, NULL, NULL, NULL, napi_enumerable, NULL}
      FUNCTION("load", load),
      FUNCTION("version", version),
      FUNCTION("find", find),
      FUNCTION("request", request),
      FUNCTION("clientNew", client_new),
      FUNCTION("runtimeNew", runtime_new),
      FUNCTION("registerOrchestration", register_orchestration),
      FUNCTION("registerActivity", register_activity),
      FUNCTION("limitActivity", limit_activity),
      FUNCTION("heartbeat", heartbeat),
      FUNCTION("answerPassword", answer_password),
      FUNCTION("isCancelled", is_cancelled),
      FUNCTION("storeMetrics", store_metrics),
      FUNCTION("storeClock", store_clock),
      FUNCTION("simulationNew", simulation_new),
      FUNCTION("simulationStep", simulation_step),
      FUNCTION("free", free_handle),
      FUNCTION("poll", poll),
      FUNCTION("took", took),
      FUNCTION("answer", answer),
      FUNCTION("endPoll", end_poll),
      FUNCTION("more", more),
      FUNCTION("log", log_set),
#undef FUNCTION
  };
  if (napi_set_instance_data(env, environment, finalize, NULL) != napi_ok ||
      napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions) != napi_ok) {
    napi_throw_error(env, "PERDURE_ADDON", "perdure.node cannot be set up");
    return NULL;
  }
  return exports;
}
