/* The sample orchestrations of docs/wire-format.md, which the turn vectors run in every language. */
#include "samples.h"

#include "dx_json.h"

#include <stdlib.h>
#include <string.h>

static void sequence(dx_orch *o) {
  const char *result;
  if (!dx_orch_run_activity(o, "A", dx_orch_input(o), NULL, &result)) return;
  if (!dx_orch_run_activity(o, "B", result, NULL, &result)) return;
  dx_orch_complete(o, result);
}

static void fan_out(dx_orch *o) {
  dx_handle work[3];
  const char *results[3];
  for (int i = 0; i < 3; i++) work[i] = dx_orch_activity(o, "work", dx_orch_format(o, "%d", i), NULL);
  if (!dx_orch_all(o, work, 3)) return;
  for (int i = 0; i < 3; i++) {
    if (!dx_orch_await(o, work[i], &results[i])) return;
  }
  dx_orch_complete(o, dx_orch_format(o, "[%s,%s,%s]", results[0], results[1], results[2]));
}

static void race(dx_orch *o) {
  dx_handle both[] = {dx_orch_wait_for_event(o, "go"), dx_orch_timer(o, 1000)};
  const char *data;
  size_t winner;
  if (!dx_orch_any(o, both, 2, &winner)) return;
  dx_orch_cancel(o, both[1 - winner]);
  if (!dx_orch_await(o, both[winner], &data)) return;
  dx_orch_complete(o, winner == 1 ? "{\"winner\":\"timer\"}"
                                  : dx_orch_format(o, "{\"winner\":\"event\",\"data\":%s}", data));
}

static void timer(dx_orch *o) {
  if (!dx_orch_sleep(o, 500)) return;
  dx_orch_complete(o, "\"done\"");
}

static void early_event(dx_orch *o) {
  const char *data;
  if (!dx_orch_sleep(o, 1000)) return;
  if (!dx_orch_await(o, dx_orch_wait_for_event(o, "go"), &data)) return;
  dx_orch_complete(o, data);
}

static void queue(dx_orch *o) {
  const char *first, *second;
  if (!dx_orch_await(o, dx_orch_dequeue(o, "q"), &first)) return;
  if (!dx_orch_await(o, dx_orch_dequeue(o, "q"), &second)) return;
  dx_orch_complete(o, dx_orch_format(o, "[%s,%s]", first, second));
}

static void child(dx_orch *o) {
  const char *result;
  dx_failure failure;
  if (!dx_orch_await(o, dx_orch_sub_orchestration(o, "kid", "{\"n\":1}", NULL), &result)) {
    if (!dx_orch_catch(o, &failure)) return;
    if (failure.is_cancellation) {
      dx_orch_raise(o, &failure);
      return;
    }
    result = dx_orch_format(o, "{\"failed\":%s}", dx_orch_quote(o, failure.type));
  }
  dx_orch_complete(o, result);
}

static void retry(dx_orch *o) {
  const char *result;
  dx_failure failure;
  for (int attempt = 0; attempt < 3; attempt++) {
    if (dx_orch_run_activity(o, "flaky", dx_orch_input(o), NULL, &result)) {
      dx_orch_complete(o, result);
      return;
    }
    if (attempt == 2 || !dx_orch_catch(o, &failure)) return;
    if (failure.is_cancellation) {
      dx_orch_raise(o, &failure);
      return;
    }
  }
}

static void continue_as_new(dx_orch *o) {
  int n = atoi(dx_orch_input(o));
  if (n < 3) {
    dx_orch_continue_as_new(o, dx_orch_format(o, "%d", n + 1), NULL);
  } else {
    dx_orch_complete(o, dx_orch_input(o));
  }
}

static void cancel_cleanup(dx_orch *o) {
  dx_failure failure;
  if (dx_orch_run_activity(o, "step", dx_orch_input(o), NULL, NULL) &&
      dx_orch_await(o, dx_orch_wait_for_event(o, "never"), NULL)) {
    return;
  }
  if (!dx_orch_catch(o, &failure)) return;
  if (failure.is_cancellation && !dx_orch_run_activity(o, "undo", "null", NULL, NULL)) return;
  dx_orch_raise(o, &failure);
}

static void retry_policy(dx_orch *o) {
  static const char *const declined[] = {"Declined", NULL};
  const dx_retry policy = {.max_attempts = 5,
                           .backoff = "linear",
                           .initial_interval_ms = 200,
                           .coefficient_percent = 150,
                           .max_interval_ms = 5000,
                           .jitter_percent = 10,
                           .non_retryable = declined};
  const dx_activity_options options = {.retry = &policy,
                                       .schedule_to_start_ms = 60000,
                                       .start_to_close_ms = 10000,
                                       .schedule_to_close_ms = 120000,
                                       .heartbeat_ms = 2500,
                                       .tag = "gpu",
                                       .session = "s-1",
                                       .priority = 5};
  const char *result;
  if (!dx_orch_run_activity(o, "flaky", dx_orch_input(o), &options, &result)) return;
  dx_orch_complete(o, result);
}

static void kv(dx_orch *o) {
  const char *n = dx_orch_kv_get(o, "n"), *other, *keys = "";
  dx_orch_kv_set(o, "n", dx_orch_format(o, "%d", n == NULL ? 1 : atoi(n) + 1));
  dx_orch_kv_set(o, "tmp", dx_orch_input(o));
  dx_orch_kv_clear(o, "tmp");
  if (!dx_orch_sleep(o, 1000)) return;
  dx_orch_kv_set(o, "late", "true");
  size_t pruned = dx_orch_kv_prune_before(o, dx_orch_now(o) - 500);
  for (size_t i = 0; i < dx_orch_kv_count(o); i++) {
    keys = dx_orch_format(o, "%s%s%s", keys, i == 0 ? "" : ",", dx_orch_quote(o, dx_orch_kv_key(o, i)));
  }
  if (!dx_orch_await(o, dx_orch_read_kv(o, "other", "n"), &other)) return;
  dx_orch_complete(o, dx_orch_format(o, "{\"pruned\":%zu,\"keys\":[%s],\"other\":%s}", pruned, keys, other));
}

static void topic(dx_orch *o) {
  const char *news;
  dx_orch_subscribe(o, "news");
  if (!dx_orch_await(o, dx_orch_wait_for_topic(o, "news"), &news)) return;
  dx_orch_publish(o, "echo", news);
  dx_orch_unsubscribe(o, "news");
  dx_orch_complete(o, news);
}

static const char *tell_total(dx_orch *o, const char *input, void *state) {
  const long *total = state;
  (void)input;
  return dx_orch_format(o, "%ld", *total);
}

static void add(dx_orch *o, dx_handle call, const char *number, long *total) {
  dx_text value = {number, strlen(number)};
  if (dx_json_kind_of(value) != DX_JSON_NUMBER) {
    dx_failure refusal = {.type = "perdure.CallRejected", .message = "not a number"};
    dx_orch_reject_with(o, call, &refusal);
    return;
  }
  *total += atol(number);
  dx_orch_answer(o, call, dx_orch_format(o, "%ld", *total));
}

/* Serves two kinds of calls; one of the second kind keeps the next ones waiting until its work is done. */
static void calls(dx_orch *o) {
  enum { ADD, WORK, STOP, KINDS };
  long *total = dx_orch_memory(o, sizeof *total);
  dx_handle waits[KINDS], serving = {0};
  const char *value;
  dx_failure failure;
  size_t which;
  waits[ADD] = dx_orch_shield(o, dx_orch_wait_for_call(o, "add"));
  waits[WORK] = dx_orch_shield(o, dx_orch_wait_for_call(o, "work"));
  waits[STOP] = dx_orch_wait_for_event(o, "stop");
  dx_orch_on_query(o, "total", tell_total, total);
  while (dx_orch_any(o, waits, KINDS, &which)) {
    bool came = dx_orch_await(o, waits[which], &value);
    if (!came && (which != WORK || !dx_orch_catch(o, &failure))) return;
    if (which == STOP) {
      dx_orch_complete(o, dx_orch_format(o, "%ld", *total));
      return;
    }
    if (which == ADD) {
      add(o, waits[ADD], value, total);
      waits[ADD] = dx_orch_shield(o, dx_orch_wait_for_call(o, "add"));
    } else if (serving.number == 0) {
      serving = waits[WORK];
      waits[WORK] = dx_orch_shield(o, dx_orch_activity(o, "work", value, NULL));
    } else {
      if (came) {
        dx_orch_answer(o, serving, value);
      } else {
        dx_orch_reject_with(o, serving, &failure);
      }
      serving.number = 0;
      waits[WORK] = dx_orch_shield(o, dx_orch_wait_for_call(o, "work"));
    }
  }
}

static void requests(dx_orch *o) {
  dx_failure failure;
  if (dx_orch_await(o, dx_orch_raise_event(o, "a", "go", dx_orch_input(o), true), NULL) &&
      dx_orch_await(o, dx_orch_enqueue(o, "b", "q", "1", false), NULL) &&
      dx_orch_await(o, dx_orch_cancel_instance(o, "c", "enough"), NULL)) {
    dx_orch_complete(o, "\"sent\"");
  } else if (dx_orch_catch(o, &failure)) {
    if (failure.is_cancellation) {
      dx_orch_raise(o, &failure);
    } else {
      dx_orch_complete(o, dx_orch_format(o, "{\"refused\":%s}", dx_orch_quote(o, failure.type)));
    }
  }
}

static void patch(dx_orch *o) {
  const char *result;
  dx_orch_deprecate_patch(o, "p0");
  if (!dx_orch_run_activity(o, dx_orch_patched(o, "p1") ? "new" : "old", dx_orch_input(o), NULL, &result))
    return;
  if (dx_orch_patched(o, "p1") && !dx_orch_run_activity(o, "more", result, NULL, &result)) return;
  dx_orch_complete(o, result);
}

static void late(dx_orch *o) {
  int count = atoi(dx_orch_input(o));
  const char *message;
  for (;;) {
    if (!dx_orch_await(o, dx_orch_dequeue(o, "q"), &message)) return;
    if (strcmp(message, "\"stop\"") == 0) {
      dx_orch_complete(o, dx_orch_format(o, "%d", count));
      return;
    }
    count++;
    if (dx_orch_should_continue_as_new(o)) {
      dx_orch_continue_as_new(o, dx_orch_format(o, "%d", count), NULL);
      return;
    }
  }
}

static void trace(dx_orch *o) {
  const char *parent = dx_orch_quote(o, dx_orch_traceparent(o)),
             *state = dx_orch_quote(o, dx_orch_tracestate(o));
  const char *result;
  if (!dx_orch_run_activity(o, "call", dx_orch_format(o, "[%s,%s]", parent, state), NULL, &result)) return;
  dx_orch_complete(o, dx_orch_format(o, "[%s,%s]", parent, result));
}

static void limit(dx_orch *o) {
  const size_t size = 262144;
  dx_failure failures[3] = {{0}};
  char *text = dx_orch_memory(o, size + 3);
  if (text == NULL) return;
  memset(text, 'x', size + 2);
  text[0] = text[size + 1] = '"';
  (void)dx_orch_activity(o, "", NULL, NULL);
  if (!dx_orch_catch(o, &failures[0])) return;
  dx_orch_set_custom_status(o, text);
  if (!dx_orch_catch(o, &failures[1])) return;
  dx_orch_kv_set(o, "k", text);
  if (!dx_orch_catch(o, &failures[2])) return;
  dx_orch_complete(
      o, dx_orch_format(o, "[\"%s\",\"%s\",\"%s\"]", failures[0].type, failures[1].type, failures[2].type));
}

const sample samples[] = {
    {"sequence", sequence},
    {"fan-out", fan_out},
    {"race", race},
    {"timer", timer},
    {"early-event", early_event},
    {"queue", queue},
    {"child", child},
    {"retry", retry},
    {"continue-as-new", continue_as_new},
    {"cancel-cleanup", cancel_cleanup},
    {"retry-policy", retry_policy},
    {"kv", kv},
    {"topic", topic},
    {"calls", calls},
    {"requests", requests},
    {"patch", patch},
    {"late", late},
    {"limit", limit},
    {"trace", trace},
    {NULL, NULL},
};
