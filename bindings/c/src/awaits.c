/* Waiting for work, giving it up, and failures. */
#include "execution.h"

#include <stdlib.h>
#include <string.h>

/* Whether a call may wait: it says false at once when a failure passes. */
static bool may_wait(dx_orch *o, const char *what) {
  if (may_call(o, what)) return true;
  if (o->leaving == RAISED) o->told = true;
  return false;
}

static bool refuse_wait(dx_orch *o) {
  o->told = true;
  return false;
}

/* Waits: the function is to be left, and comes back here. */
static bool block(dx_orch *o, wait_kind kind, const dx_handle *handles, size_t count) {
  if (count > o->blocked_capacity) {
    int32_t *larger = count > SIZE_MAX / sizeof *larger ? NULL : realloc(o->blocked, count * sizeof *larger);
    if (larger == NULL) {
      no_memory(o);
      return false;
    }
    o->blocked = larger;
    o->blocked_capacity = count;
  }
  for (size_t i = 0; i < count; i++) o->blocked[i] = handles[i].number - 1;
  o->blocked_kind = kind;
  o->blocked_count = count;
  o->blocked_number = o->wait_number;
  o->leaving = WAITS;
  return false;
}

/* This wait is the one that the cancellation came into. */
static bool is_interrupted(dx_orch *o) {
  if (++o->wait_number != o->interrupted) return false;
  journal_advance(o, &o->interrupted_at);
  raise_cancellation(o);
  return true;
}

/* Raises what an entry ended with, unless that is a result. */
static bool take_result(dx_orch *o, const entry *entry) {
  journal_advance(o, &entry->settled);
  if (entry->state == ENTRY_DONE) return true;
  raise_json(o, entry->state == ENTRY_CANCELLED ? NULL : entry->value);
  return refuse_wait(o);
}

static bool wait_all(dx_orch *o, const dx_handle *handles, size_t count, const char *what) {
  const entry *failed = NULL;
  bool open = false;
  if (!may_wait(o, what)) return false;
  if (is_interrupted(o)) return refuse_wait(o);
  for (size_t i = 0; i < count; i++) {
    const entry *each = journal_find(o, handles[i], what);
    if (each == NULL) return refuse_wait(o);
    open = open || each->state == ENTRY_OPEN;
    bool fails = each->state != ENTRY_OPEN && each->state != ENTRY_DONE;
    if (fails && (failed == NULL || each->settled.stamp < failed->settled.stamp)) failed = each;
  }
  if (failed != NULL) return take_result(o, failed);
  if (open) return block(o, WAIT_ALL, handles, count);
  for (size_t i = 0; i < count; i++) journal_advance(o, &o->entries[handles[i].number - 1].settled);
  return true;
}

bool dx_orch_await(dx_orch *o, dx_handle handle, const char **result) {
  if (result != NULL) *result = NULL;
  if (!wait_all(o, &handle, 1, "await")) return false;
  if (result != NULL) *result = o->entries[handle.number - 1].value;
  return true;
}

bool dx_orch_all(dx_orch *o, const dx_handle *handles, size_t count) {
  return wait_all(o, handles, count, "all");
}

bool dx_orch_any(dx_orch *o, const dx_handle *handles, size_t count, size_t *winner) {
  const entry *first = NULL;
  *winner = 0;
  if (!may_wait(o, "any")) return false;
  if (is_interrupted(o)) return refuse_wait(o);
  for (size_t i = 0; i < count; i++) {
    const entry *each = journal_find(o, handles[i], "any");
    if (each == NULL) return refuse_wait(o);
    if (each->state == ENTRY_OPEN || (first != NULL && each->settled.stamp >= first->settled.stamp)) continue;
    first = each;
    *winner = i;
  }
  if (first != NULL) {
    journal_advance(o, &first->settled);
    return true;
  }
  if (count > 0) return block(o, WAIT_ANY, handles, count);
  raise_format(o, INVALID, "any was given nothing to wait for: it would wait for ever.");
  return refuse_wait(o);
}

bool dx_orch_run_activity(dx_orch *o, const char *name, const char *input, const dx_activity_options *options,
                          const char **result) {
  return dx_orch_await(o, dx_orch_activity(o, name, input, options), result);
}

bool dx_orch_sleep(dx_orch *o, int64_t milliseconds) {
  return dx_orch_await(o, dx_orch_timer(o, milliseconds), NULL);
}

bool dx_orch_is_done(dx_orch *o, dx_handle handle) {
  if (o->leaving != STAYS) return false;
  const entry *entry = journal_find(o, handle, "is_done");
  return entry != NULL && entry->state != ENTRY_OPEN && entry->settled.stamp <= o->moment.stamp;
}

dx_handle dx_orch_shield(dx_orch *o, dx_handle handle) {
  entry *entry = o->leaving == STAYS ? journal_find(o, handle, "shield") : NULL;
  if (entry != NULL) entry->shielded = true;
  return handle;
}

void dx_orch_cancel(dx_orch *o, dx_handle handle) {
  bool fresh;
  if (!may_call(o, "cancel") || journal_find(o, handle, "cancel") == NULL) return;
  entry *cancel = journal_call(o, CALL_CANCEL, "", &fresh);
  if (cancel == NULL) return;
  if (!fresh) {
    if (cancel->target != handle.number) {
      complain(o, "Orchestration '%s' took another way through its code than before: it cancels other work.",
               o->name);
    } else if (cancel->action != 0) {
      journal_advance(o, &o->entries[handle.number - 1].settled);
    }
    return;
  }
  cancel->target = handle.number;
  entry *entry = &o->entries[handle.number - 1];
  if (entry->state != ENTRY_OPEN) return;
  text_format(&o->scratch, "\"kind\":\"Cancel\",\"target\":%lld", (long long)entry->action);
  journal_emit(o, cancel, ENTRY_PLAIN);
  journal_settle(o, entry, ENTRY_CANCELLED, NULL, NULL);
  journal_advance(o, &entry->settled);
}

/* ---- Failures ------------------------------------------------------------------------------------------ */

static const char *member_string(dx_orch *o, dx_text json, const char *name) {
  size_t size = 0;
  char *decoded = dx_json_string(dx_json_member(json, name), &size);
  const char *copy = decoded == NULL ? "" : arena_copy(&o->run_memory, decoded, size);
  free(decoded);
  return copy == NULL ? "" : copy;
}

static void read_failure(dx_orch *o, dx_failure *failure, const char *raised) {
  memset(failure, 0, sizeof *failure);
  failure->json = raised;
  if (raised == NULL) {
    failure->type = "perdure.Cancelled";
    failure->message = o->cancel_requested ? "the orchestration was asked to end" : "the work was given up";
    failure->is_cancellation = true;
    return;
  }
  dx_text json = {raised, strlen(raised)}, details = dx_json_member(json, "details");
  failure->type = member_string(o, json, "type");
  failure->message = member_string(o, json, "message");
  if (details.size > 0) failure->details = arena_copy(&o->run_memory, details.data, details.size);
  (void)dx_json_bool(dx_json_member(json, "nonRetryable"), &failure->non_retryable);
}

bool dx_orch_catch(dx_orch *o, dx_failure *failure) {
  if (o->leaving != RAISED || o->in_query) {
    if (failure != NULL) memset(failure, 0, sizeof *failure);
    return false;
  }
  if (failure != NULL) read_failure(o, failure, o->raised);
  o->leaving = STAYS;
  o->told = false;
  return true;
}

/* The JSON of a failure that a user made or caught; NULL, and something else raised, when it is not in order.
 */
static const char *failure_text(dx_orch *o, const dx_failure *failure) {
  if (failure->json != NULL) return failure->json;
  if (failure->details != NULL) {
    dx_text details = {failure->details, strlen(failure->details)};
    const char *problem = dx_json_check(details, NULL);
    if (problem != NULL) {
      raise_format(o, INVALID, "The details of failure '%s' are not JSON: %s.", failure->type, problem);
      return NULL;
    }
  }
  growing_text json = {0};
  write_failure(&json, failure->type, failure->message, failure->details, failure->non_retryable);
  const char *copy = json.failed ? NULL : arena_copy(&o->run_memory, json.data, json.size);
  text_free(&json);
  if (copy == NULL) no_memory(o);
  return copy;
}

void dx_orch_raise(dx_orch *o, const dx_failure *failure) {
  static const dx_failure none = {"Error", "", NULL, false, false, NULL};
  if (failure == NULL) failure = &none;
  if (!o->in_query && !may_call(o, "raise")) return;
  const char *json = failure->is_cancellation ? NULL : failure_text(o, failure);
  if (o->leaving != STAYS) return;
  raise_json(o, json);
  o->told = true;
}

void dx_orch_fail(dx_orch *o, const char *type, const char *message) {
  dx_failure failure = {type, message, NULL, false, false, NULL};
  dx_orch_raise(o, &failure);
}

/* ---- Answers to calls of clients ------------------------------------------------------------------------
 */

/* The entry of an answer, with everything in `scratch` but the outcome; NULL when there is nothing to do. */
static entry *begin_answer(dx_orch *o, dx_handle call) {
  bool fresh;
  if (!may_call(o, "answer") || journal_find(o, call, "answer") == NULL) return NULL;
  entry *answer = journal_call(o, CALL_ANSWER, o->entries[call.number - 1].name, &fresh);
  if (answer == NULL || !fresh) return NULL;
  entry *entry = &o->entries[call.number - 1];
  if (entry->kind != CALL_CALL || entry->state != ENTRY_DONE) {
    journal_refuse(o, answer, INVALID, "Only a call that came (wait_for_call, awaited) can be answered.");
    return NULL;
  }
  if (entry->answered) {
    journal_refuse(o, answer, "perdure.WrongStatus",
                   "Call '%s' was answered before; each call has one answer.", entry->call);
    return NULL;
  }
  text_add(&o->scratch, "\"kind\":\"AnswerCall\",\"call\":");
  text_quote_any(&o->scratch, entry->call);
  return answer;
}

static void end_answer(dx_orch *o, dx_handle call, entry *answer) {
  o->entries[call.number - 1].answered = true;
  journal_emit(o, answer, ENTRY_PLAIN);
}

void dx_orch_answer(dx_orch *o, dx_handle call, const char *result) {
  entry *answer = begin_answer(o, call);
  if (answer == NULL || !put_payload(o, answer, "result", result, "The answer to a call",
                                     o->registration->limits.payload_bytes))
    return;
  end_answer(o, call, answer);
}

void dx_orch_reject_with(dx_orch *o, dx_handle call, const dx_failure *failure) {
  dx_failure given = {"Error", "", NULL, false, false, NULL};
  if (failure != NULL) given = *failure;
  if (given.is_cancellation) given.json = NULL;
  entry *answer = begin_answer(o, call);
  const char *json = answer == NULL ? NULL : failure_text(o, &given);
  if (json == NULL || !put_payload(o, answer, "failure", json, "The failure of a call",
                                   o->registration->limits.payload_bytes))
    return;
  end_answer(o, call, answer);
}

void dx_orch_reject(dx_orch *o, dx_handle call, const char *message) {
  dx_failure failure = {"perdure.CallRejected", message, NULL, false, false, NULL};
  dx_orch_reject_with(o, call, &failure);
}
