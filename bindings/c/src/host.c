/* Turn requests to answers: live executions by instance, those used last. */
#include "host.h"

#include "execution.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define CACHED 10000
#define VIOLATION "perdure.ProtocolViolation"
#define NO_MEMORY "there is not enough memory for the turn"
#define MISS "{\"v\":1,\"miss\":true}"

struct host {
  registration registration;
  void *user_data;
  dx_release_fn release;
  size_t most;

  pthread_mutex_t lock; /* guards the rest; never held while code runs */
  dx_orch **buckets;
  size_t bucket_count, live_count;
  dx_orch *newest, *oldest;
};

/* ---- The table of live executions ------------------------------------------------------------------------
 */

static size_t bucket_of(const host *host, const char *instance) {
  /* FNV-1a of 32 bits: a product never leaves 64. */
  uint64_t hash = UINT64_C(2166136261);
  for (; *instance != '\0'; instance++)
    hash = (hash ^ (unsigned char)*instance) * UINT64_C(16777619) & UINT32_MAX;
  return (size_t)(hash ^ hash >> 16) & (host->bucket_count - 1);
}

/* Takes an execution out of the table; NULL if it is not there. */
static dx_orch *take_out(host *host, const char *instance) {
  if (host->bucket_count == 0) return NULL;
  dx_orch **place = &host->buckets[bucket_of(host, instance)];
  while (*place != NULL && strcmp((*place)->instance, instance) != 0) place = &(*place)->bucket_next;
  dx_orch *o = *place;
  if (o == NULL) return NULL;
  *place = o->bucket_next;
  *(o->newer != NULL ? &o->newer->older : &host->newest) = o->older;
  *(o->older != NULL ? &o->older->newer : &host->oldest) = o->newer;
  o->bucket_next = o->newer = o->older = NULL;
  host->live_count--;
  return o;
}

static bool widen(host *host) {
  if (host->live_count < host->bucket_count) return true;
  size_t count = host->bucket_count == 0 ? 64 : host->bucket_count * 2;
  dx_orch **buckets = calloc(count, sizeof *buckets);
  if (buckets == NULL) return host->bucket_count > 0; /* it is slower as it is, and good */
  free(host->buckets);
  host->buckets = buckets;
  host->bucket_count = count;
  for (dx_orch *each = host->newest; each != NULL; each = each->older) {
    dx_orch **bucket = &buckets[bucket_of(host, each->instance)];
    each->bucket_next = *bucket;
    *bucket = each;
  }
  return true;
}

static bool put_in(host *host, dx_orch *o) {
  if (!widen(host)) return false;
  dx_orch **bucket = &host->buckets[bucket_of(host, o->instance)];
  o->bucket_next = *bucket;
  *bucket = o;
  o->older = host->newest;
  *(host->newest != NULL ? &host->newest->newer : &host->oldest) = o;
  host->newest = o;
  host->live_count++;
  return true;
}

/* Keeps an execution for its next turn; false if that is not to be. */
static bool retain(host *host, dx_orch *o) {
  dx_orch *dropped = NULL;
  if (host->most == 0) return false;
  pthread_mutex_lock(&host->lock);
  dx_orch *other = take_out(host, o->instance);
  /* The engine may have given this turn up and sent another one, which was faster. */
  bool keeps = other == NULL || other->turn <= o->turn;
  if (keeps) keeps = put_in(host, o);
  if (other != NULL && !keeps) {
    (void)put_in(host, other);
    other = NULL;
  }
  if (keeps && host->live_count > host->most) dropped = take_out(host, host->oldest->instance);
  pthread_mutex_unlock(&host->lock);
  execution_free(other);
  execution_free(dropped);
  return keeps;
}

/* ---- Turns --------------------------------------------------------------------------------------------- */

typedef struct request {
  dx_text whole, events, query;
  char *instance;
  int64_t turn, execution, from, replayed;
  bool replay;
} request;

static bool read_request(dx_text whole, request *request) {
  dx_text rest = whole, name, value;
  memset(request, 0, sizeof *request);
  request->whole = whole;
  while (dx_json_next(&rest, &name, &value)) {
    if (dx_json_equals(name, "turn")) (void)dx_json_int64(value, &request->turn);
    if (dx_json_equals(name, "execution")) (void)dx_json_int64(value, &request->execution);
    if (dx_json_equals(name, "from")) (void)dx_json_int64(value, &request->from);
    if (dx_json_equals(name, "replayed")) (void)dx_json_int64(value, &request->replayed);
    if (dx_json_equals(name, "replay")) (void)dx_json_bool(value, &request->replay);
    if (dx_json_equals(name, "events")) request->events = value;
    if (dx_json_equals(name, "query") && dx_json_kind_of(value) == DX_JSON_OBJECT) request->query = value;
    if (dx_json_equals(name, "instance") && request->instance == NULL)
      request->instance = dx_json_string(value, NULL);
  }
  return request->instance != NULL;
}

static void write_answer(dx_orch *o, bool retained, bool replay, growing_text *out) {
  text_add(out, "{\"v\":1,\"actions\":[");
  text_add_bytes(out, o->actions.data, o->actions.size);
  text_add(out, "]");
  if (o->logs.size > 0 && !replay) {
    text_add(out, ",\"logs\":[");
    text_add_bytes(out, o->logs.data, o->logs.size);
    text_add(out, "]");
  }
  if (o->metrics.size > 0 && !replay) {
    text_add(out, ",\"metrics\":[");
    text_add_bytes(out, o->metrics.data, o->metrics.size);
    text_add(out, "]");
  }
  if (o->has_ended) {
    text_add(out, ",\"end\":");
    text_add_bytes(out, o->end.data, o->end.size);
  }
  text_add(out, retained ? ",\"retained\":true}" : ",\"retained\":false}");
  out->failed = out->failed || o->actions.failed || o->logs.failed || o->metrics.failed || o->end.failed;
}

/* Code that is run beside the live one, and dropped: a query, or a replay. */
static void answer_beside(const host *host, const request *request, growing_text *out,
                          growing_text *failure) {
  dx_orch *o = execution_new(&host->registration, request->whole);
  bool queries = request->query.data != NULL;
  bool ran = o != NULL && execution_deliver(o, request->events, queries ? INT64_MAX : request->replayed);
  if (!ran) {
    write_failure(failure, VIOLATION, o == NULL ? NO_MEMORY : o->complaint, NULL, false);
  } else if (queries) {
    text_add(out, "{\"v\":1,\"query\":{");
    execution_query(o, request->query, out);
    text_add(out, "}}");
  } else {
    write_answer(o, false, true, out);
  }
  execution_free(o);
}

static void answer_turn(host *host, const request *request, growing_text *out, growing_text *failure) {
  pthread_mutex_lock(&host->lock);
  dx_orch *o = take_out(host, request->instance);
  pthread_mutex_unlock(&host->lock);
  if (request->from == 0 || (o != NULL && (o->number != request->execution || o->after != request->from))) {
    execution_free(o);
    o = NULL;
  }
  if (request->from == 0) {
    o = execution_new(&host->registration, request->whole);
  } else if (o == NULL) {
    text_add(out, MISS);
    return;
  }
  if (o == NULL || !execution_deliver(o, request->events, request->replayed)) {
    write_failure(failure, VIOLATION, o == NULL ? NO_MEMORY : o->complaint, NULL, false);
    execution_free(o);
    return;
  }
  o->turn = request->turn;
  bool may_stay = !o->has_ended && host->most > 0;
  write_answer(o, may_stay, false, out);
  /* An answer that says more than is true is harmless: the engine is told that the execution is missing. */
  if (!may_stay || !retain(host, o)) execution_free(o);
}

void host_answer(host *host, dx_text input, growing_text *out, growing_text *failure) {
  request request;
  bool readable = read_request(input, &request);
  if (!readable) {
    write_failure(failure, VIOLATION, "the turn request has no instance, or memory is short", NULL, false);
  } else if (request.query.data != NULL || request.replay) {
    answer_beside(host, &request, out, failure);
  } else {
    answer_turn(host, &request, out, failure);
  }
  if (out->failed && failure->size == 0) write_failure(failure, VIOLATION, NO_MEMORY, NULL, false);
  free(request.instance);
}

static void run_turn(dx_turn *turn, void *user_data) {
  static const char last_resort[] = "{\"type\":\"" VIOLATION "\",\"message\":\"" NO_MEMORY "\"}";
  dx_text input;
  growing_text out = {0}, failure = {0};
  dx_error *error = dx_turn_input(turn, &input);
  if (error != NULL) { /* the token is not ours any more */
    dx_error_free(error);
    return;
  }
  host_answer(user_data, input, &out, &failure);
  if (failure.size > 0 || out.size == 0 || out.failed) {
    bool told = failure.size > 0 && !failure.failed;
    dx_text why = {told ? failure.data : last_resort, told ? failure.size : sizeof last_resort - 1};
    error = dx_turn_fail(turn, why);
  } else {
    dx_text answer = {out.data, out.size};
    error = dx_turn_complete(turn, answer);
  }
  /* Not needed any more (the engine sends another turn), or refused (it sends the same from the beginning).
   */
  dx_error_free(error);
  text_free(&out);
  text_free(&failure);
}

/* ---- Registration -------------------------------------------------------------------------------------- */

void host_free(void *user_data) {
  host *host = user_data;
  while (host->newest != NULL) execution_free(take_out(host, host->newest->instance));
  free(host->buckets);
  pthread_mutex_destroy(&host->lock);
  if (host->release != NULL) host->release(host->user_data);
  free(host);
}

static int64_t or_usual(int64_t limit, int64_t usual) { return limit > 0 ? limit : usual; }

host *host_new(dx_orch_fn run, const dx_orch_options *options) {
  const dx_orch_options usual = {0};
  if (options == NULL) options = &usual;
  const dx_orch_limits *given = &options->limits;
  host *host = calloc(1, sizeof *host);
  if (host == NULL) return NULL;
  pthread_mutex_init(&host->lock, NULL);
  host->registration.run = run;
  host->registration.limits = (limits){
      .payload_bytes = or_usual(given->payload_bytes, 2 * 1024 * 1024),
      .custom_status_bytes = or_usual(given->custom_status_bytes, 256 * 1024),
      .kv_keys = or_usual(given->kv_keys, 1000),
      .kv_value_bytes = or_usual(given->kv_value_bytes, 256 * 1024),
      .pending_actions = or_usual(given->pending_actions, 10000),
  };
  host->registration.user_data = host->user_data = options->user_data;
  host->release = options->release;
  host->most = options->cached == 0 ? CACHED : options->cached < 0 ? 0 : (size_t)options->cached;
  return host;
}

dx_error *dx_orch_register(dx_runtime *runtime, const char *name, dx_orch_fn run,
                           const dx_orch_options *options) {
  dx_text named = {name, name == NULL ? 0 : strlen(name)}, version = {"", 0};
  host *host = run == NULL ? NULL : host_new(run, options);
  if (host == NULL) {
    /* The library makes the errors: this one is about a function that is missing, as the empty name is. */
    if (options != NULL && options->release != NULL) options->release(options->user_data);
    return dx_register_orchestration(runtime, version, version, NULL, NULL, NULL);
  }
  if (options != NULL && options->version != NULL)
    version = (dx_text){options->version, strlen(options->version)};
  return dx_register_orchestration(runtime, named, version, run_turn, host, host_free);
}
