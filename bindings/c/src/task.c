/* Activities as plain functions: one attempt, answered once. */
#include "dx_host.h"
#include "dx_json.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>

typedef struct activity {
  dx_task_fn run;
  void *user_data;
  dx_release_fn release;
} activity;

struct dx_task {
  dx_activity *token;
  const activity *activity;
  dx_text task; /* "Activity task" */
  arena memory;
  bool answered;
};

/* ---- What is known, and text ----------------------------------------------------------------------------
 */

static const char *copied(dx_task *task, dx_text value) {
  return value.data == NULL ? NULL : arena_copy(&task->memory, value.data, value.size);
}

static const char *said(dx_task *task, dx_text value) {
  size_t size = 0;
  char *decoded = dx_json_string(value, &size);
  const char *copy = decoded == NULL ? NULL : arena_copy(&task->memory, decoded, size);
  free(decoded);
  return copy;
}

const char *dx_task_input(dx_task *task) {
  const char *input = copied(task, dx_json_member(task->task, "input"));
  return input == NULL ? "null" : input;
}

static const char *named(dx_task *task, const char *member) {
  const char *text = said(task, dx_json_member(task->task, member));
  return text == NULL ? "" : text;
}

const char *dx_task_instance(dx_task *task) { return named(task, "instance"); }
const char *dx_task_key(dx_task *task) { return named(task, "key"); }
const char *dx_task_details(dx_task *task) { return copied(task, dx_json_member(task->task, "heartbeat")); }
void *dx_task_user_data(dx_task *task) { return task->activity->user_data; }

int64_t dx_task_attempt(dx_task *task) {
  int64_t attempt = 1;
  (void)dx_json_int64(dx_json_member(task->task, "attempt"), &attempt);
  return attempt;
}

const char *dx_task_format(dx_task *task, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const char *printed = arena_print(&task->memory, format, arguments);
  va_end(arguments);
  return printed;
}

const char *dx_task_quote(dx_task *task, const char *text) {
  if (text == NULL) return "null";
  char *quoted = dx_json_quote(text);
  const char *copy = quoted == NULL ? NULL : arena_copy(&task->memory, quoted, strlen(quoted));
  free(quoted);
  return copy;
}

const char *dx_task_unquote(dx_task *task, const char *json) { return said(task, dx_host_text(json)); }

const char *dx_task_member(dx_task *task, const char *object, const char *name) {
  return copied(task, dx_json_member(dx_host_text(object), name));
}

/* ---- Answers ------------------------------------------------------------------------------------------- */

void dx_task_complete(dx_task *task, const char *result) {
  if (task->answered) return;
  task->answered = true;
  dx_text json = dx_host_text(result == NULL ? "null" : result);
  /* A result that is no JSON is recorded by the engine as the failure of the activity; DX_STALE: it was not
   * needed any more. Neither is for this function to deal with. */
  dx_error_free(dx_activity_complete(task->token, json));
}

void dx_task_fail_with(dx_task *task, const dx_failure *failure) {
  growing_text json = {0};
  if (task->answered) return;
  task->answered = true;
  if (failure->json != NULL) {
    text_add(&json, failure->json);
  } else {
    bool details = failure->details != NULL && dx_json_check(dx_host_text(failure->details), NULL) == NULL;
    text_add(&json, "{\"type\":");
    text_quote_any(&json, failure->type == NULL || *failure->type == '\0' ? "Error" : failure->type);
    text_add(&json, ",\"message\":");
    text_quote_any(&json, failure->message == NULL ? "" : failure->message);
    if (details) text_add(&json, ",\"details\":");
    if (details) text_add(&json, failure->details);
    text_add(&json, failure->non_retryable ? ",\"nonRetryable\":true}" : "}");
  }
  dx_text whole = {json.data, json.size};
  if (json.failed)
    whole = dx_host_text("{\"type\":\"Error\",\"message\":\"there is not enough memory for the failure\"}");
  dx_error_free(dx_activity_fail(task->token, whole));
  text_free(&json);
}

void dx_task_fail(dx_task *task, const char *type, const char *message) {
  dx_failure failure = {type, message, NULL, false, false, NULL};
  dx_task_fail_with(task, &failure);
}

bool dx_task_heartbeat(dx_task *task, const char *details) {
  if (task->answered) return false;
  dx_error *error = dx_activity_heartbeat(task->token, dx_host_text(details));
  bool wanted = dx_error_code(error) != DX_STALE;
  dx_error_free(error);
  return wanted && !dx_activity_is_cancelled(task->token);
}

bool dx_task_is_cancelled(dx_task *task) { return task->answered || dx_activity_is_cancelled(task->token); }

/* ---- Registration -------------------------------------------------------------------------------------- */

static void run(dx_activity *token, void *user_data) {
  const activity *activity = user_data;
  dx_task task = {token, activity, {NULL, 0}, {NULL}, false};
  dx_text input;
  dx_error *error = dx_activity_input(token, &input);
  if (error != NULL) { /* the token is not ours any more */
    dx_error_free(error);
    return;
  }
  /* Borrowed until the token is answered; the function may read it afterwards. */
  const char *copy = arena_copy(&task.memory, input.data, input.size);
  if (copy == NULL) {
    dx_task_fail(&task, "Error", "there is not enough memory for the activity");
  } else {
    task.task = (dx_text){copy, input.size};
    activity->run(&task);
    dx_task_complete(&task, NULL);
  }
  arena_free(&task.memory);
}

static void activity_free(void *user_data) {
  activity *activity = user_data;
  if (activity->release != NULL) activity->release(activity->user_data);
  free(activity);
}

dx_error *dx_host_activity(dx_runtime *runtime, const char *name, dx_task_fn function, void *user_data,
                           dx_release_fn release) {
  activity *activity = function == NULL ? NULL : malloc(sizeof *activity);
  if (activity == NULL) {
    if (release != NULL) release(user_data);
    return dx_register_activity(runtime, dx_host_text(""), NULL, NULL,
                                NULL); /* refused: it makes the error */
  }
  activity->run = function;
  activity->user_data = user_data;
  activity->release = release;
  return dx_register_activity(runtime, dx_host_text(name), run, activity, activity_free);
}
