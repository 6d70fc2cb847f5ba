/* What the helper promises beyond the vectors: code that breaks the rules is found, each run is told the
 * same, failures, shields, logs, limits. Without an engine. */
#include "host.h"

#include "check.h"

#include <stdarg.h>

/* ---- A fake engine: events go in one at a time ------------------------------------------------------------
 */

typedef struct script {
  host *host;
  int events, replayed;
  growing_text answer, failure; /* of the last turn */
  char *all;                    /* all actions so far */
} script;

static void turn(script *script, const char *format, ...) {
  growing_text request = {0};
  va_list arguments;
  int from = script->events;
  script->events++;
  text_format(&request,
              "{\"v\":1,\"turn\":1,\"instance\":\"i-1\",\"execution\":1,\"orchestration\":\"test\","
              "\"version\":\"1.0.0\","
              "\"from\":%d,\"replayed\":%d,\"kv\":[{\"key\":\"b\",\"value\":1,\"at\":5}],\"events\":[{\"id\":"
              "%d,\"at\":%d,",
              from, script->replayed, script->events, script->events * 1000);
  va_start(arguments, format);
  text_format_list(&request, format, arguments);
  va_end(arguments);
  text_add(&request, "}]}");
  text_clear(&script->answer);
  text_clear(&script->failure);
  host_answer(script->host, (dx_text){request.data, request.size}, &script->answer, &script->failure);
  text_free(&request);
}

static void start_with(script *script, dx_orch_fn run, dx_orch_options options) {
  memset(script, 0, sizeof *script);
  script->host = host_new(run, &options);
  turn(script, "\"kind\":\"OrchestrationStarted\",\"name\":\"test\",\"version\":\"1.0.0\",\"input\":7");
}

static void start(script *script, dx_orch_fn run) { start_with(script, run, (dx_orch_options){0}); }

static void completed(script *script, int action, const char *result) {
  turn(script, "\"kind\":\"ActivityCompleted\",\"action\":%d,\"result\":%s", action, result);
}

static void cancelled(script *script) {
  turn(script, "\"kind\":\"CancellationRequested\",\"reason\":\"enough\"");
}

static void done(script *script) {
  text_free(&script->answer);
  text_free(&script->failure);
  host_free(script->host);
}

/* The last answer, or the failure, has this in it. */
static void says(const script *script, const char *part, const char *name) {
  const char *said = script->failure.size > 0 ? script->failure.data : script->answer.data;
  check_that(said != NULL && strstr(said, part) != NULL, name, said == NULL ? "nothing was said" : said);
}

static void says_not(const script *script, const char *part, const char *name) {
  check_that(strstr(script->answer.data, part) == NULL, name, script->answer.data);
}

/* ---- The rules ------------------------------------------------------------------------------------------
 */

static void cleans_up_while_it_waits(dx_orch *o) {
  if (!dx_orch_run_activity(o, "charge", NULL, NULL, NULL)) (void)dx_orch_activity(o, "undo", NULL, NULL);
}

static void goes_on_after_a_failure(dx_orch *o) {
  if (!dx_orch_sleep(o, 1)) return;
  if (!dx_orch_await(o, dx_orch_activity(o, "", NULL, NULL), NULL)) dx_orch_complete(o, "1");
}

static void goes_on_after_the_end(dx_orch *o) {
  dx_orch_complete(o, "1");
  dx_orch_set_custom_status(o, "2");
}

static int runs;

static void takes_another_way(dx_orch *o) {
  if (!dx_orch_run_activity(o, ++runs == 1 ? "first" : "second", NULL, NULL, NULL)) return;
}

static void gets_shorter(dx_orch *o) {
  if (++runs > 1) return;
  if (!dx_orch_run_activity(o, "first", NULL, NULL, NULL)) return;
}

static void cancels_other_work(dx_orch *o) {
  dx_handle both[] = {dx_orch_activity(o, "a", NULL, NULL), dx_orch_activity(o, "b", NULL, NULL)};
  dx_orch_cancel(o, both[++runs % 2]);
  if (!dx_orch_sleep(o, 1)) return;
}

static void breaks_rules(void) {
  static const struct {
    const char *name;
    dx_orch_fn run;
    bool again;
    const char *says;
  } rows[] = {
      {"work after a wait that said false", cleans_up_while_it_waits, false,
       "called activity after a call that waits had said false"},
      {"the end while a failure passes", goes_on_after_a_failure, true,
       "called complete while a failure passes"},
      {"work after the end", goes_on_after_the_end, false, "called set_custom_status after the end"},
      {"another call than before", takes_another_way, true,
       "call 1 was activity 'first', and is activity 'second' now"},
      {"fewer calls than before", gets_shorter, true, "it returned after 0 calls, and had made 1"},
      {"cancels other work than before", cancels_other_work, true, "it cancels other work"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    script script;
    runs = 0;
    start(&script, rows[i].run);
    if (rows[i].again) {
      says_not(&script, "miss", rows[i].name);
      int action = rows[i].run == cancels_other_work ? 4 : 1;
      completed(&script, action, "1");
    }
    says(&script, rows[i].says, rows[i].name);
    says(&script, "perdure.ProtocolViolation", rows[i].name);
    done(&script);
  }
}

/* ---- Each run is told the same ----------------------------------------------------------------------------
 */

static char told[4][200];
static int told_count;

static void observes(dx_orch *o) {
  dx_handle a = dx_orch_activity(o, "a", NULL, NULL), b = dx_orch_activity(o, "b", NULL, NULL);
  dx_handle c = dx_orch_activity(o, "c", NULL, NULL);
  const char *kv = dx_orch_kv_get(o, "k");
  const char *guid = dx_orch_guid(o);
  int64_t first = dx_orch_now(o);
  char here[200] = "";
  if (!dx_orch_await(o, a, NULL)) return;
  snprintf(here, sizeof here, "%s %lld %lld b%d c%d %s %.3f %zu late%d", kv == NULL ? "none" : kv,
           (long long)first, (long long)dx_orch_now(o), dx_orch_is_done(o, b), dx_orch_is_done(o, c), guid,
           dx_orch_random(o), dx_orch_kv_count(o), dx_orch_should_continue_as_new(o));
  if (told_count < 4) memcpy(told[told_count++], here, sizeof here);
  dx_orch_kv_set(o, "k", "2");
  dx_orch_cancel(o, c);
  if (!dx_orch_is_done(o, c)) dx_orch_fail(o, "Test", "a cancelled handle is not done");
  if (!dx_orch_await(o, b, NULL) || !dx_orch_sleep(o, 5)) return;
}

static void tells_the_same(void) {
  script script;
  start(&script, observes);
  completed(&script, 1, "1");
  says(&script, "\"kind\":\"SetKV\",\"key\":\"k\",\"value\":2", "a first run sets");
  completed(&script, 2, "2");
  says_not(&script, "SetKV", "a second run does not set again");
  turn(&script, "\"late\":true,\"kind\":\"TimerFired\",\"action\":6");
  says(&script, "\"end\":{\"after\":4,\"kind\":\"Completed\",\"output\":null}",
       "a function that returns completes with null");
  check_that(told_count == 3 && strcmp(told[0], told[1]) == 0 && strcmp(told[0], told[2]) == 0,
             "each run is told what the first was told", told[1]);
  check_that(strstr(told[0], "none 1000 2000 b0 c0 ") == told[0],
             "time, state and answers are those of the place", told[0]);
  done(&script);
}

/* ---- Cancellation ---------------------------------------------------------------------------------------
 */

static void shields(dx_orch *o) {
  dx_handle both[] = {dx_orch_shield(o, dx_orch_activity(o, "kept", NULL, NULL)),
                      dx_orch_activity(o, "given up", NULL, NULL)};
  dx_failure failure;
  const char *result;
  if (!dx_orch_all(o, both, 2)) {
    if (!dx_orch_catch(o, &failure)) return;
    if (!dx_orch_await(o, both[0], &result)) return;
    dx_orch_log(o, "info", "kept: %s", result);
    dx_orch_raise(o, &failure);
  }
}

static void gives_up(dx_orch *o) {
  dx_handle work = dx_orch_activity(o, "work", NULL, NULL);
  dx_orch_cancel(o, work);
  dx_orch_cancel(o, work);
  if (!dx_orch_await(o, work, NULL)) return;
}

static void cancels(void) {
  script script;
  start(&script, shields);
  cancelled(&script);
  says(&script, "\"actions\":[{\"id\":3,\"after\":2,\"kind\":\"Cancel\",\"target\":2}],\"retained\":true",
       "a shield keeps work");
  cancelled(&script);
  says(&script, "\"actions\":[],\"retained\":true", "another cancellation is ignored");
  completed(&script, 1, "41");
  says(&script, "kept: 41", "and its result comes");
  says(&script, "\"end\":{\"after\":4,\"kind\":\"Cancelled\"}", "then the cancellation passes");
  done(&script);

  start(&script, gives_up);
  says(&script,
       "\"kind\":\"Cancel\",\"target\":1}],\"end\":{\"after\":1,\"kind\":\"Failed\",\"failure\":{\"type\":"
       "\"perdure.Cancelled\"",
       "work that the code gave up itself fails it");
  done(&script);
}

/* ---- Failures and refusals ------------------------------------------------------------------------------
 */

static const char *refused_kind;

static void refused(dx_orch *o) {
  const dx_retry bad = {.backoff = "random"};
  const char *kind = refused_kind;
  char large[300];
  size_t winner;
  memset(large, 'x', sizeof large - 1);
  large[sizeof large - 1] = '\0';
  if (strcmp(kind, "json") == 0) (void)dx_orch_activity(o, "a", "{\"a\":}", NULL);
  if (strcmp(kind, "null name") == 0) (void)dx_orch_wait_for_event(o, NULL);
  if (strcmp(kind, "long name") == 0) (void)dx_orch_dequeue(o, large);
  if (strcmp(kind, "not utf-8") == 0) (void)dx_orch_wait_for_topic(o, "\xff");
  if (strcmp(kind, "backoff") == 0)
    (void)dx_orch_activity(o, "a", NULL, &(dx_activity_options){.retry = &bad});
  if (strcmp(kind, "priority") == 0)
    (void)dx_orch_activity(o, "a", NULL, &(dx_activity_options){.priority = 1001});
  if (strcmp(kind, "policy") == 0)
    (void)dx_orch_sub_orchestration(o, "a", NULL, &(dx_child_options){.close_policy = "x"});
  if (strcmp(kind, "pending") == 0) {
    for (int i = 0; i < 4; i++) (void)dx_orch_timer(o, 1);
  }
  if (strcmp(kind, "keys") == 0) dx_orch_kv_set(o, "a", "1"), dx_orch_kv_set(o, "c", "1");
  if (strcmp(kind, "handle") == 0 && !dx_orch_await(o, (dx_handle){99}, NULL)) return;
  if (strcmp(kind, "nothing") == 0 && !dx_orch_any(o, NULL, 0, &winner)) return;
  if (strcmp(kind, "output") == 0) dx_orch_complete(o, "{");
  if (strcmp(kind, "continue") == 0) dx_orch_continue_as_new(o, "nul", NULL);
  if (strcmp(kind, "metric") == 0) dx_orch_metric(o, "m", "sum", 1, NULL);
  if (strcmp(kind, "answer") == 0) dx_orch_answer(o, dx_orch_wait_for_call(o, "c"), "1");
  if (strcmp(kind, "status") == 0) dx_orch_set_custom_status(o, "[1,]");
  if (strcmp(kind, "patch") == 0) (void)dx_orch_patched(o, "");
  if (strcmp(kind, "query") == 0) dx_orch_on_query(o, "q", NULL, NULL);
  if (!dx_orch_sleep(o, 1)) return; /* is never begun */
}

static void refuses(void) {
  static const char *const rows[][2] = {
      {"json", "The input of activity 'a' is not JSON: no JSON value, at byte 5 of"},
      {"null name", "The name of the event is empty."},
      {"long name", "The name of the queue has 299 bytes; the limit is 256."},
      {"not utf-8", "The name of the topic is not UTF-8."},
      {"backoff", "The backoff of activity 'a' is 'random'"},
      {"priority", "priority of activity 'a' is 1001; it must be within -1000 and 1000."},
      {"policy", "The close_policy is 'x'"},
      {"pending", "3 actions are pending; the limit is 3 per instance."},
      {"keys", "2 keys are set; the limit is 2 per instance."},
      {"handle", "await was given a handle (99) that is none of work of this run."},
      {"nothing", "any was given nothing to wait for"},
      {"output", "The result of orchestration 'test' is not JSON: it ends in the middle"},
      {"continue", "The input of continue_as_new is not JSON"},
      {"metric", "The kind of metric 'm' is 'sum'"},
      {"answer", "Only a call that came"},
      {"status", "The custom status is not JSON: no JSON value, at byte 3"},
      {"patch", "The id of a patch has 1 to 256 bytes."},
      {"query", "A query has a name of 1 to 256 bytes, and a handler."},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    script script;
    refused_kind = rows[i][0];
    start_with(&script, refused, (dx_orch_options){.limits = {.kv_keys = 2, .pending_actions = 3}});
    says(&script, rows[i][1], rows[i][0]);
    says(&script, "\"kind\":\"Failed\"", rows[i][0]);
    done(&script);
  }
}

static void catches(dx_orch *o) {
  dx_failure failure;
  if (dx_orch_catch(o, &failure)) dx_orch_fail(o, "Test", "there was nothing to catch");
  if (!dx_orch_run_activity(o, "a", NULL, NULL, NULL)) {
    if (!dx_orch_catch(o, &failure)) return;
    dx_orch_set_custom_status(
        o, dx_orch_format(o, "[%s,%s,%s,%d]", dx_orch_quote(o, failure.type),
                          dx_orch_quote(o, failure.message), failure.details, failure.non_retryable));
    if (!dx_orch_sleep(o, 1)) return;
    dx_orch_raise(o, &failure);
  }
}

static void passes_failures(void) {
  script script;
  start(&script, catches);
  turn(&script,
       "\"kind\":\"ActivityFailed\",\"action\":1,\"failure\":{\"type\":\"T\\u00e4\",\"message\":\"m "
       "\\\"q\\\"\","
       "\"details\":{\"n\":12345678901234567890},\"nonRetryable\":true,\"stack\":\"s\"}");
  says(&script, "\"status\":[\"T\xc3\xa4\",\"m \\\"q\\\"\",{\"n\":12345678901234567890},1]",
       "a failure is read");
  turn(&script, "\"kind\":\"TimerFired\",\"action\":3");
  says(&script,
       "\"failure\":{\"type\":\"T\\u00e4\",\"message\":\"m "
       "\\\"q\\\"\",\"details\":{\"n\":12345678901234567890},"
       "\"nonRetryable\":true,\"stack\":\"s\"}",
       "and raised as it was");
  done(&script);
}

/* ---- Logs, metrics, queries
 * --------------------------------------------------------------------------------- */

static void logs(dx_orch *o) {
  dx_orch_log(o, "info", "begun %d", 1);
  dx_orch_metric(o, "sales", "counter", 0.1, "{\"shop\":\"1\"}");
  if (!dx_orch_sleep(o, 1)) return;
  dx_orch_log(o, "warn", "woken");
  if (!dx_orch_sleep(o, 1)) return;
}

static void logs_once(void) {
  script script;
  start(&script, logs);
  says(&script, "\"logs\":[{\"level\":\"info\",\"message\":\"begun 1\"}]", "a log line is told");
  says(
      &script,
      "\"metrics\":[{\"name\":\"sales\",\"kind\":\"counter\",\"value\":0.1,\"attributes\":{\"shop\":\"1\"}}]",
      "so is a metric");
  turn(&script, "\"kind\":\"TimerFired\",\"action\":1");
  says_not(&script, "begun", "once");
  says(&script, "\"logs\":[{\"level\":\"warn\",\"message\":\"woken\"}]",
       "and the next one when it is reached");
  script.events = 0;
  script.replayed = 1;
  turn(&script, "\"kind\":\"OrchestrationStarted\",\"input\":1");
  says_not(&script, "logs", "a replay tells nothing");
  done(&script);
}

int main(void) {
  breaks_rules();
  tells_the_same();
  cancels();
  refuses();
  passes_failures();
  logs_once();
  return checks_done();
}
