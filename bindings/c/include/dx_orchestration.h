/* dx_orchestration.h - orchestrations as plain C functions.
 *
 *     static void order(dx_orch *o) {
 *       const char *receipt;
 *       dx_handle charge = dx_orch_activity(o, "charge", dx_orch_input(o), NULL);
 *       if (!dx_orch_await(o, charge, &receipt)) return;
 *       dx_orch_complete(o, receipt);
 *     }
 *
 * The function is run again from its top whenever something happens that it waits for. Calls that it made
 * before are recognized by their order and give what they gave; the first one that is new does something. So
 * there are three rules:
 *
 * 1. When a call that waits returns false, return at once. Nothing is lost: the function comes back there.
 *    false also means that something failed; a failure that you return with ends the orchestration with it,
 *    as an exception would. dx_orch_catch takes it instead, and the function goes on.
 * 2. Decide by what comes from `o` only: no clock, no random numbers, no globals that change, no files. What
 *    touches the world belongs into activities.
 * 3. Keep nothing between runs but what `o` keeps. Local variables are made anew by each run, out of the same
 *    answers.
 *
 * Whatever breaks rule 1, or takes another way through the code than the run before, is found, and given back
 * to the engine as a turn that failed, with a sentence that says where.
 *
 * Text is NUL-terminated UTF-8; values are JSON text. What comes out of `o` belongs to `o` and is good until
 * the function returns. A dx_orch is used by the thread that runs the function, inside of that call.
 */
#ifndef DX_ORCHESTRATION_H
#define DX_ORCHESTRATION_H

#include "dx.h"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define DX_FORMAT(string, first) __attribute__((format(printf, string, first)))
#else
#define DX_FORMAT(string, first)
#endif

/* One run of an orchestration. */
typedef struct dx_orch dx_orch;
typedef void (*dx_orch_fn)(dx_orch *o);

/* Durable work that was begun. One of number 0 is that of a call that was refused: awaiting it fails. */
typedef struct dx_handle {
  int32_t number;
} dx_handle;

/* ---- Registration -------------------------------------------------------------------------------------- */

/* Those of the store config, where they are not the usual ones; 0: as usual. Code is told when it is over
 * one; the engine checks them, too. */
typedef struct dx_orch_limits {
  int64_t payload_bytes;       /* 2 MiB: an input, a result, a message */
  int64_t custom_status_bytes; /* 256 KiB */
  int64_t kv_keys;             /* 1000 */
  int64_t kv_value_bytes;      /* 256 KiB */
  int64_t pending_actions;     /* 10000 */
} dx_orch_limits;

typedef struct dx_orch_options {
  const char *version;   /* a semantic version; NULL: 1.0.0 */
  void *user_data;       /* dx_orch_user_data */
  dx_release_fn release; /* called once with user_data, after the last run; may be NULL */
  int32_t cached;        /* executions kept between turns, those used last; 0: 10000, -1: none (for tests) */
  dx_orch_limits limits;
} dx_orch_options;

/* Before dx_runtime_start. options may be NULL. */
DX_API DX_CHECKED dx_error *dx_orch_register(dx_runtime *runtime, const char *name, dx_orch_fn run,
                                             const dx_orch_options *options);

/* ---- What is known ------------------------------------------------------------------------------------- */

DX_API const char *dx_orch_input(dx_orch *o); /* JSON */
DX_API const char *dx_orch_name(dx_orch *o);
DX_API const char *dx_orch_version(dx_orch *o);
DX_API const char *dx_orch_instance(dx_orch *o);
DX_API int64_t dx_orch_execution(dx_orch *o); /* counts up with each continue_as_new, from 1 */
/* The instance that scheduled this one; NULL for a root. */
DX_API const char *dx_orch_parent(dx_orch *o);
/* The span of this execution; NULL when the instance is part of no trace. */
DX_API const char *dx_orch_traceparent(dx_orch *o);
DX_API const char *dx_orch_tracestate(dx_orch *o);
DX_API void *dx_orch_user_data(dx_orch *o);

/* Milliseconds since 1970, UTC: when that happened which the code waited for last. */
DX_API int64_t dx_orch_now(dx_orch *o);
/* An earlier turn has been here. Good for printing; deciding by it breaks the replay. */
DX_API bool dx_orch_is_replaying(dx_orch *o);
/* Random, and the same in each run and replay: a number in [0, 1), and a UUID. */
DX_API double dx_orch_random(dx_orch *o);
DX_API const char *dx_orch_guid(dx_orch *o);

/* ---- Text and memory of a run -------------------------------------------------------------------------- */

/* As sprintf does, into memory of the run. NULL when memory is short. */
DX_API const char *dx_orch_format(dx_orch *o, const char *format, ...) DX_FORMAT(2, 3);
/* Text as a JSON string, and what a JSON string says (NULL if it is none). */
DX_API const char *dx_orch_quote(dx_orch *o, const char *text);
DX_API const char *dx_orch_unquote(dx_orch *o, const char *json);
/* The value of a member as JSON text; NULL if there is none. */
DX_API const char *dx_orch_member(dx_orch *o, const char *object, const char *name);
/* Zeroed, aligned for anything; it also lasts for the query handlers that are called after the run. */
DX_API void *dx_orch_memory(dx_orch *o, size_t size);

/* ---- Work: begun here, awaited below ------------------------------------------------------------------- */

/* All times in milliseconds; 0 leaves a setting as it is by default. */
typedef struct dx_retry {
  int32_t max_attempts;             /* 0: 3; -1: no limit */
  const char *backoff;              /* "none", "fixed", "linear", "exponential" (default) */
  int64_t initial_interval_ms;      /* 100 */
  int32_t coefficient_percent;      /* 100...100000; 200 */
  int64_t max_interval_ms;          /* 30000 */
  int32_t jitter_percent;           /* 0...100 */
  const char *const *non_retryable; /* types of failures; the last one is NULL */
} dx_retry;

typedef struct dx_activity_options {
  const dx_retry *retry; /* NULL: one attempt */
  int64_t schedule_to_start_ms;
  int64_t start_to_close_ms;
  int64_t schedule_to_close_ms;
  int64_t heartbeat_ms;
  const char *tag;
  const char *session;
  int32_t priority; /* -1000...1000, higher first */
} dx_activity_options;

/* input: JSON; NULL is null. options may be NULL:
 *     dx_orch_activity(o, "charge", input, &(dx_activity_options){.retry = &(dx_retry){.max_attempts = 5}})
 */
DX_API dx_handle dx_orch_activity(dx_orch *o, const char *name, const char *input,
                                  const dx_activity_options *options);
/* A timer from now on, or at a time; one of the past fires at once. */
DX_API dx_handle dx_orch_timer(dx_orch *o, int64_t milliseconds);
DX_API dx_handle dx_orch_timer_at(dx_orch *o, int64_t time);
/* A message of that name: the oldest that came and that nobody took, or the next. */
DX_API dx_handle dx_orch_wait_for_event(dx_orch *o, const char *name);
DX_API dx_handle dx_orch_dequeue(dx_orch *o, const char *queue);
DX_API dx_handle dx_orch_wait_for_topic(dx_orch *o, const char *topic);
/* A call of a client (dx_client_call). Its result is the input; answer it with dx_orch_answer or _reject. */
DX_API dx_handle dx_orch_wait_for_call(dx_orch *o, const char *name);

typedef struct dx_child_options {
  const char *version;  /* NULL: the highest that is registered */
  const char *instance; /* NULL: made from the id of the parent */
  const char
      *close_policy; /* of an open child when the parent ends: "cancel" (default), "terminate", "abandon" */
} dx_child_options;

/* options may be NULL. */
DX_API dx_handle dx_orch_sub_orchestration(dx_orch *o, const char *name, const char *input,
                                           const dx_child_options *options);
/* One that goes its own way. Returns its instance id, NULL when it was refused. No close_policy. */
DX_API const char *dx_orch_start_detached(dx_orch *o, const char *name, const char *input,
                                          const dx_child_options *options);
/* To other instances. They fail with perdure.NotFound, perdure.WrongStatus. keep: wait for the start of an
 * instance that is unknown. */
DX_API dx_handle dx_orch_raise_event(dx_orch *o, const char *instance, const char *name, const char *data,
                                     bool keep);
DX_API dx_handle dx_orch_enqueue(dx_orch *o, const char *instance, const char *queue, const char *data,
                                 bool keep);
DX_API dx_handle dx_orch_cancel_instance(dx_orch *o, const char *instance, const char *reason);
/* A key of another instance; the result is null if it has no such key. */
DX_API dx_handle dx_orch_read_kv(dx_orch *o, const char *instance, const char *key);

/* Gives work up, if it is open: an activity is told so, its result no longer counts. */
DX_API void dx_orch_cancel(dx_orch *o, dx_handle handle);
/* Keeps work from being given up by a cancellation of the orchestration. Returns the handle. */
DX_API dx_handle dx_orch_shield(dx_orch *o, dx_handle handle);
/* It has a result or a failure, or was given up; nothing waits. */
DX_API bool dx_orch_is_done(dx_orch *o, dx_handle handle);

/* ---- Waiting: when these say false, return --------------------------------------------------------------
 */

/* Until the work is done. *result (may be NULL) is JSON text. */
DX_API DX_CHECKED bool dx_orch_await(dx_orch *o, dx_handle handle, const char **result);
/* Until all have a result, or one has failed: then with its failure, at once. */
DX_API DX_CHECKED bool dx_orch_all(dx_orch *o, const dx_handle *handles, size_t count);
/* Until one is done, however it ended. *winner: its place in `handles`. The others go on. */
DX_API DX_CHECKED bool dx_orch_any(dx_orch *o, const dx_handle *handles, size_t count, size_t *winner);
/* Begins it and waits for it: an activity, a timer. */
DX_API DX_CHECKED bool dx_orch_run_activity(dx_orch *o, const char *name, const char *input,
                                            const dx_activity_options *options, const char **result);
DX_API DX_CHECKED bool dx_orch_sleep(dx_orch *o, int64_t milliseconds);

/* ---- Failures ------------------------------------------------------------------------------------------ */

typedef struct dx_failure {
  const char *type;
  const char *message;
  const char *details; /* JSON, or NULL */
  bool non_retryable;
  bool is_cancellation; /* somebody asked the orchestration to end, or the work was given up */
  const char *json;     /* the whole as it was; NULL for what you make */
} dx_failure;

/* After a false: takes the failure and lets the function go on; *failure may be NULL. false when nothing
 * failed, that is: there is only something to wait for, so return. */
DX_API DX_CHECKED bool dx_orch_catch(dx_orch *o, dx_failure *failure);
/* Lets a failure that was caught pass, or raises one. Return afterwards. */
DX_API void dx_orch_raise(dx_orch *o, const dx_failure *failure);
/* Ends the orchestration as Failed. Return afterwards. */
DX_API void dx_orch_fail(dx_orch *o, const char *type, const char *message);

/* ---- Ends: return afterwards ----------------------------------------------------------------------------
 */

/* output: JSON. A function that returns without an end completes with null. */
DX_API void dx_orch_complete(dx_orch *o, const char *output);
/* Begins the next execution with an empty history. version NULL: the highest that is registered. */
DX_API void dx_orch_continue_as_new(dx_orch *o, const char *input, const char *version);
/* The history has passed 80 % of a limit: time to continue as new. */
DX_API bool dx_orch_should_continue_as_new(dx_orch *o);

/* ---- State: what is refused here is raised by the next call that waits, and at the latest on return
 * -------- */

/* status: JSON; NULL clears it. */
DX_API void dx_orch_set_custom_status(dx_orch *o, const char *status);

/* Key-value state of the instance: readable by clients and other instances, kept after the end. */
DX_API const char *dx_orch_kv_get(dx_orch *o, const char *key); /* JSON; NULL if there is no such key */
DX_API void dx_orch_kv_set(dx_orch *o, const char *key, const char *value);
DX_API void dx_orch_kv_clear(dx_orch *o, const char *key);
DX_API void dx_orch_kv_clear_all(dx_orch *o);
DX_API size_t dx_orch_kv_count(dx_orch *o);
/* The keys in the order of their bytes; NULL for a place that there is not. */
DX_API const char *dx_orch_kv_key(dx_orch *o, size_t place);
/* Removes the keys that were set before that time. Returns how many. */
DX_API size_t dx_orch_kv_prune_before(dx_orch *o, int64_t time);

/* Guards a change of the code: true for instances that have not come here before the change. Decided once for
 * each id, and recorded. */
DX_API bool dx_orch_patched(dx_orch *o, const char *patch);
/* Stands where patched stood, once the old way is gone. */
DX_API void dx_orch_deprecate_patch(dx_orch *o, const char *patch);

/* ---- Messages ------------------------------------------------------------------------------------------ */

DX_API void dx_orch_subscribe(dx_orch *o, const char *topic);
DX_API void dx_orch_unsubscribe(dx_orch *o, const char *topic);
DX_API void dx_orch_publish(dx_orch *o, const char *topic, const char *data);

/* call: a wait_for_call that is done. Each has one answer. */
DX_API void dx_orch_answer(dx_orch *o, dx_handle call, const char *result);
/* With a failure of type perdure.CallRejected, or with one of your own. */
DX_API void dx_orch_reject(dx_orch *o, dx_handle call, const char *message);
DX_API void dx_orch_reject_with(dx_orch *o, dx_handle call, const dx_failure *failure);

/* Answers dx_client_query: the result as JSON text (of `o`: dx_orch_format), or NULL after dx_orch_fail. It
 * is called after the run, so that state must be memory of `o` (dx_orch_memory), and cannot do durable work.
 */
typedef const char *(*dx_query_fn)(dx_orch *o, const char *input, void *state);
DX_API void dx_orch_on_query(dx_orch *o, const char *name, dx_query_fn answer, void *state);

/* ---- Logs and metrics: told once, not by replays ---------------------------------------------------------
 */

/* level: "debug", "info", "warn", "error". */
DX_API void dx_orch_log(dx_orch *o, const char *level, const char *format, ...) DX_FORMAT(3, 4);
/* kind: "counter", "gauge", "histogram". attributes: a JSON object of strings, or NULL. */
DX_API void dx_orch_metric(dx_orch *o, const char *name, const char *kind, double value,
                           const char *attributes);

#ifdef __cplusplus
}
#endif

#endif /* DX_ORCHESTRATION_H */
