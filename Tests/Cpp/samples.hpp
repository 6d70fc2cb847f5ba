/// The sample orchestrations of docs/wire-format.md, which the turn vectors run in every language.
#ifndef PERDURE_TESTS_SAMPLES_HPP
#define PERDURE_TESTS_SAMPLES_HPP

#include "perdure/turns.hpp"

namespace samples {

using namespace std::chrono_literals;
using perdure::Handle;
using perdure::Json;
using perdure::Task;
using Context = perdure::OrchestrationContext;

inline Task<Json> sequence(Context &ctx, Json value) {
  co_return co_await ctx.activity("B", co_await ctx.activity("A", value));
}

inline Task<std::vector<Json>> fan_out(Context &ctx) {
  std::vector<Handle<Json>> work;
  for (int item = 0; item < 3; item++) work.push_back(ctx.activity("work", item));
  co_return co_await perdure::all(std::move(work));
}

inline Task<Json> race(Context &ctx) {
  auto first = co_await perdure::race(ctx.wait_for_event("go"), ctx.timer(1s));
  if (first.index() == 1) co_return Json::object("winner", "timer");
  co_return Json::object("winner", "event", "data", std::get<0>(first));
}

inline Task<std::string> timer(Context &ctx) {
  co_await ctx.sleep(500ms);
  co_return "done";
}

inline Task<Json> early_event(Context &ctx) {
  co_await ctx.sleep(1s);
  co_return co_await ctx.wait_for_event("go");
}

inline Task<std::vector<Json>> queue(Context &ctx) {
  std::vector<Json> both;
  for (int i = 0; i < 2; i++) both.push_back(co_await ctx.dequeue("q"));
  co_return both;
}

inline Task<Json> child(Context &ctx) {
  try {
    co_return co_await ctx.sub_orchestration("kid", Json::object("n", 1));
  } catch (const perdure::SubOrchestrationFailed &error) {
    co_return Json::object("failed", error.type());
  }
}

inline Task<Json> retry(Context &ctx, Json value) {
  for (int attempt = 1;; attempt++) {
    try {
      co_return co_await ctx.activity("flaky", value);
    } catch (const perdure::ActivityFailed &) {
      if (attempt == 3) throw;
    }
  }
}

inline Task<int> continue_as_new(Context &ctx, int n) {
  if (n < 3) ctx.continue_as_new(n + 1);
  co_return n;
}

inline Task<void> cancel_cleanup(Context &ctx, Json value) {
  auto steps = [](Context &context, Json input) -> Task<void> {
    co_await context.activity("step", input);
    co_await context.wait_for_event("never");
  };
  auto done = co_await perdure::attempt(steps(ctx, value));
  if (done.is_cancelled()) co_await ctx.activity("undo");
  done.rethrow();
}

inline Task<Json> retry_policy(Context &ctx, Json value) {
  auto policy = perdure::RetryPolicy()
                    .max_attempts(5)
                    .backoff(perdure::Backoff::linear)
                    .initial_interval(200ms)
                    .coefficient(1.5)
                    .max_interval(5s)
                    .jitter(0.1)
                    .non_retryable("Declined");
  co_return co_await ctx.activity("flaky", value,
                                  perdure::ActivityOptions()
                                      .retry(policy)
                                      .schedule_to_start(60s)
                                      .start_to_close(10s)
                                      .schedule_to_close(120s)
                                      .heartbeat(2500ms)
                                      .tag("gpu")
                                      .session("s-1")
                                      .priority(5));
}

inline Task<Json> kv(Context &ctx, Json value) {
  ctx.kv.set("n", ctx.kv.get("n", 0) + 1);
  ctx.kv.set("tmp", value);
  ctx.kv.clear("tmp");
  co_await ctx.sleep(1s);
  ctx.kv.set("late", true);
  auto pruned = ctx.kv.prune_before(ctx.now() - 500ms);
  auto keys = ctx.kv.keys();
  auto other = co_await ctx.read_kv("other", "n");
  co_return Json::object("pruned", pruned, "keys", Json::of(keys), "other", other.value_or(Json()));
}

inline Task<Json> topic(Context &ctx) {
  ctx.subscribe("news");
  Json news = co_await ctx.wait_for_topic("news");
  ctx.publish("echo", news);
  ctx.unsubscribe("news");
  co_return news;
}

inline Task<std::int64_t> calls(Context &ctx) {
  std::int64_t total = 0;
  ctx.on_call(
      "add", [&total](std::int64_t number) { return total += number; },
      [](Json number) {
        if (!number.is_number()) throw std::invalid_argument("not a number");
      });
  ctx.on_call("work", [&ctx](Json value) { return ctx.activity("work", value); });
  ctx.on_query("total", [&total](Json) { return total; });
  co_await ctx.wait_for_event("stop");
  co_return total;
}

inline Task<Json> requests(Context &ctx, Json value) {
  try {
    co_await ctx.raise_event("a", "go", value, true);
    co_await ctx.enqueue("b", "q", 1);
    co_await ctx.cancel_instance("c", "enough");
  } catch (const perdure::MessageRefused &error) {
    co_return Json::object("refused", error.type());
  }
  co_return "sent";
}

inline Task<Json> patch(Context &ctx, Json value) {
  ctx.deprecate_patch("p0");
  Json result = co_await ctx.activity(ctx.patched("p1") ? "new" : "old", value);
  if (ctx.patched("p1")) result = co_await ctx.activity("more", result);
  co_return result;
}

inline Task<int> late(Context &ctx, int count) {
  while (true) {
    Json message = co_await ctx.dequeue("q");
    if (message == "stop") co_return count;
    count++;
    if (ctx.should_continue_as_new()) ctx.continue_as_new(count);
  }
}

inline Task<std::vector<std::string>> limit(Context &ctx) {
  std::string text(262'144, 'x');
  std::vector<std::string> types;
  auto breach = [&](auto body) {
    auto outcome = perdure::attempt(body);
    if (!outcome) types.push_back(outcome.failure().type);
  };
  breach([&] { return ctx.activity("").action(); });
  breach([&] { ctx.set_custom_status(text); });
  breach([&] { ctx.kv.set("k", text); });
  co_return types;
}

inline Task<Json> trace(Context &ctx) {
  auto own = ctx.traceparent();
  Json result = co_await ctx.activity("call", std::tuple(own, ctx.tracestate()));
  co_return Json::array(Json::of(own), result);
}

/// Gives all of them to `add(name, function)`.
template <class Add>
void each(Add add) {
  add("sequence", sequence), add("fan-out", fan_out), add("race", race), add("timer", timer);
  add("early-event", early_event), add("queue", queue), add("child", child), add("retry", retry);
  add("continue-as-new", continue_as_new), add("cancel-cleanup", cancel_cleanup);
  add("retry-policy", retry_policy), add("kv", kv), add("topic", topic), add("calls", calls);
  add("requests", requests), add("patch", patch), add("late", late), add("limit", limit), add("trace", trace);
}

}  // namespace samples

#endif  // PERDURE_TESTS_SAMPLES_HPP
