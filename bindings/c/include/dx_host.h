/* dx_host.h - the rest of a host in C: activities as plain functions, and calls that wait on this thread.
 *
 * The functions of dx.h stay at hand; these are the ones that every program would write for itself. Text is
 * NUL-terminated UTF-8; values are JSON text.
 */
#ifndef DX_HOST_H
#define DX_HOST_H

#include "dx_orchestration.h"

#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Text as dx.h takes it; NULL is empty. */
static inline dx_text dx_host_text(const char *string) {
  dx_text text = {string, string == NULL ? 0 : strlen(string)};
  return text;
}

/* Text as a JSON string, and what a JSON string says; to be given to free(). NULL when it is not UTF-8, no
 * string, or memory is short. */
DX_API char *dx_host_quote(const char *text);
DX_API char *dx_host_unquote(const char *json);

/* ---- Activities as plain functions ----------------------------------------------------------------------
 */

/*     static void charge(dx_task *task) {
 *       dx_task_complete(task, dx_task_format(task, "{\"receipt\":%d}", pay(dx_task_input(task))));
 *     }
 *
 * It runs at least once for each time that it is called for, on a thread of the engine, several at a time
 * ("activitySlots"). A function that returns without an answer completes with null; of several answers the
 * first counts. What comes out of `task` is good until the function returns. */
typedef struct dx_task dx_task;
typedef void (*dx_task_fn)(dx_task *task);

/* Before dx_runtime_start. release (may be NULL) is called once with user_data, after the last run. */
DX_API DX_CHECKED dx_error *dx_host_activity(dx_runtime *runtime, const char *name, dx_task_fn run,
                                             void *user_data, dx_release_fn release);

DX_API const char *dx_task_input(dx_task *task); /* JSON */
DX_API const char *dx_task_instance(dx_task *task);
DX_API int64_t dx_task_attempt(dx_task *task); /* from 1 */
/* The same for all attempts of one call, and for no other: give it to those who must not do it twice. */
DX_API const char *dx_task_key(dx_task *task);
/* What an earlier attempt told with its last heartbeat: JSON, or NULL. */
DX_API const char *dx_task_details(dx_task *task);
DX_API void *dx_task_user_data(dx_task *task);

DX_API void dx_task_complete(dx_task *task, const char *result);
/* The retry policy of the call decides what follows. */
DX_API void dx_task_fail(dx_task *task, const char *type, const char *message);
DX_API void dx_task_fail_with(dx_task *task, const dx_failure *failure);
/* Progress; details is JSON or NULL. false: the result is no longer wanted, so end. */
DX_API bool dx_task_heartbeat(dx_task *task, const char *details);
DX_API bool dx_task_is_cancelled(dx_task *task);

/* As those of dx_orchestration.h; NULL also when memory is short. */
DX_API const char *dx_task_format(dx_task *task, const char *format, ...) DX_FORMAT(2, 3);
DX_API const char *dx_task_quote(dx_task *task, const char *text);
DX_API const char *dx_task_unquote(dx_task *task, const char *json);
DX_API const char *dx_task_member(dx_task *task, const char *object, const char *name);

/* ---- Stores and starts -----------------------------------------------------------------------------------
 */

/* "memory:", "sqlite:PATH". */
DX_API DX_CHECKED dx_error *dx_host_open(const char *url, dx_store **out);
/* instance NULL: a random one. input: JSON; NULL is null. *id (may be NULL) is to be given to free(). For all
 * that a start can say there is dx_client_start. */
DX_API DX_CHECKED dx_error *dx_host_start(dx_client *client, const char *orchestration, const char *instance,
                                          const char *input, char **id);

/* How an instance ended. */
typedef struct dx_host_end {
  char *status;       /* "Completed", "Failed", "Cancelled", "Terminated" */
  char *output;       /* JSON; NULL if there is none */
  char *failure_type; /* NULL unless it failed */
  char *failure_message;
  char *description; /* all of it: the "Description" */
} dx_host_end;

/* Waits on this thread (see below) for the end. *end is to be given to dx_host_end_free. */
DX_API DX_CHECKED dx_error *dx_host_result(dx_client *client, const char *instance, int64_t timeout_ms,
                                           dx_host_end *end);
/* Frees what is in it, and zeroes it. */
DX_API void dx_host_end_free(dx_host_end *end);

/* ---- Calls that wait on this thread ----------------------------------------------------------------------
 */

/* Not from callbacks of the engine, nor from orchestrations: they would keep from running what they wait for.
 * timeout_ms < 0: no limit. *out is to be given to free(), NULL when memory is short. */

/* Until the instance has ended. *out: its "Description". */
DX_API DX_CHECKED dx_error *dx_host_wait(dx_client *client, const char *instance, int64_t timeout_ms,
                                         char **out);
/* Until the custom status has a version above that one, or the end. *out: the "Description". */
DX_API DX_CHECKED dx_error *dx_host_wait_status(dx_client *client, const char *instance, int64_t version,
                                                int64_t timeout_ms, char **out);
/* A call into the running code. *out: the "Call answer". */
DX_API DX_CHECKED dx_error *dx_host_call(dx_client *client, const char *request, int64_t timeout_ms,
                                         char **out);
/* *out: the "Query answer". */
DX_API DX_CHECKED dx_error *dx_host_query(dx_client *client, const char *request, int64_t timeout_ms,
                                          char **out);
/* Stops the runtime, and returns when it has stopped. */
DX_API DX_CHECKED dx_error *dx_host_stop(dx_runtime *runtime, int64_t grace_ms);
/* Of a store with virtual time, for tests. */
DX_API DX_CHECKED dx_error *dx_host_advance_clock(dx_store *store, int64_t ms, int64_t timeout_ms);

#ifdef __cplusplus
}
#endif

#endif /* DX_HOST_H */
