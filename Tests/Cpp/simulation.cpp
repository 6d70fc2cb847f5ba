/// Simulations: schedules of crashes, repeated attempts and delays, and what is found by them.
#include <dx_testing.hpp>

#include <sstream>

#include "check.hpp"

namespace {

using namespace std::chrono_literals;
using perdure::ActivityContext;
using perdure::Definitions;
using perdure::in_turn;
using perdure::Json;
using perdure::Schedule;
using perdure::simulate;
using perdure::Simulation;
using perdure::SimulationReport;
using perdure::Task;
using perdure::World;
using Context = perdure::OrchestrationContext;

Task<std::string> chain(Context &ctx, std::string value) {
  auto first = co_await ctx.activity<std::string>("first", value);
  co_return co_await ctx.activity<std::string>("second", first);
}

Task<Json> patient(Context &ctx) { co_return co_await ctx.wait_for_event("go"); }

std::string same_again(std::string value) { return value; }

Definitions chained_code() {
  Definitions code;
  code.orchestration("chain", chain).activity("first", same_again).activity("second", same_again);
  return code;
}

void chained(Simulation &run) {
  run.add(chained_code());
  run.start("chain", "a", {.instance = "c-1"});
  run.check("it has its result", [](const World &end) { return end.instance("c-1").output == "a"; });
}

void waiting(Simulation &run) {
  run.orchestration("patient", patient);
  run.start("patient", nullptr, {.instance = "p-1"});
}

/// The failure of a report, which must have one.
perdure::SimulationFailure failure_of(const SimulationReport &report) {
  is_true(!report.ok(), "nothing was found: " + report.str());
  return *report.failure;
}

void is_ok(const SimulationReport &report) { is_true(report.ok(), report.str()); }

void holds_and_fails() {
  test("what is right passes, and every kind of run is made", [] {
    auto report = simulate(chained, {.seeds = 50});
    is_ok(report);
    report.throw_if_failed();
    // Start and three turns, before and after; two attempts; the quiet run and the one that replays.
    same(std::vector<std::int64_t>{report.points, report.seeds, report.runs}, Json::array(10, 50, 62));
    is_true(report.str().ends_with("all is well"), report.str());
  });
  auto twice = [](Simulation &run) {
    auto &calls = run.state<int>(0);
    run.add(chained_code());
    run.activity("first", [&calls](std::string value) { return calls++, value; });
    run.start("chain", "a", {.instance = "c-1"});
    run.check("first runs once", [&calls] { return calls == 1; });
  };
  test("an attempt that is repeated is found, and its schedule finds it again", [&] {
    auto report = simulate(twice, {.seeds = 0});
    auto failure = failure_of(report);
    same(failure.invariant, "first runs once");
    same(failure.message, "it does not hold");
    is_true(!failure.seed && !failure.error, "it has a seed, or an error");
    same(failure.schedule, Json::object("first 1 of c-1, attempt 1", "lost"));
    same(failure.lines.size(), 1);
    same(failure.histories.size(), 1);
    same(failure.histories.at("c-1").size(), 6);
    contains(failure.histories.at("c-1")[1], "ActivityScheduled action=1 name=\"first\" input=\"a\"");
    same(failure.reproduce(),
         "perdure::simulate(scenario, {.schedule = perdure::Schedule{{\"first 1 of c-1, attempt 1\", "
         "\"lost\"}}})");
    auto again = simulate(twice, {.schedule = Schedule{{"first 1 of c-1, attempt 1", "lost"}}});
    same(failure_of(again).schedule, failure.schedule);
    is_ok(simulate(twice, {.schedule = Schedule{}}));
    try {
      report.throw_if_failed();
      throw Broken("it does not throw");
    } catch (const perdure::SimulationFailed &failed) {
      contains(failed.what(), "first runs once");
      same(failed.report().failure->invariant, failure.invariant);
    }
    std::ostringstream text;
    text << report;
    contains(text.str(),
             "The shortest schedule:\n  first 1 of c-1, attempt 1: it runs, and the process dies");
  });
  test("an invariant that throws fails with what it threw", [] {
    auto failure = failure_of(simulate([](Simulation &run) {
      chained(run);
      run.check("b comes out", [](const World &) { throw std::logic_error("it is not b"); });
    }));
    same(failure.message, "std::logic_error: it is not b");
    thrown<std::logic_error>([&] { std::rethrow_exception(failure.error); });
  });
  test("invariants are looked at after every commit, and at the end", [] {
    std::vector<std::string> seen;
    is_ok(simulate(
        [&](Simulation &run) {
          chained(run);
          run.always("it is there",
                     [&](const World &world) { seen.push_back(world.instance("c-1").status); });
          run.check("it has a history", [](const World &end) { return end.history("c-1").size() == 6; });
        },
        {.schedule = Schedule{}}));
    // The start, three turns, and the end of the run.
    same(seen, Json::array("Pending", "Running", "Running", "Completed", "Completed"));
    auto failure = failure_of(simulate([](Simulation &run) {
      chained(run);
      run.always("it never ends", [](const World &world) { return !world.instance("c-1").is_ended(); });
    }));
    same(failure.invariant, "it never ends");
    is_true(failure.schedule.empty(), "something had to go wrong for it");
    contains(failure.str(), "Found without any chance. The shortest schedule:\n  (nothing goes wrong)\n");
  });
  test("an instance that waits for ever fails by itself, unless it may", [] {
    auto failure = failure_of(simulate(waiting));
    same(failure.invariant, "every instance ends");
    same(failure.message, "'p-1' waits for event 'go'");
    for (bool named : {true, false}) {
      is_ok(simulate(
          [named](Simulation &run) {
            waiting(run);
            named ? run.may_wait("p-1") : run.may_wait();
            run.check("it says for what",
                      [](const World &end) { same(end.waits("p-1"), Json::array("event 'go'")); });
          },
          {.seeds = 5}));
    }
  });
  test("a run that never rests is broken off", [] {
    auto restless = [](Simulation &run) {
      run.orchestration("restless", [](Context &ctx) -> Task<void> {
        while (true) co_await ctx.sleep(1min);
      });
      run.start("restless", nullptr, {.instance = "r-1"});
    };
    for (auto &options : {perdure::SimulateOptions{.max_steps = 100}, {.max_time = 1h}}) {
      auto failure = failure_of(simulate(restless, options));
      is_true(failure.message.starts_with("it goes on after"), failure.message);
      contains(failure.message, "'r-1' waits for a timer");
    }
  });
}

/// An order that two decisions race for: a time limit is around what follows the payment, too.
Task<bool> paid(Context &ctx) {
  auto payment = co_await ctx.wait_for_event<std::string>("payment");
  co_await ctx.activity("record", payment);
  co_return true;
}

Task<bool> racing_invoice(Context &ctx) {
  auto in_time = co_await ctx.wait_for(paid(ctx), 10s);
  if (in_time) co_return true;
  co_await ctx.activity("remind");
  co_return co_await paid(ctx);
}

void planted_bugs() {
  test("code that differs from its history is found by replaying, without any seed", [] {
    int turns = 0;
    auto failure = failure_of(simulate(
        [&turns](Simulation &run) {
          run.add(chained_code());
          run.orchestration("fickle", [&turns](Context &ctx) -> Task<void> {
            turns++;
            co_await ctx.activity(turns % 2 ? "first" : "second", "x");
          });
          run.start("fickle");
        },
        {.seeds = 0}));
    same(failure.invariant, "no instance is quarantined");
    contains(failure.message, "perdure.Nondeterminism");
    contains(failure.message, "'fickle-1'");
  });
  auto invoice = [](Simulation &run) {
    auto &ledger = run.state<std::set<std::string>>();
    run.orchestration("invoice", racing_invoice);
    run.activity("record", [&ledger](std::string payment) { ledger.insert(payment); });
    run.activity("remind", nullptr);
    run.start("invoice", nullptr, {.instance = "i-1"});
    run.event("i-1", "payment", "p-1", {.after = 5s});
    run.check("the payment is recorded", [&ledger] { return ledger.contains("p-1"); });
  };
  test("a message that races with a timer is lost within 300 seeds, and its seed finds it again", [&] {
    auto report = simulate(invoice);
    auto failure = failure_of(report);
    is_true(failure.seed.has_value(), "it took no chance");
    is_true(report.seeds <= 300 && *failure.seed == report.seeds, "it took " + std::to_string(report.seeds));
    same(failure.invariant, "every instance ends");
    contains(failure.message, "'i-1' waits for event 'payment'");
    is_true(failure.schedule.size() <= 2, "its schedule is not short: " + failure.str());
    auto again = failure_of(simulate(invoice, {.seed = failure.seed}));
    same(again.schedule, failure.schedule);
    same(again.str(), failure.str());
    contains(again.str(), "Found with seed " + std::to_string(*failure.seed));
    same(failure_of(simulate(invoice, {.schedule = failure.schedule})).invariant, failure.invariant);
  });
  test("a failure of many decisions becomes short, and its delay the smallest that fails", [] {
    auto scenario = [](Simulation &run) {
      waiting(run);
      run.event("p-1", "go", nullptr, {.after = 1s});
      run.check("it is quick", [](const World &end) { return end.elapsed < 3s; });
    };
    auto failure = failure_of(simulate(scenario));
    is_true(failure.seed.has_value(), "it took no chance");
    same(failure.schedule.size(), 1);
    auto &[name, delay] = *failure.schedule.begin();
    auto ms = delay.as<std::int64_t>();
    is_true(ms >= 1'900 && ms <= 3'000, "the delay is " + std::to_string(ms));
    is_ok(simulate(scenario, {.schedule = Schedule{{name, ms - 1}}}));
  });
}

void seeds() {
  test("one seed gives one run, and seeds differ", [] {
    std::set<std::string> traces;
    for (int seed = 1; seed <= 40; seed++) {
      auto cancelled = [](Simulation &run) {
        run.add(chained_code());
        run.start("chain", "a", {.instance = "c-1"});
        run.cancel("c-1", "enough", {.after = 20ms});
      };
      auto one = simulate(cancelled, {.seed = seed, .fail_activities = true});
      auto two = simulate(cancelled, {.seed = seed, .fail_activities = true});
      is_true(!one.trace.empty(), "there is no trace");
      same(one.trace, two.trace);
      same(one.ok(), two.ok());
      traces.insert(one.trace);
    }
    is_true(traces.size() > 15, "there are " + std::to_string(traces.size()) + " different runs");
  });
  test("failures are injected only when asked for", [] {
    is_ok(simulate(chained, {.seeds = 30}));
    auto failure = failure_of(simulate(chained, {.seeds = 30, .fail_activities = true}));
    for (auto &each : failure.schedule) {
      is_true(each.second == "fails" || each.second == "failsLate", each.second.dump());
    }
    contains(failure.str(), "perdure.Injected");
  });
}

void activities() {
  test("an attempt sees what a real one sees, and may end elsewhere", [] {
    is_ok(simulate(
        [](Simulation &run) {
          run.orchestration(
              "ask", [](Context &ctx) -> Task<Json> { co_return co_await ctx.activity("later", "a"); });
          run.activity("later", [&run](ActivityContext &ctx, std::string value) {
            same(ctx.idempotency_key(), "ask-1/1/1");
            is_true(ctx.attempt() >= 1 && !ctx.is_cancelled() && !ctx.stop_token().stop_requested(),
                    "the attempt");
            same(ctx.last_heartbeat<int>().value_or(7), 7);
            contains(thrown<perdure::Unsupported>([&] { ctx.client(); }),
                     "In a simulation there is no client");
            ctx.heartbeat(7);
            run.complete_activity(ctx.token(), value + "!", {.after = 3s});
            ctx.defer();
          });
          same(run.start("ask"), "ask-1");
          run.check("it has its result",
                    [](const World &end) { return end.instance("ask-1").output == "a!"; });
        },
        {.seeds = 100}));
  });
  test("stubs are those of a test environment", [] {
    is_ok(simulate(
        [](Simulation &run) {
          run.orchestration("tries", [](Context &ctx) -> Task<int> {
            auto retry = perdure::ActivityOptions().retry(perdure::RetryPolicy().max_attempts(5));
            co_return co_await ctx.activity<int>("shaky", 1, retry);
          });
          auto third = [](int value) { return value + 1; };
          run.activity("shaky", in_turn(std::runtime_error("once"), perdure::Failure("Twice"), third));
          run.start("tries");
          run.check("the third succeeds",
                    [](const World &end) { return end.instance("tries-1").output == 2; });
        },
        {.schedule = Schedule{}}));
  });
  test("a stub that fails fails its orchestration, and the failure is seen", [] {
    is_ok(simulate(
        [](Simulation &run) {
          run.add(chained_code());
          run.activity("second", perdure::Fault("closed", {.type = "Closed", .non_retryable = true}));
          run.start("chain", "a", {.instance = "c-1"});
          run.check("it failed", [](const World &end) {
            auto found = end.instance("c-1");
            same(found.status, "Failed");
            same(found.failure.value_or(perdure::Failure()).str(), "Closed: closed");
          });
        },
        {.seeds = 20}));
  });
  test("a deferred attempt may fail elsewhere, and time is skipped until then", [] {
    is_ok(simulate(
        [](Simulation &run) {
          run.add(chained_code());
          run.activity("first", [&run](ActivityContext &ctx) {
            run.fail_activity(ctx.token(), perdure::Failure("Elsewhere", "no"), {.after = 24h * 30});
            ctx.defer();
          });
          run.start("chain", "a", {.instance = "c-1"});
          run.check("a month later it failed", [](const World &end) {
            same(end.instance("c-1").status, "Failed");
            is_true(end.elapsed >= 24h * 30, "no time has passed");
          });
        },
        {.schedule = Schedule{}}));
  });
}

Task<Json> hub(Context &ctx) {
  ctx.subscribe("news");
  ctx.kv.set("seen", true);
  ctx.on_call("add", [](int value) { return value; });
  Json got = Json::array();
  got.push(co_await ctx.wait_for_event("e"));
  got.push(co_await ctx.dequeue("q"));
  got.push(co_await ctx.wait_for_topic("news"));
  co_await ctx.sub_orchestration("chain", "x", perdure::ChildOptions().instance("kid"));
  co_return got;
}

void outside() {
  test("all that comes from outside", [] {
    is_ok(simulate(
        [](Simulation &run) {
          run.add(chained_code()).orchestration("hub", hub).orchestration("patient", patient);
          run.start("hub", nullptr, {.instance = "h-1"});
          run.start("patient", nullptr, {.instance = "t-1"}, {.after = 1s});
          run.event("h-1", "e", 1, {.after = 10s});
          run.enqueue("h-1", "q", 2, {.after = 20s});
          run.publish("news", 3, {.after = 30s});
          run.call("h-1", "add", 4, {.after = 5s});
          run.suspend("h-1", "a pause", {.after = 6s});
          run.resume("h-1", "", {.after = 8s});
          run.terminate("t-1", "enough", {.after = 9s});
          int refused = run.event("nobody", "e");
          int early = run.event("later", "go", "kept", {.keep = true});
          run.start("patient", nullptr, {.instance = "later"}, {.after = 1min});
          run.check("all came", [refused, early](const World &end) {
            same(end.instance("h-1").output, Json::array(1, 2, 3));
            same(end.instance("kid").status, "Completed");
            same(end.instance("t-1").status, "Terminated");
            same(end.instance("later").output, "kept");
            same(end.kv("h-1"), Json::object("seen", true));
            same(end.refused.at(refused), "there is no such instance");
            is_true(!end.refused.contains(early), "what was to be kept was refused");
            same(end.instances().size(), 4);
            is_true(end.elapsed >= 1min, "no time has passed");
            contains(thrown<perdure::NotFound>([&] { end.instance("nobody"); }), "no instance 'nobody'");
          });
        },
        {.schedule = Schedule{}}));
  });
  test("what makes no sense is refused", [] {
    auto refused = [](const perdure::SimulateOptions &options) {
      return thrown<perdure::InvalidArgument>([&] { simulate(chained, options); });
    };
    contains(refused({.seeds = -1}), "seeds must be a whole number from 0 to 10000000, not -1");
    contains(refused({.seed = -1}), "seed must be a whole number");
    contains(refused({.max_steps = 0}), "max_steps must be a whole number from 1");
    contains(refused({.max_time = 0ms}), "max_time must be from 1");
    contains(refused({.schedule = Schedule{{"x", "sing"}}}), "schedule");
    contains(refused({.seed = 1, .schedule = Schedule{}}), "Give seed or schedule, not both");
    contains(thrown<perdure::InvalidArgument>([] { simulate(perdure::Scenario()); }),
             "A scenario is a function");
  });
  test("a scenario that makes no sense is refused", [] {
    auto refused = [](const perdure::Scenario &scenario) {
      return thrown<perdure::InvalidArgument>([&] { simulate(scenario); });
    };
    refused([](Simulation &run) { run.complete_activity("nonsense"); });
    contains(refused([](Simulation &run) { run.start("chain", "a", {}, {.after = -1ms}); }),
             "after must be from 0");
    contains(refused([](Simulation &run) { run.event("i", "e", std::nan("")); }), "The value");
    thrown<perdure::AlreadyExists>(
        [] { simulate([](Simulation &run) { run.add(chained_code()).orchestration("chain", chain); }); });
    thrown<std::domain_error>([] { simulate([](Simulation &) { throw std::domain_error("its own"); }); });
  });
  test("orchestrations cannot simulate", [] {
    auto failure = failure_of(simulate([](Simulation &run) {
      run.orchestration("nested", [](Context &) -> Task<void> {
        simulate(chained);
        co_return;
      });
      run.start("nested");
      run.check("it failed", [](const World &end) { return end.instance("nested-1").status == "Completed"; });
    }));
    contains(failure.histories.at("nested-1").back(), "WrongStatus");
  });
}

}  // namespace

int main() {
  holds_and_fails();
  planted_bugs();
  seeds();
  activities();
  outside();
  return finish();
}
