/* Every function with everything that a careless caller can pass. Nothing may crash or hang, and each wrong
 * call gets the code that dx.h gives it. */
#include "check.h"

static dx_store *store;
static dx_client *client;
static dx_runtime *runtime;

static void ignore_turn(dx_turn *turn, void *user_data) {
  (void)user_data;
  dx_error_free(dx_turn_fail(turn, text("{\"type\":\"Test\",\"message\":\"not run\"}")));
}

static void ignore_activity(dx_activity *activity, void *user_data) {
  (void)user_data;
  dx_error_free(dx_activity_complete(activity, text("null")));
}

/* ---- Texts: each kind of wrong text to each function that takes one
 * -------------------------------------------- */

static dx_error *with_client(dx_error *(*call)(dx_client *, dx_text, dx_buffer *), dx_text argument) {
  dx_buffer out = {NULL, 0};
  dx_error *error = call(client, argument, &out);
  dx_buffer_free(&out);
  return error;
}

static dx_error *start(dx_text t) { return with_client(dx_client_start, t); }
static dx_error *start_many(dx_text t) { return with_client(dx_client_start_many, t); }
static dx_error *describe(dx_text t) { return with_client(dx_client_describe, t); }
static dx_error *history(dx_text t) { return with_client(dx_client_history, t); }
static dx_error *list(dx_text t) { return with_client(dx_client_list, t); }
static dx_error *delete_one(dx_text t) { return with_client(dx_client_delete, t); }
static dx_error *raise_to(dx_text t) { return dx_client_raise_event(client, t, text("n"), text("1")); }
static dx_error *raise_name(dx_text t) { return dx_client_raise_event(client, text("idle"), t, text("1")); }
static dx_error *raise_payload(dx_text t) {
  return dx_client_raise_event(client, text("idle"), text("n"), t);
}
static dx_error *enqueue_to(dx_text t) { return dx_client_enqueue(client, t, text("n"), text("1")); }
static dx_error *enqueue_name(dx_text t) { return dx_client_enqueue(client, text("idle"), t, text("1")); }
static dx_error *enqueue_payload(dx_text t) { return dx_client_enqueue(client, text("idle"), text("n"), t); }
static dx_error *cancel_of(dx_text t) { return dx_client_cancel(client, t, text("because")); }
static dx_error *cancel_reason(dx_text t) { return dx_client_cancel(client, text("idle"), t); }
static dx_error *wait_for(dx_text t) { return dx_client_wait(client, t, 1000, tally_waited, NULL); }
static dx_error *wait_history(dx_text t) {
  return dx_client_wait_history(client, t, 1000, tally_waited, NULL);
}
static dx_error *manage(dx_text t) { return with_client(dx_client_manage, t); }
static dx_error *log_config(dx_text t) { return dx_log_set(t, NULL, NULL, NULL); }

static dx_error *open_url(dx_text t) {
  dx_store *opened = NULL;
  dx_store_options options = DX_STORE_OPTIONS_INIT;
  options.url = t;
  dx_error *error = dx_store_open(&options, &opened);
  dx_store_close(opened);
  return error;
}

static dx_error *open_config(dx_text t) {
  dx_store *opened = NULL;
  dx_store_options options = DX_STORE_OPTIONS_INIT;
  options.url = text("memory:");
  options.config = t;
  dx_error *error = dx_store_open(&options, &opened);
  dx_store_close(opened);
  return error;
}

static dx_error *runtime_config(dx_text t) {
  dx_runtime *made = NULL;
  dx_runtime_options options = DX_RUNTIME_OPTIONS_INIT;
  options.config = t;
  dx_error *error = dx_runtime_new(store, &options, &made);
  dx_runtime_free(made);
  return error;
}

static dx_error *orchestration_name(dx_text t) {
  return dx_register_orchestration(runtime, t, text(""), ignore_turn, NULL, NULL);
}
static dx_error *orchestration_version(dx_text t) {
  return dx_register_orchestration(runtime, text("versioned"), t, ignore_turn, NULL, NULL);
}
static dx_error *activity_name(dx_text t) {
  return dx_register_activity(runtime, t, ignore_activity, NULL, NULL);
}
static dx_error *poll_answers(dx_text t) {
  dx_buffer out = {NULL, 0};
  dx_error *error = dx_runtime_poll(runtime, t, 0, 0, 0, &out);
  dx_buffer_free(&out);
  return error;
}

typedef struct text_call {
  const char *name;
  dx_error *(*call)(dx_text);
  bool takes_json;
  bool takes_empty;
  bool is_message; /* of a binding, not of a user: DX_PROTOCOL */
} text_call;

static const text_call text_calls[] = {
    {"start request", start, true, false, false},
    {"start requests", start_many, true, false, false},
    {"describe instance", describe, false, false, false},
    {"history query", history, true, false, false},
    {"list query", list, true, true, false},
    {"delete query", delete_one, true, false, false},
    {"event instance", raise_to, false, false, false},
    {"event name", raise_name, false, false, false},
    {"event payload", raise_payload, true, true, false},
    {"queue instance", enqueue_to, false, false, false},
    {"queue name", enqueue_name, false, false, false},
    {"queue payload", enqueue_payload, true, true, false},
    {"cancel instance", cancel_of, false, false, false},
    {"cancel reason", cancel_reason, false, true, false},
    {"wait instance", wait_for, false, false, false},
    {"history wait query", wait_history, true, false, false},
    {"management request", manage, true, false, false},
    {"log config", log_config, true, true, false},
    {"store url", open_url, false, false, false},
    {"store config", open_config, true, true, false},
    {"runtime config", runtime_config, true, true, false},
    {"orchestration name", orchestration_name, false, false, false},
    {"orchestration version", orchestration_version, false, true, false},
    {"activity name", activity_name, false, false, false},
    {"poll answers", poll_answers, true, true, true},
};

typedef struct bad_text {
  const char *name;
  dx_text text;
} bad_text;

#define BYTES(literal) {literal, sizeof(literal) - 1}

static const bad_text never_text[] = {
    {"a stray byte", BYTES("\"\xff\"")},
    {"a cut sequence", BYTES("\"\xe2\x82\"")},
    {"an overlong sequence", BYTES("\"\xc0\xaf\"")},
    {"a surrogate", BYTES("\"\xed\xa0\x80\"")},
    {"beyond Unicode", BYTES("\"\xf4\x90\x80\x80\"")},
    {"a NUL inside", BYTES("\"a\0b\"")},
    {"a NUL at the end", BYTES("\"ab\"\0")},
};

static const bad_text never_json[] = {
    {"an open object", BYTES("{\"a\":1")},     {"an open string", BYTES("{\"a")},
    {"a bare word", BYTES("nonsense")},        {"two values", BYTES("{} {}")},
    {"a trailing comma", BYTES("{\"a\":1,}")}, {"a control character", BYTES("\"a\nb\"")},
    {"an escaped NUL", BYTES("\"\\u0000\"")},  {"half a surrogate pair", BYTES("\"\\ud800\"")},
    {"a leading zero", BYTES("{\"a\":01}")},   {"not a number", BYTES("{\"a\":NaN}")},
};

static void check_texts(void) {
  char name[128];
  for (size_t i = 0; i < sizeof text_calls / sizeof *text_calls; i++) {
    const text_call *call = &text_calls[i];
    dx_code code = call->is_message ? DX_PROTOCOL : DX_INVALID_ARGUMENT;
    dx_text nowhere = {NULL, 3};
    snprintf(name, sizeof name, "%s: NULL with a size", call->name);
    check_code(call->call(nowhere), DX_INVALID_ARGUMENT, name);
    for (size_t j = 0; j < sizeof never_text / sizeof *never_text; j++) {
      snprintf(name, sizeof name, "%s: %s", call->name, never_text[j].name);
      check_code(call->call(never_text[j].text), code, name);
    }
    for (size_t j = 0; call->takes_json && j < sizeof never_json / sizeof *never_json; j++) {
      snprintf(name, sizeof name, "%s: %s", call->name, never_json[j].name);
      check_code(call->call(never_json[j].text), code, name);
    }
    if (!call->takes_empty) {
      snprintf(name, sizeof name, "%s: empty", call->name);
      check_code(call->call(text(NULL)), DX_INVALID_ARGUMENT, name);
    }
  }
}

/* One bad request of many is answered in its place; the others land. */
static void check_partial_batch(void) {
  static const char *requests =
      "[{\"orchestration\":\"a\",\"instance\":\"batch-1\"},7,{\"orchestration\":7},"
      "{\"orchestration\":\"a\",\"instance\":\"idle\"},{\"orchestration\":\"a\",\"instance\":\"batch-2\"}]";
  dx_buffer out = {NULL, 0};
  check_code(dx_client_start_many(client, text(requests), &out), DX_OK, "a batch with bad requests");
  const char *at = out.data;
  static const char *parts[] = {"{\"instance\":\"batch-1\"}", "\"code\":1,", "\"code\":1,", "\"code\":5,",
                                "{\"instance\":\"batch-2\"}"};
  for (size_t i = 0; at != NULL && i < sizeof parts / sizeof *parts; i++) {
    at = strstr(at, parts[i]);
    if (at != NULL) at += strlen(parts[i]);
  }
  check_that(at != NULL, "each request is answered in its place", out.data == NULL ? "nothing" : out.data);
  dx_buffer_free(&out);
}

/* ---- Values: well-formed texts that say something wrong
 * --------------------------------------------------------- */

typedef struct value_case {
  const char *name;
  dx_error *(*call)(dx_text);
  const char *text;
  dx_code code;
} value_case;

static const value_case value_cases[] = {
    {"start: unknown member", start, "{\"orchestration\":\"a\",\"extra\":1}", DX_INVALID_ARGUMENT},
    {"start: wrong type", start, "{\"orchestration\":7}", DX_INVALID_ARGUMENT},
    {"start: not an object", start, "[]", DX_INVALID_ARGUMENT},
    {"start: no orchestration", start, "{\"instance\":\"a\"}", DX_INVALID_ARGUMENT},
    {"start: empty name", start, "{\"orchestration\":\"\"}", DX_INVALID_ARGUMENT},
    {"start: empty instance", start, "{\"orchestration\":\"a\",\"instance\":\"\"}", DX_INVALID_ARGUMENT},
    {"start: no version", start, "{\"orchestration\":\"a\",\"version\":\"one\"}", DX_INVALID_ARGUMENT},
    {"start: the id is taken", start, "{\"orchestration\":\"a\",\"instance\":\"idle\"}", DX_ALREADY_EXISTS},
    {"start many: not an array", start_many, "{\"orchestration\":\"a\"}", DX_INVALID_ARGUMENT},
    {"start many: none", start_many, "[]", DX_OK},
    {"describe: unknown", describe, "nobody", DX_NOT_FOUND},
    {"history: unknown member", history, "{\"instance\":\"idle\",\"extra\":1}", DX_INVALID_ARGUMENT},
    {"history: no instance", history, "{}", DX_INVALID_ARGUMENT},
    {"history: unknown", history, "{\"instance\":\"nobody\"}", DX_NOT_FOUND},
    {"history: unknown execution", history, "{\"instance\":\"idle\",\"execution\":9}", DX_NOT_FOUND},
    {"history: limit 0", history, "{\"instance\":\"idle\",\"limit\":0}", DX_INVALID_ARGUMENT},
    {"history: limit 1001", history, "{\"instance\":\"idle\",\"limit\":1001}", DX_INVALID_ARGUMENT},
    {"list: unknown member", list, "{\"extra\":1}", DX_INVALID_ARGUMENT},
    {"list: unknown status", list, "{\"status\":\"Asleep\"}", DX_INVALID_ARGUMENT},
    {"list: limit 1001", list, "{\"limit\":1001}", DX_INVALID_ARGUMENT},
    {"list: a fraction", list, "{\"limit\":1.5}", DX_INVALID_ARGUMENT},
    {"list: beyond 2^53", list, "{\"cursor\":9007199254740992}", DX_INVALID_ARGUMENT},
    {"delete: unknown member", delete_one, "{\"instance\":\"idle\",\"extra\":1}", DX_INVALID_ARGUMENT},
    {"delete: unknown", delete_one, "{\"instance\":\"nobody\"}", DX_NOT_FOUND},
    {"delete: unfinished", delete_one, "{\"instance\":\"idle\"}", DX_WRONG_STATUS},
    {"event: unknown instance", raise_to, "nobody", DX_NOT_FOUND},
    {"queue: unknown instance", enqueue_to, "nobody", DX_NOT_FOUND},
    {"cancel: unknown instance", cancel_of, "nobody", DX_NOT_FOUND},
    {"log: unknown level", log_config, "{\"level\":\"loud\"}", DX_INVALID_ARGUMENT},
    {"store: unknown scheme", open_url, "mongo:a", DX_UNSUPPORTED},
    {"store: no scheme", open_url, "a", DX_INVALID_ARGUMENT},
    {"store: a directory", open_url, "sqlite:.", DX_STORE_CANNOT_OPEN},
    {"store: no such folder", open_url, "sqlite:no/such/folder/a.sqlite", DX_STORE_CANNOT_OPEN},
    {"store: unknown member", open_config, "{\"extra\":1}", DX_INVALID_ARGUMENT},
    {"runtime: unknown member", runtime_config, "{\"extra\":1}", DX_INVALID_ARGUMENT},
    {"runtime: no slots", runtime_config, "{\"activitySlots\":0}", DX_INVALID_ARGUMENT},
    {"runtime: 10001 slots", runtime_config, "{\"activitySlots\":10001}", DX_INVALID_ARGUMENT},
    {"runtime: 65 threads", runtime_config, "{\"turnThreads\":65}", DX_INVALID_ARGUMENT},
    {"runtime: cache", runtime_config, "{\"cache\":\"maybe\"}", DX_INVALID_ARGUMENT},
    {"runtime: good", runtime_config, "{\"activitySlots\":1,\"turnThreads\":1,\"cache\":\"off\"}", DX_OK},
    {"orchestration: no version", orchestration_version, "1.2.x", DX_INVALID_ARGUMENT},
    {"orchestration: registered", orchestration_version, "2.0.0", DX_OK},
    {"orchestration: again", orchestration_version, "2.0.0", DX_ALREADY_EXISTS},
    {"activity: registered", activity_name, "once", DX_OK},
    {"activity: again", activity_name, "once", DX_ALREADY_EXISTS},
};

static void check_values(void) {
  for (size_t i = 0; i < sizeof value_cases / sizeof *value_cases; i++) {
    const value_case *value = &value_cases[i];
    check_code(value->call(text(value->text)), value->code, value->name);
  }
}

/* ---- Limits
 * ------------------------------------------------------------------------------------------------------ */

static dx_error *call_with_size(dx_error *(*call)(dx_text), const char *format, size_t size) {
  char *fill = malloc(size + 1);
  char *whole = malloc(size + strlen(format) + 1);
  if (fill == NULL || whole == NULL) exit(2);
  memset(fill, 'x', size);
  fill[size] = '\0';
  sprintf(whole, format, fill);
  dx_error *error = call(text(whole));
  free(fill);
  free(whole);
  return error;
}

static void check_limits(void) {
  static const char *named = "{\"orchestration\":\"%s\",\"instance\":\"limit-1\"}";
  static const char *identified = "{\"orchestration\":\"a\",\"instance\":\"%s\"}";
  static const char *loaded = "{\"orchestration\":\"a\",\"instance\":\"limit-2\",\"input\":\"%s\"}";
  size_t payload = 2 * 1024 * 1024;
  check_code(call_with_size(start, named, 257), DX_LIMIT_EXCEEDED, "a name of 257 bytes");
  check_code(call_with_size(start, identified, 513), DX_LIMIT_EXCEEDED, "an id of 513 bytes");
  check_code(call_with_size(start, identified, 512), DX_OK, "an id of 512 bytes");
  check_code(call_with_size(start, loaded, payload - 1), DX_LIMIT_EXCEEDED, "an input over 2 MiB");
  check_code(call_with_size(start, loaded, payload - 2), DX_OK, "an input of 2 MiB");
  check_code(call_with_size(raise_name, "%s", 257), DX_LIMIT_EXCEEDED, "an event name of 257 bytes");
  check_code(call_with_size(raise_payload, "\"%s\"", payload), DX_LIMIT_EXCEEDED, "an event over 2 MiB");
  check_code(call_with_size(activity_name, "%s", 257), DX_LIMIT_EXCEEDED, "an activity name of 257 bytes");
}

/* ---- Structs of other releases
 * ----------------------------------------------------------------------------------- */

typedef struct newer_store_options {
  dx_store_options known;
  char later[16];
} newer_store_options;

typedef struct newer_runtime_options {
  dx_runtime_options known;
  char later[16];
} newer_runtime_options;

static void check_structs(void) {
  static const struct {
    const char *name;
    size_t size;
    char later;
    dx_code code;
  } cases[] = {
      {"size 0", 0, 0, DX_INVALID_ARGUMENT},
      {"half a size", sizeof(size_t) / 2, 0, DX_INVALID_ARGUMENT},
      {"an absurd size", (size_t)-1, 0, DX_INVALID_ARGUMENT},
      {"a newer struct that uses nothing new", sizeof(newer_store_options), 0, DX_OK},
      {"a newer struct that uses something new", sizeof(newer_store_options), 1, DX_UNSUPPORTED},
  };
  char name[96];
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    newer_store_options options = {DX_STORE_OPTIONS_INIT, {0}};
    newer_runtime_options more = {DX_RUNTIME_OPTIONS_INIT, {0}};
    bool newer = cases[i].size == sizeof(newer_store_options);
    dx_store *opened = NULL;
    dx_runtime *made = NULL;
    options.known.struct_size = cases[i].size;
    options.known.url = text("memory:");
    options.later[sizeof options.later - 1] = cases[i].later;
    more.known.struct_size = newer ? sizeof more : cases[i].size;
    more.later[0] = cases[i].later;
    snprintf(name, sizeof name, "store options: %s", cases[i].name);
    check_code(dx_store_open(&options.known, &opened), cases[i].code, name);
    snprintf(name, sizeof name, "runtime options: %s", cases[i].name);
    check_code(dx_runtime_new(store, &more.known, &made), cases[i].code, name);
    snprintf(name, sizeof name, "out is written on success only: %s", cases[i].name);
    bool good = cases[i].code == DX_OK;
    check_that((opened != NULL) == good && (made != NULL) == good, name, "out was written");
    dx_runtime_free(made);
    dx_store_close(opened);
  }
}

int main(void) {
  dx_store_options options = DX_STORE_OPTIONS_INIT;
  options.url = text("memory:");
  need(dx_store_open(&options, &store), "a store in memory");
  need(dx_client_new(store, &client), "a client");
  need(dx_runtime_new(store, NULL, &runtime), "a runtime");
  need(start(text("{\"orchestration\":\"nobody-serves-it\",\"instance\":\"idle\"}")), "an instance");
  check_texts();
  check_values();
  check_partial_batch();
  check_limits();
  check_structs();
  dx_runtime_free(runtime);
  dx_client_free(client);
  dx_store_close(store);
  return checks_done();
}
