/* For abuse.c: each function of dx.h as a call with any arguments, in one table. */
#ifndef ABUSE_H
#define ABUSE_H

#include "check.h"

/* ---- A call: its arguments, and one function for each shape of them ------------------------------------ */

typedef struct arguments {
  void *handle;
  dx_text text[3];
  int64_t number[2];
  bool has_out; /* false: NULL in place of a buffer, a handle or a callback */
} arguments;

typedef dx_error *(*caller)(const arguments *a);

static tally waits = TALLY_INIT;
static tally releases = TALLY_INIT;

static void turn_seen(dx_turn *turn, void *user_data) {
  (void)user_data;
  dx_error_free(dx_turn_fail(turn, text("{\"type\":\"T\",\"message\":\"not run\"}")));
}
static void activity_seen(dx_activity *activity, void *user_data) {
  (void)user_data;
  dx_error_free(dx_activity_complete(activity, text("1")));
}

static dx_error *freed(dx_error *error, dx_buffer *out) {
  dx_buffer_free(out);
  return error;
}

#define BUFFER dx_buffer out = {NULL, 0}
#define OUT (a->has_out ? &out : NULL)
#define WAIT (a->has_out ? tally_waited : NULL), &waits
#define CALL(name) static dx_error *call_##name(const arguments *a)
#define HB(name)                              \
  CALL(name) {                                \
    BUFFER;                                   \
    return freed(name(a->handle, OUT), &out); \
  }
#define HTB(name)                                         \
  CALL(name) {                                            \
    BUFFER;                                               \
    return freed(name(a->handle, a->text[0], OUT), &out); \
  }
#define HTTB(name)                                                    \
  CALL(name) {                                                        \
    BUFFER;                                                           \
    return freed(name(a->handle, a->text[0], a->text[1], OUT), &out); \
  }
#define HTTT(name) \
  CALL(name) { return name(a->handle, a->text[0], a->text[1], a->text[2]); }
#define HTT(name) \
  CALL(name) { return name(a->handle, a->text[0], a->text[1]); }
#define HT(name) \
  CALL(name) { return name(a->handle, a->text[0]); }
#define H(name) \
  CALL(name) { return name(a->handle); }
#define HTW(name) \
  CALL(name) { return name(a->handle, a->text[0], a->number[0], WAIT); }
#define HX(name)                                      \
  CALL(name) {                                        \
    dx_text out;                                      \
    return name(a->handle, a->has_out ? &out : NULL); \
  }

HTB(dx_store_metrics) HB(dx_store_clock) CALL(dx_store_advance_clock) {
  return dx_store_advance_clock(a->handle, a->number[0], a->number[1], WAIT);
}
HTB(dx_client_start)
HTB(dx_client_start_many)
HTTT(dx_client_raise_event)
HTTT(dx_client_enqueue)
HTT(dx_client_cancel)
HTB(dx_client_send)
HTTB(dx_client_publish)
HTB(dx_client_control)
HTB(dx_client_describe)
HTB(dx_client_history)
// clang-format off: it takes these for declarations that go on, one more each time.
HTB(dx_client_list)
HTB(dx_client_delete)
HTB(dx_client_kv)
HTB(dx_client_manage)
HTT(dx_client_complete_activity)
HTT(dx_client_fail_activity)
HTT(dx_client_heartbeat_activity)
HTW(dx_client_wait)
HTW(dx_client_wait_history)
HTW(dx_client_call)
HTW(dx_client_query)
HTW(dx_history_replay)
HTW(dx_runtime_preflight)
// clang-format on
CALL(dx_client_wait_status) {
  return dx_client_wait_status(a->handle, a->text[0], a->number[0], a->number[1], WAIT);
}
CALL(dx_register_orchestration) {
  return dx_register_orchestration(a->handle, a->text[0], a->text[1], a->has_out ? turn_seen : NULL,
                                   &releases, tally_add);
}
CALL(dx_register_activity) {
  return dx_register_activity(a->handle, a->text[0], a->has_out ? activity_seen : NULL, &releases, tally_add);
}
HTT(dx_runtime_limit_activity) H(dx_runtime_start) CALL(dx_runtime_stop) {
  return dx_runtime_stop(a->handle, a->number[0], NULL, NULL);
}
HX(dx_turn_input) HT(dx_turn_complete) HT(dx_turn_fail) HX(dx_activity_input) CALL(dx_activity_is_cancelled) {
  return dx_activity_is_cancelled(a->handle) ? NULL : NULL;
}
CALL(dx_activity_on_cancel) {
  return dx_activity_on_cancel(a->handle, a->has_out ? tally_add : NULL, &releases, tally_add);
}
HT(dx_activity_heartbeat)
H(dx_activity_defer) HT(dx_activity_complete) HT(dx_activity_fail) CALL(dx_runtime_poll) {
  /* Without room for work it only hands in: whatever the time to wait, it must not wait. */
  BUFFER;
  int32_t room = a->number[1] < 0 ? -1 : 0;
  return freed(dx_runtime_poll(a->handle, a->text[0], room, 0, a->number[0], OUT), &out);
}
HTB(dx_simulation_step)
CALL(dx_simulation_new) {
  dx_simulation *out = NULL;
  dx_error *error = dx_simulation_new(a->text[0], a->has_out ? &out : NULL);
  dx_simulation_free(out);
  return error;
}
CALL(dx_client_new) {
  dx_client *out = NULL;
  dx_error *error = dx_client_new(a->handle, a->has_out ? &out : NULL);
  dx_client_free(out);
  return error;
}
CALL(dx_runtime_new) {
  dx_runtime *out = NULL;
  dx_runtime_options options = DX_RUNTIME_OPTIONS_INIT;
  options.config = a->text[0];
  if (a->number[0] < 0) options.struct_size = (size_t)a->number[0];
  dx_error *error = dx_runtime_new(a->handle, &options, a->has_out ? &out : NULL);
  dx_runtime_free(out);
  return error;
}
CALL(dx_store_open) {
  dx_store *out = NULL;
  dx_store_options options = DX_STORE_OPTIONS_INIT;
  options.url = a->text[0];
  options.config = a->text[1];
  if (a->number[0] < 0) options.struct_size = (size_t)a->number[0];
  dx_error *error = dx_store_open(&options, a->has_out ? &out : NULL);
  dx_store_close(out);
  return error;
}
static void password_wanted(dx_password *request, void *user_data) {
  (void)user_data;
  dx_error_free(dx_password_fail(request, text("nobody knows it")));
}
CALL(dx_store_open_with_password) {
  dx_store *out = NULL;
  dx_store_options options = DX_STORE_OPTIONS_INIT;
  options.url = a->text[0];
  options.config = a->text[1];
  if (a->number[0] < 0) options.struct_size = (size_t)a->number[0];
  dx_error *error = dx_store_open_with_password(&options, a->number[1] < 0 ? NULL : password_wanted,
                                                &releases, tally_add, a->has_out ? &out : NULL);
  dx_store_close(out);
  return error;
}
HT(dx_password_complete)
HT(dx_password_fail)
CALL(dx_log_set) { return dx_log_set(a->text[0], NULL, NULL, NULL); }

/* Those that answer nothing: a bad handle or pointer has no effect. */
#define NONE(name, type)   \
  CALL(name) {             \
    name((type)a->handle); \
    return NULL;           \
  }
NONE(dx_store_close, dx_store *)
NONE(dx_client_free, dx_client *)
NONE(dx_runtime_free, dx_runtime *)
NONE(dx_simulation_free, dx_simulation *) NONE(dx_error_free, dx_error *) CALL(dx_buffer_free) {
  (void)a;
  BUFFER;
  dx_buffer_free(&out);
  dx_buffer_free(&out);
  dx_buffer_free(NULL);
  return NULL;
}
CALL(dx_error_code) {
  (void)dx_error_code(a->handle);
  return NULL;
}
CALL(dx_error_is_transient) {
  (void)dx_error_is_transient(a->handle);
  return NULL;
}
CALL(dx_error_message) { return strlen(dx_error_message(a->handle)) > 0 ? NULL : (dx_error *)a; }
CALL(dx_error_details) { return dx_error_details(a->handle)[0] == '{' ? NULL : (dx_error *)a; }
CALL(dx_abi_version) {
  (void)a;
  return dx_abi_version() >> 16 == DX_ABI_MAJOR ? NULL : (dx_error *)a;
}
CALL(dx_version) {
  (void)a;
  return strlen(dx_version()) > 0 ? NULL : (dx_error *)a;
}

/* ---- The functions ------------------------------------------------------------------------------------- */

enum kind { NOTHING, STORE, CLIENT, RUNTIME, SIMULATION, TOKEN, ERROR, KINDS };

typedef struct function {
  const char *name;
  caller call;
  enum kind kind;
  int texts;
  bool is_silent; /* answers no error */
  const char *good[3];
} function;

#define F(name, kind, texts, ...)                           \
  {                                                         \
    #name, call_##name, kind, texts, false, { __VA_ARGS__ } \
  }
#define SILENT(name, kind)                      \
  {                                             \
    #name, call_##name, kind, 0, true, { NULL } \
  }

#define NAMED "{\"instance\":\"idle\"}"
#define FAILED "{\"type\":\"T\",\"message\":\"m\"}"

static const function functions[] = {
    SILENT(dx_abi_version, NOTHING),
    SILENT(dx_version, NOTHING),
    SILENT(dx_buffer_free, NOTHING),
    SILENT(dx_error_code, ERROR),
    SILENT(dx_error_is_transient, ERROR),
    SILENT(dx_error_message, ERROR),
    SILENT(dx_error_details, ERROR),
    SILENT(dx_error_free, ERROR),
    SILENT(dx_store_close, STORE),
    SILENT(dx_client_free, CLIENT),
    SILENT(dx_runtime_free, RUNTIME),
    SILENT(dx_simulation_free, SIMULATION),
    SILENT(dx_activity_is_cancelled, TOKEN),
    F(dx_log_set, NOTHING, 1, "{}"),
    F(dx_store_open, NOTHING, 2, "memory:", "{}"),
    F(dx_store_open_with_password, NOTHING, 2, "postgresql://me@127.0.0.1:1/none", "{}"),
    F(dx_password_complete, TOKEN, 1, "sesame"),
    F(dx_password_fail, TOKEN, 1, "nobody knows it"),
    F(dx_store_metrics, STORE, 1, "{}"),
    F(dx_store_clock, STORE, 0, NULL),
    F(dx_store_advance_clock, STORE, 0, NULL),
    F(dx_client_new, STORE, 0, NULL),
    F(dx_client_start, CLIENT, 1, "{\"orchestration\":\"none\"}"),
    F(dx_client_start_many, CLIENT, 1, "[{\"orchestration\":\"none\"}]"),
    F(dx_client_raise_event, CLIENT, 3, "idle", "n", "1"),
    F(dx_client_enqueue, CLIENT, 3, "idle", "n", "1"),
    F(dx_client_cancel, CLIENT, 2, "idle", "why"),
    F(dx_client_send, CLIENT, 1, "{\"instance\":\"idle\",\"channel\":\"event\",\"name\":\"n\"}"),
    F(dx_client_publish, CLIENT, 2, "topic", "1"),
    F(dx_client_control, CLIENT, 1, "{\"instance\":\"idle\",\"operation\":\"cancel\"}"),
    F(dx_client_describe, CLIENT, 1, "idle"),
    F(dx_client_history, CLIENT, 1, NAMED),
    F(dx_client_list, CLIENT, 1, "{}"),
    F(dx_client_delete, CLIENT, 1, "{\"instance\":\"nobody\"}"),
    F(dx_client_kv, CLIENT, 1, NAMED),
    F(dx_client_manage, CLIENT, 1, "{\"operation\":\"nodes\"}"),
    F(dx_client_complete_activity, CLIENT, 2, "token", "1"),
    F(dx_client_fail_activity, CLIENT, 2, "token", FAILED),
    F(dx_client_heartbeat_activity, CLIENT, 2, "token", "1"),
    F(dx_client_wait, CLIENT, 1, "idle"),
    F(dx_client_wait_status, CLIENT, 1, "idle"),
    F(dx_client_wait_history, CLIENT, 1, NAMED),
    F(dx_client_call, CLIENT, 1, "{\"instance\":\"idle\",\"name\":\"c\"}"),
    F(dx_client_query, CLIENT, 1, "{\"instance\":\"idle\",\"name\":\"q\"}"),
    F(dx_runtime_new, STORE, 1, "{}"),
    F(dx_register_orchestration, RUNTIME, 2, "o", "1.0.0"),
    F(dx_register_activity, RUNTIME, 1, "a"),
    F(dx_runtime_limit_activity, RUNTIME, 2, "a", "{}"),
    F(dx_runtime_start, RUNTIME, 0, NULL),
    F(dx_runtime_stop, RUNTIME, 0, NULL),
    F(dx_history_replay, RUNTIME, 1, "{\"instance\":\"i\",\"events\":[]}"),
    F(dx_runtime_preflight, RUNTIME, 1, "{}"),
    F(dx_turn_input, TOKEN, 0, NULL),
    F(dx_turn_complete, TOKEN, 1, "{}"),
    F(dx_turn_fail, TOKEN, 1, FAILED),
    F(dx_activity_input, TOKEN, 0, NULL),
    F(dx_activity_on_cancel, TOKEN, 0, NULL),
    F(dx_activity_heartbeat, TOKEN, 1, "1"),
    F(dx_activity_defer, TOKEN, 0, NULL),
    F(dx_activity_complete, TOKEN, 1, "1"),
    F(dx_activity_fail, TOKEN, 1, FAILED),
    F(dx_runtime_poll, RUNTIME, 1, "{}"),
    F(dx_simulation_new, NOTHING, 1, "{}"),
    F(dx_simulation_step, SIMULATION, 1, "{}"),
};
#define FUNCTIONS (sizeof functions / sizeof *functions)

#endif /* ABUSE_H */
