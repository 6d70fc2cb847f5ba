/* dx.h - Perdure: durable execution as a library.
 *
 * A program registers orchestrations (deterministic functions) and activities (ordinary functions). The
 * engine persists every step, so that a program that is killed, redeployed or moved goes on where it was.
 *
 * This header is the contract. It reads top to bottom: library, errors, text, store, client, runtime,
 * turns, activities, pull mode. The JSON that travels through it is described in docs/wire-format.md.
 *
 * Threads. Every function may be called from any thread at any time, from callbacks too. Client calls may
 * wait for the store: make them off an event loop. Turn and activity calls never wait for the store.
 *
 * Ownership. Text passed in is borrowed for the call and copied if kept. What comes out through an `out`
 * argument is yours: buffers go to dx_buffer_free, handles to their _free or _close. `out` is written on
 * success only. What a callback receives is borrowed until the callback returns, unless the comment says
 * otherwise.
 *
 * Handles. dx_store, dx_client and dx_runtime are counted inside: freeing them in any order is safe, never
 * blocks and accepts NULL. Handles and tokens are numbers in pointer's clothing, checked on each call: one
 * that was freed, completed or made up is answered with DX_INVALID_HANDLE, never with a crash.
 *
 * Callbacks come on the engine's threads, several at once, never on a thread that is inside a dx_ call,
 * and with no lock held. They must not unwind (throw, longjmp) through the library. `user_data` is always
 * last. Where a `release` is taken it is called exactly once, after the last callback, also when the call
 * that took it failed.
 *
 * Processes. Open stores after fork, not before: a handle used in a forked child is answered with
 * DX_FORKED. The library is never unloaded.
 *
 * Versions. Four numbers that never mix: this ABI (dx_abi_version), the JSON (`v` in each message), the
 * schema of a store, and the versions of your orchestrations. Symbols and struct prefixes are kept for a
 * major ABI version; JSON fields are added, not removed.
 */
#ifndef DX_H
#define DX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define DX_API __attribute__((visibility("default")))
#define DX_CHECKED __attribute__((warn_unused_result))
#else
#define DX_API
#define DX_CHECKED
#endif

/* ---- Library ------------------------------------------------------------------------------------------- */

#define DX_ABI_MAJOR 1
#define DX_ABI_MINOR 2

/* The ABI of the loaded library: major << 16 | minor. Usable when the major number is the one that you
 * were written for and the minor number is at least yours. */
DX_API uint32_t dx_abi_version(void);

/* The release, such as "0.1.0". Static, never freed. */
DX_API const char *dx_version(void);

/* ---- Text in, buffers out ------------------------------------------------------------------------------ */

/* As a size: the text ends at its first NUL byte. */
#define DX_NUL_TERMINATED SIZE_MAX

/* UTF-8, without NUL bytes. { NULL, 0 } is the empty text. */
typedef struct dx_text {
  const char *data;
  size_t size;
} dx_text;

/* Bytes that you own. A NUL byte follows the last one and is not counted in size. */
typedef struct dx_buffer {
  char *data;
  size_t size;
} dx_buffer;

/* Frees the bytes and zeroes the struct, so that freeing twice is harmless. Accepts NULL. */
DX_API void dx_buffer_free(dx_buffer *buffer);

/* ---- Errors: NULL means success ------------------------------------------------------------------------ */

typedef struct dx_error dx_error;

typedef int32_t dx_code;
enum {
  DX_OK = 0,
  DX_INVALID_ARGUMENT = 1, /* null, not UTF-8, NUL, malformed JSON, unknown field, wrong type or size */
  DX_INVALID_HANDLE = 2,   /* freed, completed, of another kind, or never ours */
  DX_UNSUPPORTED = 3,      /* newer struct, unknown URL scheme, not on this platform */
  DX_NOT_FOUND = 4,        /* no such instance or execution */
  DX_ALREADY_EXISTS = 5,   /* the instance id is taken; the name is registered */
  DX_WRONG_STATUS = 6,     /* the instance or the runtime is in another state than the call needs */
  DX_LIMIT_EXCEEDED = 7,   /* over a named limit; nothing was stored */
  DX_TIMED_OUT = 8,
  DX_CLOSED = 9,           /* the store, client or runtime is closed or stopping */
  DX_FORKED = 10,          /* the handle belongs to the parent of this process */
  DX_STALE = 11,           /* the work is no longer yours: cancelled, or its instance went on without it */
  DX_PROTOCOL = 20,        /* an answer does not keep docs/wire-format.md */
  DX_NONDETERMINISM = 21,  /* the code and its history differ (replay of recorded histories) */
  DX_STORE_BUSY = 40,
  DX_STORE_FULL = 41,
  DX_STORE_IO = 42,
  DX_STORE_READ_ONLY = 43,
  DX_STORE_CORRUPT = 44,
  DX_STORE_FOREIGN = 45,   /* not a Perdure store, or one of a newer release: left untouched */
  DX_STORE_CANNOT_OPEN = 46,
  DX_STORE_REPLACED = 47,  /* the file was deleted or replaced while open */
  DX_INTERNAL = 99
};

/* One of the codes above; DX_OK for NULL. */
DX_API dx_code dx_error_code(const dx_error *error);
/* Trying the same call again can help. */
DX_API bool dx_error_is_transient(const dx_error *error);
/* One plain sentence. Valid until the error is freed. */
DX_API const char *dx_error_message(const dx_error *error);
/* A JSON object with the data behind the message, {} if there is none. Valid until the error is freed. */
DX_API const char *dx_error_details(const dx_error *error);
/* Accepts NULL. */
DX_API void dx_error_free(dx_error *error);

/* ---- Handles and callbacks ----------------------------------------------------------------------------- */

typedef struct dx_store dx_store;
typedef struct dx_client dx_client;
typedef struct dx_runtime dx_runtime;
typedef struct dx_turn dx_turn;
typedef struct dx_activity dx_activity;
typedef struct dx_simulation dx_simulation;
typedef struct dx_password dx_password;

typedef void (*dx_turn_fn)(dx_turn *turn, void *user_data);
typedef void (*dx_activity_fn)(dx_activity *activity, void *user_data);
/* error is yours to free; result is borrowed. Exactly one of them is set. */
typedef void (*dx_wait_fn)(dx_error *error, dx_text result, void *user_data);
typedef void (*dx_stop_fn)(void *user_data);
typedef void (*dx_password_fn)(dx_password *request, void *user_data);
typedef void (*dx_log_fn)(dx_text record, void *user_data);
typedef void (*dx_release_fn)(void *user_data);

/* Sends log records (JSON objects, docs/wire-format.md "Log record") of this process to `log`; NULL turns
 * logging off, which is how it starts. Replaces what was set before; its release is called when its last
 * callback returned. config: {"level": "debug"|"info"|"warn"|"error"}, empty for info. */
DX_API DX_CHECKED dx_error *dx_log_set(dx_text config, dx_log_fn log, void *user_data, dx_release_fn release);

/* ---- Store --------------------------------------------------------------------------------------------- */

typedef struct dx_store_options {
  size_t struct_size;
  dx_text url;    /* "memory:", "sqlite:PATH", "postgresql://USER@HOST/DATABASE" */
  dx_text config; /* JSON object, may be empty: "Store config" */
} dx_store_options;
#define DX_STORE_OPTIONS_INIT { sizeof(dx_store_options), { NULL, 0 }, { NULL, 0 } }

/* Opens a store, makes its tables if it is new, and takes back what dead processes held. */
DX_API DX_CHECKED dx_error *dx_store_open(const dx_store_options *options, dx_store **out);
/* The same for a postgresql: URL whose password is not in it, nor in a file: as tokens of cloud identities,
 * which expire. password is called for each connection that is opened, then and later, on a thread of its
 * own, several at once, and must see to it that the request is completed or failed, inside the callback or
 * later. After 30 s the call that needed the connection fails. Others go on meanwhile; what writes to this
 * store waits, so the callback must not wait for such. The password is in no message and no log. ABI 1.2. */
DX_API DX_CHECKED dx_error *dx_store_open_with_password(const dx_store_options *options,
                                                        dx_password_fn password, void *user_data,
                                                        dx_release_fn release, dx_store **out);
/* The request is gone whatever comes back. DX_STALE: nobody waits for it any more. */
DX_API DX_CHECKED dx_error *dx_password_complete(dx_password *request, dx_text password);
/* reason: one sentence, for the message of the call that needed the connection; must not hold a secret. */
DX_API DX_CHECKED dx_error *dx_password_fail(dx_password *request, dx_text reason);
/* request: {"format": "json" | "openmetrics"}, may be empty: json. out: "Metrics" of docs/wire-format.md, or
 * OpenMetrics 1.0 text: what this handle of the store has committed, and what its runtimes hold. Does not
 * touch the store. */
DX_API DX_CHECKED dx_error *dx_store_metrics(dx_store *store, dx_text request, dx_buffer *out);
/* out: "Store clock": {"now", "mode"}. */
DX_API DX_CHECKED dx_error *dx_store_clock(dx_store *store, dx_buffer *out);
/* Of a store with a virtual clock ("Store config"), for tests: moves time by ms (0...2^50), stopping at each
 * moment on the way at which something is due, until this process has nothing to do on the store; with 0
 * only waits for that. Then `done` gets the "Store clock". DX_TIMED_OUT (timeout_ms of the system's time;
 * < 0: no limit) when something goes on, such as an activity that does not answer; DX_UNSUPPORTED at once
 * when time is the system's. */
DX_API DX_CHECKED dx_error *dx_store_advance_clock(dx_store *store, int64_t ms, int64_t timeout_ms,
                                                   dx_wait_fn done, void *user_data);
/* Drops your reference. The store closes when the last client and runtime on it are freed: its files a moment
 * later, when its threads have ended. */
DX_API void dx_store_close(dx_store *store);

/* ---- Client: start, message, observe ------------------------------------------------------------------- */

/* A client needs no runtime in its process. */
DX_API DX_CHECKED dx_error *dx_client_new(dx_store *store, dx_client **out);
/* Waits that are still open are answered with DX_CLOSED. */
DX_API void dx_client_free(dx_client *client);

/* request: "Start request". Durable on return. out: "Start answer". DX_ALREADY_EXISTS names the status of the
 * other. */
DX_API DX_CHECKED dx_error *dx_client_start(dx_client *client, dx_text request, dx_buffer *out);
/* requests: a JSON array of start requests, made durable together. out: an array in the same order, each
 * element {"instance": ID} or {"error": {"code", "message", "details"}}. */
DX_API DX_CHECKED dx_error *dx_client_start_many(dx_client *client, dx_text requests, dx_buffer *out);

/* Durable on return; kept until awaited. payload: any JSON value; empty is null. DX_NOT_FOUND for an
 * unknown instance, DX_WRONG_STATUS for a finished one. */
DX_API DX_CHECKED dx_error *dx_client_raise_event(dx_client *client, dx_text instance, dx_text name,
                                                  dx_text payload);
/* The same for a queue message. Events and queues have names of their own. */
DX_API DX_CHECKED dx_error *dx_client_enqueue(dx_client *client, dx_text instance, dx_text queue,
                                              dx_text payload);
/* Asks the instance to end: its code receives a cancellation error and may clean up. */
DX_API DX_CHECKED dx_error *dx_client_cancel(dx_client *client, dx_text instance, dx_text reason);
/* request: "Send request": an event or a queue message, if asked kept for an instance that is yet to be
 * started. out: {"kept": bool}. */
DX_API DX_CHECKED dx_error *dx_client_send(dx_client *client, dx_text request, dx_buffer *out);
/* To all instances that are subscribed to the topic, once each. out: {"delivered": n}. */
DX_API DX_CHECKED dx_error *dx_client_publish(dx_client *client, dx_text topic, dx_text payload,
                                              dx_buffer *out);
/* request: "Control request": cancel (with grace), suspend, resume, terminate, retry (of a quarantined
 * instance), requeue. Durable on return. out: {"status": STATUS}. DX_WRONG_STATUS when it does not fit. */
DX_API DX_CHECKED dx_error *dx_client_control(dx_client *client, dx_text request, dx_buffer *out);

/* out: "Description". */
DX_API DX_CHECKED dx_error *dx_client_describe(dx_client *client, dx_text instance, dx_buffer *out);
/* query: "History query". out: "History page". */
DX_API DX_CHECKED dx_error *dx_client_history(dx_client *client, dx_text query, dx_buffer *out);
/* query: "List query", may be empty. out: "List page". */
DX_API DX_CHECKED dx_error *dx_client_list(dx_client *client, dx_text query, dx_buffer *out);
/* query: {"instance": ID, "force": false}. Removes a finished root instance (any with force) and its
 * descendants. out: {"deleted": [ID...]}. */
DX_API DX_CHECKED dx_error *dx_client_delete(dx_client *client, dx_text query, dx_buffer *out);
/* query: "KV query". out: "KV page". Also of an instance that has ended. */
DX_API DX_CHECKED dx_error *dx_client_kv(dx_client *client, dx_text query, dx_buffer *out);

/* request: "Management request": what an operator asks, one operation of many. What changes something is
 * durable on return and leaves an audit record. out: the answer of the operation. */
DX_API DX_CHECKED dx_error *dx_client_manage(dx_client *client, dx_text request, dx_buffer *out);

/* The end of an activity attempt that was deferred (dx_activity_defer), by its token ("Activity task"), from
 * any process. result: any JSON value, empty is null. DX_STALE: the attempt is over, or was cancelled.
 * DX_NOT_FOUND: its instance is gone. */
DX_API DX_CHECKED dx_error *dx_client_complete_activity(dx_client *client, dx_text token, dx_text result);
/* failure: "Failure". The retry policy of the activity decides what follows. */
DX_API DX_CHECKED dx_error *dx_client_fail_activity(dx_client *client, dx_text token, dx_text failure);
/* details: any JSON value. */
DX_API DX_CHECKED dx_error *dx_client_heartbeat_activity(dx_client *client, dx_text token, dx_text details);

/* Calls `done` once with the description when the instance has ended, or with DX_TIMED_OUT (timeout_ms <
 * 0: no limit), DX_NOT_FOUND, DX_CLOSED or a store error. When the call itself returns an error, `done` is
 * never called. */
DX_API DX_CHECKED dx_error *dx_client_wait(dx_client *client, dx_text instance, int64_t timeout_ms,
                                           dx_wait_fn done, void *user_data);
/* The same for a custom status with a version above after_version, or the end. */
DX_API DX_CHECKED dx_error *dx_client_wait_status(dx_client *client, dx_text instance, int64_t after_version,
                                                  int64_t timeout_ms, dx_wait_fn done, void *user_data);
/* query: "History query". Calls `done` with the "History page" as soon as there are events after `after`. It
 * comes without events when the execution is not the current one (any more), or the instance has ended. */
DX_API DX_CHECKED dx_error *dx_client_wait_history(dx_client *client, dx_text query, int64_t timeout_ms,
                                                   dx_wait_fn done, void *user_data);
/* request: "Call request". The call is durable when the function returns; `done` gets the "Call answer" of
 * the orchestration, or DX_WRONG_STATUS when it ended without one. A call that timed out here goes on: make
 * it again with the same `call` to wait for its answer. */
DX_API DX_CHECKED dx_error *dx_client_call(dx_client *client, dx_text request, int64_t timeout_ms,
                                           dx_wait_fn done, void *user_data);
/* request: "Query request". Asks the code of the instance, run anew from its history by a runtime of this
 * process; changes nothing. `done` gets the "Query answer", or DX_UNSUPPORTED when no runtime here serves the
 * orchestration in its version. */
DX_API DX_CHECKED dx_error *dx_client_query(dx_client *client, dx_text request, int64_t timeout_ms,
                                            dx_wait_fn done, void *user_data);

/* ---- Runtime: runs orchestrations and activities ------------------------------------------------------- */

typedef struct dx_runtime_options {
  size_t struct_size;
  dx_text config; /* JSON object, may be empty: "Runtime options" */
} dx_runtime_options;
#define DX_RUNTIME_OPTIONS_INIT { sizeof(dx_runtime_options), { NULL, 0 } }

/* options may be NULL. The runtime does nothing before dx_runtime_start. */
DX_API DX_CHECKED dx_error *dx_runtime_new(dx_store *store, const dx_runtime_options *options,
                                           dx_runtime **out);

/* version: a semantic version, empty for 1.0.0. run is called for each turn of such an instance and must
 * see to it that the token is completed or failed, inside the callback or later. With run NULL the turns
 * go to dx_runtime_poll. Before dx_runtime_start only. */
DX_API DX_CHECKED dx_error *dx_register_orchestration(dx_runtime *runtime, dx_text name, dx_text version,
                                                      dx_turn_fn run, void *user_data, dx_release_fn release);
/* The same for activities: run is called for each attempt, at most `activitySlots` at once. The name
 * "perdure.any" stands for whatever activities the instances that run here call and nobody registered. */
DX_API DX_CHECKED dx_error *dx_register_activity(dx_runtime *runtime, dx_text name, dx_activity_fn run,
                                                 void *user_data, dx_release_fn release);

/* Bounds what this runtime does of one activity. limits: "Activity limits". Before dx_runtime_start only. */
DX_API DX_CHECKED dx_error *dx_runtime_limit_activity(dx_runtime *runtime, dx_text name, dx_text limits);

DX_API DX_CHECKED dx_error *dx_runtime_start(dx_runtime *runtime);
/* Announces the end and returns: no new work is taken, running activities get grace_ms to finish, the rest
 * is handed back. Then `done` (may be NULL) is called once. Tokens still out are DX_STALE afterwards. */
DX_API DX_CHECKED dx_error *dx_runtime_stop(dx_runtime *runtime, int64_t grace_ms, dx_stop_fn done,
                                            void *user_data);
/* Replays a recorded history ("Recorded history": an exported instance, or one execution) against the code
 * that is registered with this runtime, which must have been started, and changes nothing. `done` gets the
 * "Replay report", or DX_TIMED_OUT (timeout_ms < 0: no limit) when the host does not answer, or DX_CLOSED.
 * When the call itself returns an error, `done` is never called. */
DX_API DX_CHECKED dx_error *dx_history_replay(dx_runtime *runtime, dx_text history, int64_t timeout_ms,
                                              dx_wait_fn done, void *user_data);
/* The same for the open instances of the store, each as it stands. request: "Preflight request", may be
 * empty. `done` gets the "Preflight report". */
DX_API DX_CHECKED dx_error *dx_runtime_preflight(dx_runtime *runtime, dx_text request, int64_t timeout_ms,
                                                 dx_wait_fn done, void *user_data);
/* Drops your reference; a runtime that still runs is stopped without grace. */
DX_API void dx_runtime_free(dx_runtime *runtime);

/* ---- Turn: one step of one instance -------------------------------------------------------------------- */

/* Writes the "Turn request" to *out. Borrowed until the token is completed or failed. */
DX_API DX_CHECKED dx_error *dx_turn_input(const dx_turn *turn, dx_text *out);
/* answer: "Turn answer". The token is gone whatever comes back. DX_PROTOCOL: the answer cannot be read;
 * the turn counts as failed and is tried again. What only history can tell (the code and its history
 * differ) quarantines the instance: see its description and the log. */
DX_API DX_CHECKED dx_error *dx_turn_complete(dx_turn *turn, dx_text answer);
/* The host could not run the turn; the engine tries again later. An orchestration that fails is a normal
 * answer. failure: "Failure". */
DX_API DX_CHECKED dx_error *dx_turn_fail(dx_turn *turn, dx_text failure);

/* ---- Activity: one attempt ----------------------------------------------------------------------------- */

/* Writes the "Activity task" to *out. Borrowed until the token is completed or failed. */
DX_API DX_CHECKED dx_error *dx_activity_input(const dx_activity *activity, dx_text *out);
/* The result is no longer wanted: the orchestration cancelled it, ended, or the runtime stops. true for a
 * token that is gone. */
DX_API bool dx_activity_is_cancelled(const dx_activity *activity);
/* Calls `cancelled` once, from a thread of the engine, as soon as the result is no longer wanted; at once
 * if that is so already. Not for activities taken by dx_runtime_poll, which tells by itself. The token may
 * be gone by the time of the call. release is called after it, or when the token is gone. */
DX_API DX_CHECKED dx_error *dx_activity_on_cancel(dx_activity *activity, dx_stop_fn cancelled,
                                                  void *user_data, dx_release_fn release);
/* Progress: details (any JSON value, empty is null) are kept for the next attempt, and the heartbeat time
 * limit begins anew. Never waits for the store. DX_STALE: the result is no longer wanted. */
DX_API DX_CHECKED dx_error *dx_activity_heartbeat(dx_activity *activity, dx_text details);
/* The attempt goes on elsewhere and is ended with its completion token. The token here is gone whatever comes
 * back. */
DX_API DX_CHECKED dx_error *dx_activity_defer(dx_activity *activity);
/* result: any JSON value, empty is null. The token is gone whatever comes back. DX_STALE: the result was
 * not needed. */
DX_API DX_CHECKED dx_error *dx_activity_complete(dx_activity *activity, dx_text result);
/* failure: "Failure". */
DX_API DX_CHECKED dx_error *dx_activity_fail(dx_activity *activity, dx_text failure);

/* ---- Pull mode: for languages to which a call from a foreign thread is dear ---------------------------- */

/* Hands in answers and takes work in one call. answers: "Poll answers", may be empty. Then waits up to
 * timeout_ms until there is a turn (at most turns_max are taken) or an activity (at most activities_max;
 * the slots of the runtime bound them too), and returns at once when the runtime has stopped. With both 0
 * it only hands in. out: "Poll work". Several threads may poll one runtime. */
DX_API DX_CHECKED dx_error *dx_runtime_poll(dx_runtime *runtime, dx_text answers, int32_t turns_max,
                                            int32_t activities_max, int64_t timeout_ms, dx_buffer *out);

/* ---- Simulation: orchestrations under schedules of crashes, for tests ---------------------------------- */

/* A run of your orchestrations and activities in virtual time, on the caller's thread, without a store: the
 * engine decides where the process dies, what comes late and what is repeated, and hands out one piece of
 * work after the other. config: "Simulation config". */
DX_API DX_CHECKED dx_error *dx_simulation_new(dx_text config, dx_simulation **out);
/* Hands in the answer to what the last step handed out, and goes on until the host is wanted. answers:
 * "Simulation answers", empty when nothing was asked. out: "Simulation work". DX_INVALID_HANDLE: an answer
 * names a token that waits for none. DX_WRONG_STATUS: something is unanswered, or the run has ended. */
DX_API DX_CHECKED dx_error *dx_simulation_step(dx_simulation *simulation, dx_text answers, dx_buffer *out);
DX_API void dx_simulation_free(dx_simulation *simulation);

#ifdef __cplusplus
}
#endif

#endif /* DX_H */
