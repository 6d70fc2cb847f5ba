/* Events in, actions out: docs/wire-format.md, "How to run a turn". */
#include "execution.h"

#include <stdlib.h>
#include <string.h>

/* ---- Beginning and end of the object --------------------------------------------------------------------
 */

static const char *keep(dx_orch *o, const char *data, size_t size) {
  const char *copy = arena_copy(&o->memory, data, size);
  if (copy == NULL) no_memory(o);
  return copy;
}

/* A member that is a string, decoded; NULL if there is none. */
static const char *keep_string(dx_orch *o, dx_text object, const char *name) {
  dx_text value = dx_json_member(object, name);
  size_t size = 0;
  if (dx_json_kind_of(value) != DX_JSON_STRING) return NULL;
  char *decoded = dx_json_string(value, &size);
  if (decoded == NULL) {
    no_memory(o);
    return NULL;
  }
  const char *copy = keep(o, decoded, size);
  free(decoded);
  return copy;
}

/* A payload as it stands; an absent one is null. */
static const char *keep_payload(dx_orch *o, dx_text object, const char *name) {
  dx_text value = dx_json_member(object, name);
  return value.data == NULL ? "null" : keep(o, value.data, value.size);
}

static void read_state(dx_orch *o, dx_text request) {
  dx_text patches = dx_json_member(request, "patches"), kv = dx_json_member(request, "kv"), each;
  size_t count = dx_json_count(patches);
  o->recorded = arena_take(&o->memory, count * sizeof *o->recorded);
  if (o->recorded == NULL) no_memory(o);
  while (o->recorded != NULL && dx_json_next(&patches, NULL, &each)) {
    size_t size = 0;
    char *decoded = dx_json_string(each, &size);
    const char *id = decoded == NULL ? NULL : keep(o, decoded, size);
    free(decoded);
    if (id != NULL) o->recorded[o->recorded_count++] = id;
  }
  while (dx_json_next(&kv, NULL, &each)) {
    int64_t at = 0;
    const char *key = keep_string(o, each, "key"), *value = keep_payload(o, each, "value");
    (void)dx_json_int64(dx_json_member(each, "at"), &at);
    if (key == NULL || value == NULL || !kv_put(&o->kv_begun, key, value, at)) no_memory(o);
  }
}

dx_orch *execution_new(const registration *registration, dx_text request) {
  dx_orch *o = calloc(1, sizeof *o);
  if (o == NULL) return NULL;
  o->registration = registration;
  o->name = keep_string(o, request, "orchestration");
  o->version = keep_string(o, request, "version");
  o->instance = keep_string(o, request, "instance");
  o->traceparent = keep_string(o, request, "traceparent");
  o->tracestate = keep_string(o, request, "tracestate");
  (void)dx_json_int64(dx_json_member(request, "execution"), &o->number);
  read_state(o, request);
  o->input = "null";
  if (o->out_of_memory || o->name == NULL || o->instance == NULL) {
    execution_free(o);
    return NULL;
  }
  if (o->version == NULL) o->version = "1.0.0";
  return o;
}

void execution_free(dx_orch *o) {
  if (o == NULL) return;
  arena_free(&o->memory);
  arena_free(&o->run_memory);
  text_free(&o->actions);
  text_free(&o->logs);
  text_free(&o->metrics);
  text_free(&o->end);
  text_free(&o->scratch);
  free(o->entries);
  free(o->of_action);
  free(o->kv_begun.entries);
  free(o->kv.entries);
  free(o->blocked);
  free(o);
}

/* ---- Ends ---------------------------------------------------------------------------------------------- */

static void begin_end(dx_orch *o, const char *kind) {
  text_clear(&o->end);
  text_format(&o->end, "{\"after\":%lld,\"kind\":\"%s\"", (long long)o->now.event, kind);
}

static void end_failed(dx_orch *o, const char *failure) {
  int64_t most = o->registration->limits.payload_bytes;
  size_t size = strlen(failure);
  begin_end(o, "Failed");
  text_add(&o->end, ",\"failure\":");
  if (size > (uint64_t)most) {
    const char *message = dx_orch_format(
        o, "The failure of the orchestration has %zu bytes; the limit is %lld.", size, (long long)most);
    write_failure(&o->end, OVER_LIMIT, message, NULL, false);
  } else {
    text_add_bytes(&o->end, failure, size);
  }
  text_add(&o->end, "}");
}

/* A payload of an end, checked; raises what is wrong. */
static bool put_end(dx_orch *o, const char *member, const char *json, const char *what) {
  entry refused = {0};
  text_clear(&o->scratch);
  if (!put_payload(o, &refused, member, json, what, o->registration->limits.payload_bytes)) {
    text_clear(&o->end);
    return false;
  }
  text_add_bytes(&o->end, o->scratch.data, o->scratch.size);
  text_add(&o->end, "}");
  if (o->scratch.failed || o->end.failed) no_memory(o);
  o->leaving = o->leaving == STAYS ? ENDED : o->leaving;
  return true;
}

void dx_orch_complete(dx_orch *o, const char *output) {
  if (!may_call(o, "complete")) return;
  const char *what = dx_orch_format(o, "The result of orchestration '%s'", o->name);
  begin_end(o, "Completed");
  (void)put_end(o, "output", output, what == NULL ? "The result" : what);
}

void dx_orch_continue_as_new(dx_orch *o, const char *input, const char *version) {
  if (!may_call(o, "continue_as_new")) return;
  begin_end(o, "ContinuedAsNew");
  if (version != NULL) {
    text_add(&o->end, ",\"version\":");
    if (!text_quote(&o->end, version)) {
      raise_format(o, INVALID, "The version is not UTF-8.");
      return;
    }
  }
  (void)put_end(o, "input", input, "The input of continue_as_new");
}

/* What the run that returned means. */
static void conclude(dx_orch *o) {
  if (o->place < o->entry_count && o->leaving != BROKEN) {
    complain(
        o,
        "Orchestration '%s' took another way through its code than before: it returned after %zu calls, and "
        "had made %zu. It must decide by what comes from the dx_orch only.",
        o->name, o->place, o->entry_count);
  }
  if (o->leaving == STAYS) dx_orch_complete(o, NULL);
  if (o->leaving == RAISED) {
    if (o->raised != NULL) {
      end_failed(o, o->raised);
    } else if (o->cancel_requested) {
      begin_end(o, "Cancelled");
      text_add(&o->end, "}");
    } else {
      end_failed(o,
                 "{\"type\":\"perdure.Cancelled\",\"message\":\"The code gave its own work up and let the "
                 "cancellation pass.\"}");
    }
  }
  o->has_ended = o->leaving == RAISED || o->leaving == ENDED;
  if (o->end.failed) no_memory(o);
}

static void run(dx_orch *o) {
  arena_reset(&o->run_memory);
  o->place = 0;
  o->moment = o->begun;
  o->wait_number = 0;
  o->leaving = STAYS;
  o->told = o->kv_ready = o->chance_ready = false;
  o->raised = NULL;
  o->queries = NULL;
  o->registration->run(o);
  conclude(o);
}

/* ---- Events -------------------------------------------------------------------------------------------- */

/* What the code waits for has come. */
static bool is_awake(const dx_orch *o) {
  bool open = false;
  for (size_t i = 0; i < o->blocked_count; i++) {
    entry_state state = o->entries[o->blocked[i]].state;
    open = open || state == ENTRY_OPEN;
    if (state != ENTRY_OPEN && (o->blocked_kind == WAIT_ANY || state != ENTRY_DONE)) return true;
  }
  return !open;
}

/* The open entry that an event answers; NULL if the work was given up, or is unknown. */
static entry *answered_by(const dx_orch *o, dx_text event) {
  int64_t action = 0;
  if (!dx_json_int64(dx_json_member(event, "action"), &action)) return NULL;
  if (action < 1 || (uint64_t)action > o->action_count || o->of_action[action - 1] < 0) return NULL;
  entry *entry = &o->entries[o->of_action[action - 1]];
  return entry->state == ENTRY_OPEN ? entry : NULL;
}

static void deliver_result(dx_orch *o, dx_text event, bool failed) {
  entry *entry = answered_by(o, event);
  if (entry == NULL) return;
  const char *value;
  if (failed) {
    value = keep_payload(o, event, "failure");
    if (value != NULL && strcmp(value, "null") == 0) value = "{\"type\":\"Error\",\"message\":\"\"}";
  } else if (entry->kind == CALL_READ_KV) {
    value = keep_payload(o, dx_json_member(event, "result"), "value");
  } else {
    value = keep_payload(o, event, "result");
  }
  journal_settle(o, entry, failed ? ENTRY_FAILED : ENTRY_DONE, value, NULL);
}

static void deliver_message(dx_orch *o, dx_text event, call_kind kind) {
  const char *value = keep_payload(o, event, "data"), *name = keep_string(o, event, "name");
  const char *call = kind == CALL_CALL ? keep_string(o, event, "call") : NULL;
  if (value == NULL || name == NULL) return;
  for (size_t i = o->first_open; i < o->entry_count; i++) {
    entry *entry = &o->entries[i];
    if (entry->state != ENTRY_OPEN || entry->kind != kind || strcmp(entry->name, name) != 0) continue;
    journal_settle(o, entry, ENTRY_DONE, value, call);
    return;
  }
  kept *kept = arena_take(&o->memory, sizeof *kept);
  if (kept == NULL) {
    no_memory(o);
    return;
  }
  kept->kind = kind;
  kept->name = name;
  kept->value = value;
  kept->call = call;
  if (o->kept_last == NULL || o->kept_first == NULL) {
    o->kept_first = kept;
  } else {
    o->kept_last->next = kept;
  }
  o->kept_last = kept;
}

/* Gives up what is awaited, in the order of the actions, and marks the wait that is interrupted. */
static bool deliver_cancellation(dx_orch *o) {
  if (o->cancel_requested || o->leaving != WAITS) return false;
  o->cancel_requested = true;
  o->interrupted = o->blocked_number;
  for (size_t at = o->first_open; at < o->entry_count; at++) {
    entry *entry = &o->entries[at];
    bool awaited = false;
    for (size_t i = 0; i < o->blocked_count && !awaited; i++) awaited = (size_t)o->blocked[i] == at;
    if (!awaited || entry->shielded || entry->state != ENTRY_OPEN) continue;
    text_clear(&o->scratch);
    text_format(&o->scratch, "\"kind\":\"Cancel\",\"target\":%lld", (long long)entry->action);
    journal_emit_bare(o);
    journal_settle(o, entry, ENTRY_CANCELLED, NULL, NULL);
  }
  o->interrupted_at = o->now;
  o->interrupted_at.stamp = ++o->now.stamp;
  return true;
}

static void deliver_start(dx_orch *o, dx_text event) {
  o->input = keep_payload(o, event, "input");
  o->parent = keep_string(o, dx_json_member(event, "parent"), "instance");
  o->begun = o->now;
  o->has_begun = true;
}

/* Applies an event; whether the code must be run for it. */
static bool apply(dx_orch *o, dx_text event) {
  static const struct {
    const char *kind;
    call_kind wait;
  } messages[] = {{"EventRaised", CALL_EVENT},
                  {"QueueMessageReceived", CALL_DEQUEUE},
                  {"TopicMessageReceived", CALL_TOPIC},
                  {"CallReceived", CALL_CALL}};
  static const char *const results[] = {"ActivityCompleted", "TimerFired", "SubOrchestrationCompleted",
                                        "RequestCompleted"};
  static const char *const failures[] = {"ActivityFailed", "SubOrchestrationFailed", "RequestFailed"};
  dx_text kind = dx_json_member(event, "kind");
  if (dx_json_equals(kind, "OrchestrationStarted") && !o->has_begun) {
    deliver_start(o, event);
    return true;
  }
  if (!o->has_begun) return false;
  if (dx_json_equals(kind, "CancellationRequested")) return deliver_cancellation(o);
  for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
    if (dx_json_equals(kind, messages[i].kind)) deliver_message(o, event, messages[i].wait);
  }
  for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
    if (dx_json_equals(kind, results[i])) deliver_result(o, event, false);
  }
  for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
    if (dx_json_equals(kind, failures[i])) deliver_result(o, event, true);
  }
  return is_awake(o);
}

bool execution_deliver(dx_orch *o, dx_text events, int64_t replayed) {
  dx_text event;
  text_clear(&o->actions);
  text_clear(&o->logs);
  text_clear(&o->metrics);
  while (!o->has_ended && dx_json_next(&events, NULL, &event)) {
    bool late = false;
    (void)dx_json_bool(dx_json_member(event, "late"), &late);
    o->now.late = o->now.late || late;
    (void)dx_json_int64(dx_json_member(event, "id"), &o->now.event);
    (void)dx_json_int64(dx_json_member(event, "at"), &o->now.at);
    o->replaying = o->now.event <= replayed;
    o->after = o->now.event;
    if (apply(o, event) && !o->out_of_memory) run(o);
    if (o->out_of_memory || o->leaving == BROKEN) return false;
  }
  return true;
}

/* ---- Queries ------------------------------------------------------------------------------------------- */

void dx_orch_on_query(dx_orch *o, const char *name, dx_query_fn answer, void *state) {
  if (!may_call(o, "on_query")) return;
  if (name == NULL || *name == '\0' || strlen(name) > NAME_BYTES || answer == NULL) {
    raise_format(o, INVALID, "A query has a name of 1 to %d bytes, and a handler.", NAME_BYTES);
    return;
  }
  query_handler **place = &o->queries; /* in the order of their names */
  while (*place != NULL && strcmp((*place)->name, name) < 0) place = &(*place)->next;
  query_handler *handler = *place;
  if (handler == NULL || strcmp(handler->name, name) != 0) {
    handler = arena_take(&o->run_memory, sizeof *handler);
    const char *copy = arena_copy(&o->run_memory, name, strlen(name));
    if (handler == NULL || copy == NULL) {
      no_memory(o);
      return;
    }
    handler->name = copy;
    handler->next = *place;
    *place = handler;
  }
  handler->answer = answer;
  handler->state = state;
}

static void no_handler(dx_orch *o, const char *query, growing_text *out) {
  growing_text message = {0};
  text_format(&message, "the instance '%s' has no handler for the query '%s'; it has %s", o->instance, query,
              o->queries == NULL ? "none at all" : "");
  for (const query_handler *each = o->queries; each != NULL; each = each->next) {
    text_format(&message, "%s'%s'", each == o->queries ? "" : ", ", each->name);
  }
  text_add(out, "\"failure\":");
  write_failure(out, "perdure.NotRegistered", message.data, NULL, true);
  out->failed = out->failed || message.failed;
  text_free(&message);
}

void execution_query(dx_orch *o, dx_text query, growing_text *out) {
  const char *name = keep_string(o, query, "name"), *input = keep_payload(o, query, "input");
  const query_handler *handler = o->queries;
  if (name == NULL || input == NULL) {
    no_memory(o);
    out->failed = true;
    return;
  }
  while (handler != NULL && strcmp(handler->name, name) != 0) handler = handler->next;
  if (handler == NULL) {
    no_handler(o, name, out);
    return;
  }
  o->leaving = STAYS;
  o->raised = NULL;
  o->in_query = true;
  const char *result = handler->answer(o, input, handler->state);
  entry refused = {0};
  text_clear(&o->scratch);
  const char *what = dx_orch_format(o, "The result of query '%s'", name);
  if (o->leaving == STAYS && put_payload(o, &refused, "result", result, what == NULL ? "The result" : what,
                                         o->registration->limits.payload_bytes)) {
    text_add(out, o->scratch.data == NULL ? "" : o->scratch.data + 1); /* without its comma */
  } else {
    text_add(out, "\"failure\":");
    text_add(out,
             o->raised == NULL ? "{\"type\":\"perdure.Cancelled\",\"message\":\"cancelled\"}" : o->raised);
  }
  out->failed = out->failed || o->scratch.failed || o->out_of_memory;
}
