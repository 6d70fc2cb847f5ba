/// Tests as users write them: virtual time, stubs, a restart; in memory and on files; recorded histories.
///
///     testing FOLDER
#include <dx_testing.hpp>

#include <filesystem>
#include <fstream>
#include <future>

#include "check.hpp"

namespace {

using namespace std::chrono_literals;
using perdure::ActivityContext;
using perdure::ActivityOptions;
using perdure::Definitions;
using perdure::in_turn;
using perdure::Json;
using perdure::RetryPolicy;
using perdure::Stub;
using perdure::Task;
using perdure::TestEnvironment;
using perdure::Time;
using Context = perdure::OrchestrationContext;

const Time start{std::chrono::milliseconds(1'767'225'600'000)};
constexpr auto day = 24h, month = 30 * day;

std::filesystem::path folder;

struct Order {
  std::string item;
  int price = 0;
  static void fields(auto &order, auto visit) {
    visit("item", order.item);
    visit("price", order.price);
  }
};

struct Declined : std::runtime_error {
  using std::runtime_error::runtime_error;
};

const perdure::Activity<Json(Order)> charge{"charge"};
const perdure::Orchestration<int(Order)> subscription{"subscription"};
const perdure::Orchestration<Json(Order)> once{"once"};
const Order book{"book", 5};

Task<int> a_year(Context &ctx, Order order) {
  for (int at = 0; at < 12; at++) {
    co_await ctx.activity(charge, order);
    co_await ctx.sleep(month);
  }
  co_return 12;
}

Task<std::string> approval(Context &ctx) {
  auto decision = co_await ctx.wait_for(ctx.wait_for_event<std::string>("decision"), 3 * day);
  co_return decision ? "decided: " + *decision : "nobody decided";
}

Task<Json> charge_once(Context &ctx, Order order) { co_return co_await ctx.activity(charge, order); }

/// Calls an activity of another program, in a way that the input says.
Task<Json> remote(Context &ctx, std::string way) {
  auto retry = RetryPolicy().backoff(perdure::Backoff::fixed).initial_interval(day).max_interval(day);
  auto options = ActivityOptions().retry(retry).start_to_close(1h);
  if (way == "tag") options.tag("gpu");
  if (way == "session") options.session("s");
  co_return co_await ctx.activity("elsewhere", 5, options);
}

Definitions all() {
  Definitions code;
  code.orchestration(subscription, a_year).orchestration("approval", approval);
  code.orchestration(once, charge_once).orchestration("remote", remote);
  code.activity(charge, [](Order) -> Json { throw Declined("a test must not charge anybody"); });
  return code;
}

std::vector<Time> times(const std::vector<perdure::ActivityCall> &calls) {
  std::vector<Time> found;
  for (auto &call : calls) found.push_back(call.at);
  return found;
}

std::vector<Time> each_month(int first, int last) {
  std::vector<Time> found;
  for (int at = first; at <= last; at++) found.push_back(start + month * at);
  return found;
}

void time_and_messages() {
  for (std::string url : {std::string("memory:"), "sqlite:" + (folder / "year.sqlite").string()}) {
    test("a year passes at once, on " + url.substr(0, 6), [&] {
      TestEnvironment env(all(), {.stubs = {{"charge", "paid"}}, .store = url});
      is_true(env.now() == start, "it begins elsewhere");
      same(env.run(subscription, book), 12);
      auto calls = env.calls(charge);
      is_true(times(calls) == each_month(0, 11), "the calls came at other times");
      std::set<std::string> keys;
      for (auto &call : calls) keys.insert(call.key), same(call.attempt, 1);
      same(keys.size(), 12);
      same(calls[0].input["item"], "book");
      is_true(env.now() == start + 12 * month, "it ends elsewhere");
      is_true(env.calls("other").empty(), "there are calls of what was not called");
    });
  }
  test("messages come at the moment to which the test has moved time", [] {
    TestEnvironment env(all());
    same(env.run("approval"), "nobody decided");
    is_true(env.now() == start + 3 * day, "nobody decided at another time");
    std::string id = env.client().start("approval");
    env.advance(2 * day);
    same(env.client().status(id), "Running");
    env.client().raise_event(id, "decision", "yes");
    env.settle();
    same(env.result<std::string>(id), "decided: yes");
    is_true(env.now() == start + 5 * day, "it was decided at another time");
    same(env.client().history(id).back()["kind"], "OrchestrationCompleted");
  });
  test("time is moved to a moment, and never back", [] {
    TestEnvironment env(all());
    is_true(env.advance_to(start + day) == start + day, "it is not there");
    is_true(env.advance_to(start) == start + day, "it went back");
    contains(thrown<perdure::InvalidArgument>([&] { env.advance(-1ms); }), "The duration must be from 0");
  });
  test("delayed starts follow it", [] {
    TestEnvironment env(all(), {.stubs = {{"charge", [](Order order) { return order.price; }}}});
    same(env.run(once, book, {.delay = day}), 5);
    same(env.run(once, book, {.start_at = start + 9 * day}), 5);
    is_true(times(env.calls()) == std::vector<Time>{start + day, start + 9 * day},
            "they came at other times");
  });
  test("it begins when the test says, also on a file where time was", [] {
    std::string url = "sqlite:" + (folder / "again.sqlite").string();
    std::string id;
    Time until;
    {
      TestEnvironment env(all(), {.stubs = {{"charge", "paid"}}, .store = url});
      id = env.client().start(subscription, book);
      until = env.advance(2 * month);
    }
    TestEnvironment env(all(), {.stubs = {{"charge", "paid"}}, .start = until, .store = url});
    same(env.result<int>(id), 12);
    is_true(times(env.calls()) == each_month(3, 11), "the calls came at other times");
  });
  test("a restart in the middle takes no time, and keeps stubs and calls", [] {
    TestEnvironment env(all(), {.stubs = {{"charge", "paid"}}});
    std::string id = env.client().start(subscription, book);
    for (std::size_t done = 1; done < 4; done++) {
      env.advance(month);
      same(env.calls(charge).size(), done + 1);
      env.restart();
    }
    is_true(env.now() == start + 3 * month, "a restart took time");
    same(env.result<int>(id), 12);
    is_true(times(env.calls()) == each_month(0, 11), "the calls came at other times");
  });
  test("other code after a restart", [] {
    Definitions old, both;
    old.orchestration("job", [](Context &) -> Task<std::string> { co_return "old"; });
    both.add(old).orchestration("job", [](Context &) -> Task<std::string> { co_return "new"; }, "2.0.0");
    TestEnvironment env(old);
    same(env.run("job"), "old");
    env.restart(both);
    same(env.run("job"), "new");
  });
}

void stubs() {
  auto custom = perdure::Failure("Custom", "m");
  auto made = std::make_exception_ptr(Declined("made"));
  auto own = [](ActivityContext &ctx, Order order) { return ctx.name() + " " + order.item; };
  auto number = [calls = 0](Order) mutable { return ++calls; };
  const std::vector<std::tuple<const char *, Stub, Json>> kinds = {
      {"a string", "ok", "ok"},
      {"a number", 7, 7},
      {"null", nullptr, nullptr},
      {"a struct", book, Json::object("item", "book", "price", 5)},
      {"a list of values", std::vector<int>{1, 2}, Json::array(1, 2)},
      {"a function of nothing", [] { return true; }, true},
      {"a function of the input", [](Order order) { return order.price; }, 5},
      {"a function of the context", [](ActivityContext &ctx) { return ctx.attempt(); }, 1},
      {"a function of both", own, "charge book"},
      {"a function with state", number, 1},
      {"a function that returns nothing", [](Order) {}, nullptr},
      {"an exception", Declined("no"), "Declined: no"},
      {"an exception with details", perdure::Fault("f", {.type = "Odd"}), "Odd: f"},
      {"an exception_ptr", made, "Declined: made"},
      {"a failure", custom, "Custom: m"},
      {"one by one", in_turn(Declined("first"), "never reached"), "Declined: first"},
      {"an input that does not fit", [](std::string text) { return text; },
       "InvalidArgument: The input of activity 'charge' must be a string, not an object."},
  };
  for (auto &[name, stub, outcome] : kinds) {
    test(std::string("a stub that is ") + name, [&, &wanted = outcome, &given = stub] {
      TestEnvironment env(all(), {.stubs = {{"charge", given}}});
      auto result = perdure::attempt([&] { return env.run(once, book); });
      auto failed = result.error<perdure::OrchestrationFailed>();
      same(failed ? Json(failed->failure().str()) : result.value(), wanted);
    });
  }
  test("stubs in turn follow retries, the last one again and again", [] {
    TestEnvironment env(all(), {.stubs = {{"elsewhere", in_turn(Declined("no money"), Declined("no"), 7)}}});
    same(env.run("remote", ""), 7);
    std::vector<std::pair<Time, std::int64_t>> calls;
    for (auto &call : env.calls()) calls.emplace_back(call.at, call.attempt);
    is_true(calls == decltype(calls){{start, 1}, {start + day, 2}, {start + 2 * day, 3}}, "other attempts");
    same(env.calls()[0].key, env.calls()[2].key);
    same(env.run("remote", ""), 7);
    same(env.calls().size(), 4);
    env.stub("elsewhere", in_turn(1, 2));
    same(env.run("remote", ""), 1, "the first of new stubs");
  });
  test("time limits end what does not answer, and a test may answer by hand", [] {
    auto stub = in_turn(perdure::never, perdure::never, "at last");
    TestEnvironment env(all(), {.stubs = {{"elsewhere", stub}}});
    same(env.run("remote", ""), "at last");
    is_true(times(env.calls()) == std::vector<Time>{start, start + 25h, start + 50h}, "other attempts");
    env.stub("elsewhere", perdure::never);
    std::string id = env.client().start("remote", "");
    env.settle();
    env.client().complete_activity(env.calls().back().token, "by hand");
    same(env.result(id), "by hand");
  });
  test("stubs come and go", [] {
    TestEnvironment env(all());
    contains(thrown<perdure::OrchestrationFailed>([&] { env.run(once, book); }), "must not charge");
    env.stub(charge, "stubbed");
    same(env.run(once, book), "stubbed");
    env.unstub(charge);
    env.restart();
    contains(thrown<perdure::OrchestrationFailed>([&] { env.run(once, book); }), "must not charge");
    same(env.calls().size(), 3);
  });
  test("what is neither defined nor stubbed fails at once, whatever its tag", [] {
    TestEnvironment env(all());
    for (const char *way : {"", "tag", "session"}) {
      auto failed = perdure::attempt([&] { env.run("remote", way); }).error<perdure::OrchestrationFailed>();
      is_true(failed.has_value(), "it does not fail");
      same(failed->type(), "perdure.NotRegistered");
      contains(failed->failure().message, "'elsewhere' is neither defined nor stubbed");
    }
    same(env.calls().size(), 3, "the attempts");
  });
}

void expectations() {
  TestEnvironment env(all(), {.stubs = {{"charge", in_turn(1, Declined("no"))}, {"elsewhere", 7}}});
  env.client().start(once, book, {.instance = "good"});
  env.expect_output("good", 1);
  env.client().start(once, Order{"lamp", 9}, {.instance = "bad"});
  same(env.expect_failure("bad").str(), "Declined: no");
  env.run("remote", "");
  env.client().start("approval", nullptr, {.instance = "open"});
  env.settle();
  test("what is expected and is there", [&] {
    same(env.expect_calls("charge", 2)[1].instance, "bad");
    env.expect_inputs("elsewhere", {5});
    env.expect_order({"charge", "charge", "elsewhere"});
    same(env.expect_status("good", "Completed").output, 1);
    env.expect_failure("bad", "Declined");
    env.expect_replay("good");
    env.expect_replay("bad");
  });
  const std::vector<std::tuple<const char *, std::function<void()>, std::vector<const char *>>> others = {
      {"calls",
       [&] { env.expect_calls("charge", 3); },
       {"'charge' was to be attempted 3 times and was 2 times",
        "charge({\"item\":\"lamp\",\"price\":9}) of 'bad', attempt 1"}},
      {"inputs", [&] { env.expect_inputs("elsewhere", {5, 6}); }, {"with [5,6] and was with [5]"}},
      {"an order", [&] { env.expect_order({"elsewhere"}); }, {"expected [\"elsewhere\"], and there were"}},
      {"a status",
       [&] { env.expect_status("open", "Completed"); },
       {"'open' was to be Completed", "'open' is Running", "decision"}},
      {"an output", [&] { env.expect_output("good", 2); }, {"to end with 2", "'good' is Completed with 1"}},
      {"a failure", [&] { env.expect_failure("good", "Odd"); }, {"'good' was to fail with Odd"}},
      {"another failure", [&] { env.expect_failure("bad", "Odd"); }, {"'bad' is Failed with Declined: no"}},
      {"a replay",
       [&] {
         Definitions changed;
         changed.orchestration(once, [](Context &, Order) -> Task<Json> { co_return 1; });
         env.expect_replay("good", changed);
       },
       {"charge"}},
  };
  for (auto &[name, body, said] : others) {
    test(std::string("what is expected and is not there: ") + name, [&, &expect = body, &parts = said] {
      std::string message = thrown<perdure::ExpectationFailed>(expect);
      for (auto *part : parts) contains(message, part);
    });
  }
  test("a report is of all instances and all calls", [&] {
    std::string report = env.report();
    for (const char *part : {"'good' is Completed with 1", "'open' is Running", "elsewhere(5) of"}) {
      contains(report, part);
    }
    contains(env.report("nobody"), "'nobody' could not be looked at");
  });
}

void refusals() {
  test("a run that stands still says what it waits for", [] {
    TestEnvironment env(all(), {.timeout = 100ms});
    contains(thrown<perdure::TimedOut>([&] { env.run("nothing"); }), "nothing");
    Definitions waits;
    waits.orchestration("waits", [](Context &ctx) -> Task<void> { co_await ctx.wait_for_event("never"); });
    env.restart(waits);
    contains(thrown<perdure::TimedOut>([&] { env.run("waits"); }), "never");
  });
  test("an activity that runs holds time", [] {
    std::promise<bool> gate;
    auto open = gate.get_future().share();
    TestEnvironment env(all(),
                        {.stubs = {{"charge", [open](Order) { return open.get(); }}}, .timeout = 100ms});
    std::string id = env.client().start(once, book);
    contains(thrown<perdure::TimedOut>([&] { env.advance(1s); }), "at work");
    is_true(env.now() == start, "time went on");
    gate.set_value(true);
    same(env.client().result(id, 30s), true);
  });
  test("what makes no sense is refused", [] {
    TestEnvironment env(all());
    contains(thrown<perdure::LimitExceeded>([&] { env.stub("", 1); }), "The name of the activity is empty");
    contains(thrown<perdure::InvalidArgument>([] { Stub(std::nan("")); }), "The stub");
    contains(thrown<perdure::InvalidArgument>([] { Stub(std::vector<Stub>()); }), "at least one stub");
    thrown<perdure::Unsupported>([] { TestEnvironment other({}, {.store = "nowhere:"}); });
    Definitions code = all();
    contains(thrown<perdure::AlreadyExists>([&] { code.orchestration("remote", remote); }), "defined twice");
    contains(thrown<perdure::AlreadyExists>([&] { code.add(all()); }), "defined twice");
    contains(thrown<perdure::AlreadyExists>([&] { code.activity("charge", [] {}); }), "Activity 'charge'");
  });
}

void histories() {
  test("a runtime takes definitions", [] {
    Definitions code = all();
    code.activity("elsewhere", [](int n) { return n * 2; }, {.concurrency = 1});
    perdure::Store store("memory:");
    perdure::Runtime runtime(store);
    runtime.add(code).start();
    perdure::Client client(store);
    same(client.result(client.start("remote", ""), 30s), 10);
  });
  Definitions changed;
  changed.orchestration(once, [](Context &ctx, Order) -> Task<Json> {
    co_await ctx.sleep(5ms);
    co_return nullptr;
  });
  test("recorded histories against the code of today", [&] {
    TestEnvironment env(all(), {.stubs = {{"charge", "paid"}}});
    env.run(once, book, {.instance = "o-1"});
    std::string text = env.client().manage_text(Json::object("operation", "export", "instance", "o-1"));
    std::string file = (folder / "o-1.jsonl").string();
    std::ofstream(file) << text;
    same(perdure::replay(text, all())["verdict"], "same");
    same(perdure::replay(file, all())["verdict"], "same");
    Json one = Json::object("instance", "o-1");
    one.set("events", Json::of(env.client().history("o-1")));
    same(perdure::replay(one, all())["verdict"], "same");
    auto report = perdure::replay(text, changed);
    same(report["verdict"], "differs");
    same(report["event"], 2);
    same(perdure::replay(text, {})["verdict"], "notRegistered");
    contains(thrown<perdure::InvalidArgument>([&] { perdure::replay("no/such/file", all()); }),
             "no/such/file");
    thrown<perdure::InvalidArgument>([&] { perdure::replay("{\"x\":1}", all()); });
  });
  test("open instances against the code of today", [&] {
    TestEnvironment env(all(), {.stubs = {{"charge", perdure::never}}});
    env.client().start(once, book);
    env.settle();
    same(perdure::preflight(env.store(), all())["isClean"], true);
    auto report = perdure::preflight(env.store(), changed);
    same(report["isClean"], false);
    same(report["groups"][0]["verdict"], "differs");
  });
  test("with PERDURE_TEST_REPLAY every turn is replayed", [] {
    int runs = 0;
    Definitions code;
    code.orchestration("counts", [&runs](Context &ctx) -> Task<void> {
      runs++;
      co_await ctx.sleep(day);
    });
    setenv("PERDURE_TEST_REPLAY", "1", 1);
    TestEnvironment env(code);
    unsetenv("PERDURE_TEST_REPLAY");
    env.run<void>("counts");
    same(runs, 2);
  });
}

}  // namespace

int main(int count, char **arguments) {
  folder = count > 1 ? arguments[1] : ".";
  time_and_messages();
  stubs();
  expectations();
  refusals();
  histories();
  return finish();
}
