/* The calls that the code has made, failures on their way through it, and the checks of what it passes in. */
#include "execution.h"

#include <stdlib.h>
#include <string.h>

static const char *const call_names[] = {
    "activity",
    "timer",
    "wait_for_event",
    "dequeue",
    "wait_for_topic",
    "wait_for_call",
    "sub_orchestration",
    "message to another instance",
    "read_kv",
    "start_detached",
    "cancel",
    "set_custom_status",
    "kv_set",
    "kv_clear",
    "kv_clear_all",
    "subscribe",
    "unsubscribe",
    "publish",
    "answer",
};

/* ---- Failures ------------------------------------------------------------------------------------------ */

void no_memory(dx_orch *o) {
  o->out_of_memory = true;
  o->leaving = BROKEN;
  o->complaint = "there is not enough memory for the turn";
}

void complain(dx_orch *o, const char *format, ...) {
  if (o->leaving == BROKEN) return; /* the first one is what it is about */
  va_list arguments;
  va_start(arguments, format);
  const char *complaint = arena_print(&o->memory, format, arguments);
  va_end(arguments);
  if (complaint == NULL) {
    no_memory(o);
    return;
  }
  o->leaving = BROKEN;
  o->complaint = complaint;
}

void write_failure(growing_text *out, const char *type, const char *message, const char *details,
                   bool non_retryable) {
  text_add(out, "{\"type\":");
  text_quote_any(out, type == NULL || *type == '\0' ? "Error" : type);
  text_add(out, ",\"message\":");
  text_quote_any(out, message == NULL ? "" : message);
  if (details != NULL) (text_add(out, ",\"details\":"), text_add(out, details));
  text_add(out, non_retryable ? ",\"nonRetryable\":true}" : "}");
}

void raise_json(dx_orch *o, const char *failure) {
  if (o->leaving == BROKEN) return;
  o->leaving = RAISED;
  o->told = false;
  o->raised = failure;
}

void raise_cancellation(dx_orch *o) { raise_json(o, NULL); }

/* A failure as JSON; NULL, and the turn broken, when memory is short. */
static const char *failure_json(dx_orch *o, arena *memory, const char *type, const char *format,
                                va_list arguments) {
  const char *message = arena_print(&o->run_memory, format, arguments);
  growing_text json = {0};
  if (message != NULL) write_failure(&json, type, message, NULL, false);
  const char *copy = message == NULL || json.failed ? NULL : arena_copy(memory, json.data, json.size);
  text_free(&json);
  if (copy == NULL) no_memory(o);
  return copy;
}

void raise_format(dx_orch *o, const char *type, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const char *json = failure_json(o, &o->run_memory, type, format, arguments);
  va_end(arguments);
  if (json != NULL) raise_json(o, json);
}

bool may_call(dx_orch *o, const char *what) {
  if (o->leaving == BROKEN) return false;
  if (o->in_query) {
    if (o->leaving == STAYS)
      raise_format(o, INVALID, "A query handler cannot do durable work: it called %s.", what);
    return false;
  }
  if (o->leaving == STAYS) return true;
  if (o->leaving == RAISED && !o->told) return false;
  const char *why = o->leaving == WAITS ? "after a call that waits had said false: return then"
                    : o->leaving == RAISED
                        ? "while a failure passes: return, or take it with dx_orch_catch first"
                        : "after the end of the orchestration: return then";
  complain(o, "Orchestration '%s' called %s %s.", o->name, what, why);
  return false;
}

/* ---- Entries ------------------------------------------------------------------------------------------- */

void journal_advance(dx_orch *o, const moment *moment) {
  if (moment->stamp > o->moment.stamp) o->moment = *moment;
}

static entry *known_call(dx_orch *o, call_kind kind, const char *name) {
  entry *known = &o->entries[o->place];
  if (known->kind != kind || strcmp(known->name, name) != 0) {
    complain(
        o,
        "Orchestration '%s' took another way through its code than before: call %zu was %s '%s', and is %s "
        "'%s' now. It must decide by what comes from the dx_orch only.",
        o->name, o->place + 1, call_names[known->kind], known->name, call_names[kind], name);
    return NULL;
  }
  o->place++;
  journal_advance(o, &known->made);
  if (known->state == ENTRY_REFUSED) raise_json(o, known->value);
  return known;
}

entry *journal_call(dx_orch *o, call_kind kind, const char *name, bool *fresh) {
  *fresh = false;
  if (name == NULL) name = "";
  if (!may_call(o, call_names[kind])) return NULL;
  if (o->place < o->entry_count) return known_call(o, kind, name);
  void *entries = o->entries;
  const char *copy = arena_copy(&o->memory, name, strlen(name));
  if (copy == NULL || o->entry_count >= INT32_MAX - 1 ||
      !grow(&entries, o->entry_count, &o->entry_capacity, sizeof *o->entries)) {
    no_memory(o);
    return NULL;
  }
  o->entries = entries;
  entry *made = &o->entries[o->entry_count++];
  memset(made, 0, sizeof *made);
  made->kind = kind;
  made->name = copy;
  made->made = o->now;
  made->made.stamp = ++o->now.stamp;
  o->place++;
  journal_advance(o, &made->made);
  text_clear(&o->scratch);
  *fresh = true;
  return made;
}

dx_handle journal_handle(const dx_orch *o, const entry *entry) {
  dx_handle handle = {entry == NULL ? 0 : (int32_t)(entry - o->entries) + 1};
  return handle;
}

entry *journal_find(dx_orch *o, dx_handle handle, const char *what) {
  size_t at = (size_t)handle.number - 1;
  if (handle.number > 0 && at < o->place && o->entries[at].state != ENTRY_PLAIN) return &o->entries[at];
  raise_format(o, INVALID, "%s was given a handle (%d) that is none of work of this run.", what,
               (int)handle.number);
  return NULL;
}

void journal_emit_bare(dx_orch *o) {
  void *numbers = o->of_action;
  if (!grow(&numbers, o->action_count, &o->action_capacity, sizeof *o->of_action)) {
    no_memory(o);
    return;
  }
  o->of_action = numbers;
  o->of_action[o->action_count++] = -1;
  text_format(&o->actions, "%s{\"id\":%zu,\"after\":%lld,%s}", o->actions.size == 0 ? "" : ",",
              o->action_count, (long long)o->now.event, o->scratch.data == NULL ? "" : o->scratch.data);
  if (o->actions.failed || o->scratch.failed) no_memory(o);
  text_clear(&o->scratch);
}

void journal_emit(dx_orch *o, entry *entry, entry_state state) {
  journal_emit_bare(o);
  if (o->leaving == BROKEN) return;
  entry->action = (int64_t)o->action_count;
  entry->state = state;
  o->of_action[o->action_count - 1] = (int32_t)(entry - o->entries);
  if (state == ENTRY_OPEN) o->open_count++;
}

void journal_refuse(dx_orch *o, entry *entry, const char *type, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const char *json = failure_json(o, &o->memory, type, format, arguments);
  va_end(arguments);
  if (json == NULL) return;
  entry->state = ENTRY_REFUSED;
  entry->value = json;
  entry->settled = entry->made;
  raise_json(o, json);
}

void journal_settle(dx_orch *o, entry *entry, entry_state state, const char *value, const char *call) {
  if (entry->state != ENTRY_OPEN) return;
  entry->state = state;
  entry->value = value;
  entry->call = call;
  entry->settled = o->now;
  entry->settled.stamp = ++o->now.stamp;
  o->open_count--;
  while (o->first_open < o->entry_count && o->entries[o->first_open].state != ENTRY_OPEN) o->first_open++;
}

/* ---- Checked members ----------------------------------------------------------------------------------- */

bool put_name(dx_orch *o, entry *entry, const char *member, const char *value, const char *what,
              size_t most) {
  if (value == NULL || *value == '\0') {
    journal_refuse(o, entry, OVER_LIMIT, "%s is empty.", what);
    return false;
  }
  size_t size = strlen(value);
  if (size > most) {
    journal_refuse(o, entry, OVER_LIMIT, "%s has %zu bytes; the limit is %zu.", what, size, most);
    return false;
  }
  text_format(&o->scratch, ",\"%s\":", member);
  if (text_quote(&o->scratch, value)) return true;
  journal_refuse(o, entry, INVALID, "%s is not UTF-8.", what);
  return false;
}

bool put_payload(dx_orch *o, entry *entry, const char *member, const char *json, const char *what,
                 int64_t most) {
  if (json == NULL) json = "null";
  dx_text whole = {json, strlen(json)};
  size_t position = 0;
  if (whole.size > (uint64_t)most) {
    journal_refuse(o, entry, OVER_LIMIT, "%s has %zu bytes; the limit is %lld.", what, whole.size,
                   (long long)most);
    return false;
  }
  const char *problem = dx_json_check(whole, &position);
  if (problem != NULL) {
    journal_refuse(o, entry, INVALID, "%s is not JSON: %s, at byte %zu of %.60s", what, problem, position,
                   json);
    return false;
  }
  text_format(&o->scratch, ",\"%s\":", member);
  text_add_bytes(&o->scratch, json, whole.size);
  return true;
}
