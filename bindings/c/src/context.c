/* What the code is told, memory and text of a run, chance, logs and metrics. */
#include "execution.h"
#include "json_scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *dx_orch_input(dx_orch *o) { return o->input; }
const char *dx_orch_name(dx_orch *o) { return o->name; }
const char *dx_orch_version(dx_orch *o) { return o->version; }
const char *dx_orch_instance(dx_orch *o) { return o->instance; }
int64_t dx_orch_execution(dx_orch *o) { return o->number; }
const char *dx_orch_parent(dx_orch *o) { return o->parent; }
const char *dx_orch_traceparent(dx_orch *o) { return o->traceparent; }
const char *dx_orch_tracestate(dx_orch *o) { return o->tracestate; }
void *dx_orch_user_data(dx_orch *o) { return o->registration->user_data; }
int64_t dx_orch_now(dx_orch *o) { return o->moment.at; }
bool dx_orch_should_continue_as_new(dx_orch *o) { return o->moment.late; }

/* The code is here for the first time: not so when an earlier run was here, or an earlier turn. */
static bool is_new(const dx_orch *o) { return o->moment.event == o->now.event && !o->replaying; }

bool dx_orch_is_replaying(dx_orch *o) { return !is_new(o); }

/* ---- Chance -------------------------------------------------------------------------------------------- */

static uint64_t next_random(dx_orch *o) {
  if (!o->chance_ready) {
    uint64_t state = UINT64_C(0xCBF29CE484222325);
    char number[24];
    int digits = snprintf(number, sizeof number, "%lld", (long long)o->number);
    size_t size = strlen(o->instance) + 1; /* the NUL byte is part of it */
    for (size_t i = 0; i < size; i++)
      state = (state ^ (unsigned char)o->instance[i]) * UINT64_C(0x100000001B3);
    for (int i = 0; i < digits; i++) state = (state ^ (unsigned char)number[i]) * UINT64_C(0x100000001B3);
    o->chance = state;
    o->chance_ready = true;
  }
  uint64_t z = o->chance += UINT64_C(0x9E3779B97F4A7C15);
  z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
  return z ^ z >> 31;
}

double dx_orch_random(dx_orch *o) { return (double)(next_random(o) >> 11) * 0x1p-53; }

const char *dx_orch_guid(dx_orch *o) {
  uint64_t high = next_random(o), low = next_random(o);
  high = (high & ~UINT64_C(0xF000)) | UINT64_C(0x4000);
  low = (low & ~(UINT64_C(3) << 62)) | UINT64_C(1) << 63;
  return dx_orch_format(o, "%08x-%04x-%04x-%04x-%012llx", (unsigned)(high >> 32),
                        (unsigned)(high >> 16 & 0xFFFF), (unsigned)(high & 0xFFFF), (unsigned)(low >> 48),
                        (unsigned long long)(low & UINT64_C(0xFFFFFFFFFFFF)));
}

/* ---- Memory and text ----------------------------------------------------------------------------------- */

void *dx_orch_memory(dx_orch *o, size_t size) {
  void *taken = arena_take(&o->run_memory, size);
  if (taken == NULL) no_memory(o);
  return taken;
}

const char *dx_orch_format(dx_orch *o, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const char *printed = arena_print(&o->run_memory, format, arguments);
  va_end(arguments);
  if (printed == NULL) no_memory(o);
  return printed;
}

const char *dx_orch_quote(dx_orch *o, const char *string) {
  growing_text quoted = {0};
  if (string == NULL) return "null";
  bool utf8 = text_quote(&quoted, string);
  const char *copy = utf8 && !quoted.failed ? arena_copy(&o->run_memory, quoted.data, quoted.size) : NULL;
  text_free(&quoted);
  if (copy == NULL && utf8) no_memory(o);
  if (!utf8 && o->leaving == STAYS) raise_format(o, INVALID, "Text that is to be quoted is not UTF-8.");
  return copy == NULL ? "null" : copy;
}

const char *dx_orch_unquote(dx_orch *o, const char *json) {
  dx_text value = {json, json == NULL ? 0 : strlen(json)};
  size_t size = 0;
  if (dx_json_kind_of(value) != DX_JSON_STRING) return NULL;
  char *decoded = dx_json_string(value, &size);
  const char *copy = decoded == NULL ? NULL : arena_copy(&o->run_memory, decoded, size);
  free(decoded);
  if (copy == NULL) no_memory(o);
  return copy;
}

const char *dx_orch_member(dx_orch *o, const char *object, const char *name) {
  dx_text whole = {object, object == NULL ? 0 : strlen(object)}, value = dx_json_member(whole, name);
  if (value.data == NULL) return NULL;
  const char *copy = arena_copy(&o->run_memory, value.data, value.size);
  if (copy == NULL) no_memory(o);
  return copy;
}

/* ---- Logs and metrics ---------------------------------------------------------------------------------- */

static bool is_one_of(const char *word, const char *const *words) {
  for (; word != NULL && *words != NULL; words++) {
    if (strcmp(word, *words) == 0) return true;
  }
  return false;
}

void dx_orch_log(dx_orch *o, const char *level, const char *format, ...) {
  static const char *const levels[] = {"debug", "info", "warn", "error", NULL};
  if (o->leaving == WAITS || o->leaving == BROKEN || o->in_query || !is_new(o)) return;
  va_list arguments;
  va_start(arguments, format);
  const char *message = arena_print(&o->run_memory, format, arguments);
  va_end(arguments);
  if (message == NULL) {
    no_memory(o);
    return;
  }
  text_format(&o->logs, "%s{\"level\":\"%s\",\"message\":", o->logs.size == 0 ? "" : ",",
              is_one_of(level, levels) ? level : "info");
  text_quote_any(&o->logs, message);
  text_add(&o->logs, "}");
}

/* A JSON object whose values are strings. */
static bool are_strings(const char *json) {
  dx_text rest = {json, strlen(json)}, name, value;
  if (dx_json_check(rest, NULL) != NULL || dx_json_kind_of(rest) != DX_JSON_OBJECT) return false;
  while (dx_json_next(&rest, &name, &value)) {
    if (dx_json_kind_of(value) != DX_JSON_STRING) return false;
  }
  return true;
}

void dx_orch_metric(dx_orch *o, const char *name, const char *kind, double value, const char *attributes) {
  static const char *const kinds[] = {"counter", "gauge", "histogram", NULL};
  if (o->leaving != STAYS || o->in_query) return;
  growing_text quoted = {0};
  if (name == NULL || *name == '\0' || strlen(name) > NAME_BYTES || !text_quote(&quoted, name)) {
    raise_format(o, INVALID, "The name of a metric is UTF-8 of 1 to %d bytes.", NAME_BYTES);
  } else if (!is_one_of(kind, kinds)) {
    raise_format(o, INVALID, "The kind of metric '%s' is '%s'; there are counter, gauge, histogram.", name,
                 kind == NULL ? "" : kind);
  } else if (!(value - value == 0)) {
    raise_format(o, INVALID, "The value of metric '%s' is not a finite number.", name);
  } else if (attributes != NULL && !are_strings(attributes)) {
    raise_format(o, INVALID, "The attributes of metric '%s' are not a JSON object of strings.", name);
  } else if (is_new(o)) {
    text_format(&o->metrics, "%s{\"name\":%s,\"kind\":\"%s\",\"value\":", o->metrics.size == 0 ? "" : ",",
                quoted.data, kind);
    text_number(&o->metrics, value, false);
    if (attributes != NULL) text_format(&o->metrics, ",\"attributes\":%s", attributes);
    text_add(&o->metrics, "}");
  }
  if (quoted.failed) no_memory(o);
  text_free(&quoted);
}
