/// Everything together, on SQLite: client, runtime, activities, restarts, limits, bad input.
///
///     runtime FOLDER
#include <atomic>
#include <cmath>
#include <dx.hpp>
#include <filesystem>
#include <thread>

#include "check.hpp"

namespace {

using namespace std::chrono_literals;
using perdure::ActivityContext;
using perdure::ActivityOptions;
using perdure::Client;
using perdure::Json;
using perdure::Runtime;
using perdure::Store;
using perdure::Task;
using Context = perdure::OrchestrationContext;

std::filesystem::path folder;
int stores = 0;

std::string new_url() {
  return "sqlite:" + (folder / ("store" + std::to_string(stores++) + ".sqlite")).string();
}

constexpr auto soon = 30s;

struct Order {
  std::string item;
  int count = 1;
  static void fields(auto &order, auto visit) {
    visit("item", order.item);
    visit("count", order.count, 1);
  }
};

const perdure::Activity<std::string(Order)> pack{"pack"};
const perdure::Orchestration<std::string(Order)> ship{"ship"};

std::string pack_it(Order order) { return std::to_string(order.count) + " x " + order.item; }

Task<std::string> ship_it(Context &ctx, Order order) {
  auto packed = co_await ctx.activity(pack, order);
  ctx.kv.set("packed", packed);
  ctx.set_custom_status("packed");
  auto address = co_await ctx.wait_for_event<std::string>("address");
  co_return packed + " to " + address;
}

void basics() {
  test("typed names, structs, events, state, across a restart of everything", [] {
    std::string url = new_url();
    {
      Store store(url);
      Runtime runtime(store);
      runtime.orchestration(ship, ship_it).activity(pack, pack_it).start();
      Client client(store);
      client.start(ship, Order{"book", 2}, {.instance = "s-1", .attributes = {{"to", "Ada"}}, .memo = 7});
      same(client.wait_for_status("s-1", 0, soon).custom_status, "packed");
      same(runtime.cached_instances(), 1);
    }
    Store store(url);
    Client client(store);
    client.raise_event("s-1", "address", "London");
    Runtime runtime(store);
    runtime.orchestration(ship, ship_it).activity(pack, pack_it).start();
    same(client.result(ship, "s-1", soon), "2 x book to London");
    same(*client.get_kv<std::string>("s-1", "packed"), "2 x book");
    same(client.kv("s-1").size(), 1);
    auto description = client.describe("s-1");
    same(description.attributes.at("to"), "Ada");
    same(description.memo, 7);
    is_true(description.is_ended() && description.ended_at, "it has not ended");
    same(client.history("s-1").front()["kind"], "OrchestrationStarted");
    same(client.remove("s-1"), std::vector<std::string>{"s-1"});
    contains(thrown<perdure::NotFound>([&] { client.describe("s-1"); }), "s-1");
  });
  test("children, detached starts, queues, topics, messages between instances", [] {
    Store store("memory:");
    Runtime runtime(store);
    runtime.orchestration("kid", [](Context &ctx, int n) -> Task<int> {
      co_await ctx.raise_event(ctx.parent()->instance, "hello", n);
      co_return n * 2;
    });
    runtime.orchestration("listener", [](Context &ctx) -> Task<std::string> {
      ctx.subscribe("news");
      ctx.set_custom_status("ready");
      auto news = co_await ctx.wait_for_topic<std::string>("news");
      auto more = co_await ctx.dequeue<std::string>("more");
      co_return news + more;
    });
    runtime.orchestration("parent", [](Context &ctx) -> Task<Json> {
      auto kid = ctx.sub_orchestration<int>("kid", 21, perdure::ChildOptions().instance("the-kid"));
      auto hello = co_await ctx.wait_for_event<int>("hello");
      ctx.publish("news", "new");
      co_await ctx.enqueue("l", "more", "s");
      auto detached = ctx.start_detached("listener");
      auto refused = co_await perdure::attempt(ctx.raise_event("nobody", "e"));
      auto doubled = co_await kid;
      auto other = co_await ctx.read_kv<int>("l", "k");
      co_return Json::array(hello, doubled, detached, refused.failure().type, other.has_value());
    });
    runtime.start();
    Client client(store);
    client.start("listener", nullptr, {.instance = "l"});
    client.wait_for_status("l", 0, soon);
    client.start("parent", nullptr, {.instance = "p"});
    Json result = client.result("p", soon);
    same(result[0], 21), same(result[1], 42), same(result[3], "perdure.NotFound"), same(result[4], false);
    contains(result[2].text(), "p.1.");
    same(client.result<std::string>("l", soon), "news");
    same(client.describe("the-kid").parent->instance, "p");
    same(client.list({.parent = "p"}).size(), 1);
  });
  test("calls with validators, and queries, also after the end", [] {
    Store store("memory:");
    Runtime runtime(store);
    runtime.orchestration("cart", [](Context &ctx) -> Task<int> {
      int total = 0;
      ctx.on_call(
          "add", [&total](int n) { return total += n; },
          [](int n) {
            if (n < 0) throw std::invalid_argument("negative");
          });
      ctx.on_call("fail", []() -> int { throw std::runtime_error("broken"); });
      ctx.on_query("total", [&total] { return total; });
      co_await ctx.wait_for_event("done");
      co_return total;
    });
    runtime.start();
    Client client(store);
    client.start("cart", nullptr, {.instance = "c"});
    same(client.call<int>("c", "add", 2, {.timeout = soon}), 2);
    same(client.call<int>("c", "add", 3, {.timeout = soon, .call_id = "x"}), 5);
    same(client.call<int>("c", "add", 3, {.timeout = soon, .call_id = "x"}), 5);
    contains(thrown<perdure::CallRejected>([&] { client.call<int>("c", "add", -1, {.timeout = soon}); }),
             "negative");
    contains(thrown<perdure::CallRejected>([&] { client.call<int>("c", "add", "x", {.timeout = soon}); }),
             "integer");
    contains(thrown<perdure::CallFailed>([&] { client.call<int>("c", "fail", nullptr, {.timeout = soon}); }),
             "broken");
    auto late =
        perdure::attempt([&] { client.call("c", "unknown", nullptr, {.timeout = 1ms, .call_id = "mine"}); });
    contains(late.error<perdure::TimedOut>()->details(), "\"call\":\"mine\"");
    same(client.query<int>("c", "total", nullptr, soon), 5);
    contains(thrown<perdure::QueryFailed>([&] { client.query("c", "none", nullptr, soon); }), "'total'");
    client.raise_event("c", "done");
    same(client.result<int>("c", soon), 5);
    same(client.query<int>("c", "total", nullptr, soon), 5);
    contains(thrown<perdure::WrongStatus>([&] { client.call("c", "add", 1, {.timeout = soon}); }), "c");
  });
  test("continue_as_new, versions, many at once, start policies", [] {
    Store store("memory:");
    Runtime runtime(store);
    runtime.orchestration("count", [](Context &ctx, int n) -> Task<int> {
      if (n < 50) ctx.continue_as_new(n + 1);
      co_return n;
    });
    runtime.orchestration("v", []() -> Task<int> { co_return 1; }, "1.0.0");
    runtime.orchestration("v", []() -> Task<int> { co_return 2; }, "2.0.0");
    runtime.start();
    Client client(store);
    same(client.result<int>(client.start("count", 0), soon), 50);
    same(client.result<int>(client.start("v"), soon), 2);
    same(client.result<int>(client.start("v", nullptr, {.version = "1.0.0"}), soon), 1);
    std::vector<perdure::StartRequest> requests;
    for (int at = 0; at < 100; at++)
      requests.push_back({"count", 49, {.instance = "m" + std::to_string(at % 99)}});
    auto started = client.start_many(requests);
    is_true(started[98].has_value() && started[99].is<perdure::AlreadyExists>(), "the last is not refused");
    for (int at = 0; at < 99; at++)
      same(client.result<int>(started[static_cast<std::size_t>(at)].value(), soon), 50);
    contains(thrown<perdure::AlreadyExists>([&] { client.start("v", nullptr, {.instance = "m1"}); }), "m1");
    same(client.start("v", nullptr, {.instance = "m1", .policy = perdure::StartPolicy::use_existing}), "m1");
    client.start("v", nullptr, {.instance = "m1", .policy = perdure::StartPolicy::restart_if_finished});
    same(client.result<int>("m1", soon), 2);
  });
  test("every turn replayed from its beginning gives the same", [] {
    Store store(new_url());
    Runtime runtime(store, {.cache = false});
    runtime.activity("echo", [](int n) { return n; });
    runtime.orchestration("mix", [](Context &ctx) -> Task<int> {
      int sum = 0;
      for (int round = 0; round < 5; round++) {
        std::vector<perdure::Handle<int>> work;
        for (int at = 0; at < 5; at++) work.push_back(ctx.activity<int>("echo", at));
        auto results = co_await perdure::all(work);
        for (int one : results) sum += one;
        auto first = co_await perdure::race(ctx.activity<int>("echo", round), ctx.timer(60s));
        sum += static_cast<int>(first.index());
        if (ctx.random() < 0) sum = 0;
      }
      co_return sum;
    });
    runtime.start();
    Client client(store);
    same(client.result<int>(client.start("mix"), soon), 50);
  });
}

void attempts() {
  test("retries, idempotency keys, heartbeats of the attempt before, types that are not retried", [] {
    struct Declined : perdure::Fault {
      using Fault::Fault;
    };
    Store store("memory:");
    Runtime runtime(store);
    runtime.activity("flaky", [](ActivityContext &ctx) {
      auto before = ctx.last_heartbeat<int>().value_or(0);
      ctx.heartbeat(before + 10);
      if (ctx.attempt() < 3) throw std::runtime_error("again");
      return ctx.idempotency_key() + " " + std::to_string(before);
    });
    runtime.activity("declined", []() -> int { throw Declined("no", {.type = "Declined"}); });
    runtime.orchestration("it", [](Context &ctx) -> Task<Json> {
      auto options = ActivityOptions().retry(
          perdure::RetryPolicy().max_attempts(5).initial_interval(1ms).non_retryable("Declined"));
      auto text = co_await ctx.activity("flaky", nullptr, options);
      auto refused = co_await perdure::attempt(ctx.activity("declined", nullptr, options));
      co_return Json::array(text, refused.error<perdure::ActivityFailed>()->type());
    });
    runtime.start();
    Client client(store);
    std::string id = client.start("it");
    same(client.result(id, soon), Json::array(id + "/1/1 20", "Declined"));
  });
  test("a cancelled activity is told by its stop token, and the clean-up runs", [] {
    Store store("memory:");
    Runtime runtime(store);
    std::atomic<bool> stopped = false, undone = false;
    runtime.activity("slow", [&](ActivityContext &ctx) {
      auto token = ctx.stop_token();
      ctx.client().raise_event(ctx.instance_id(), "begun");
      std::mutex mutex;
      std::condition_variable_any changed;
      std::unique_lock lock(mutex);
      changed.wait(lock, token, [] { return false; });
      stopped = ctx.is_cancelled();
    });
    runtime.activity("undo", [&] { undone = true; });
    runtime.orchestration("it", [](Context &ctx) -> Task<void> {
      auto work = ctx.activity<void>("slow");
      co_await ctx.wait_for_event("begun");
      ctx.set_custom_status("running");
      auto done = co_await perdure::attempt(work);
      if (done.is_cancelled()) co_await ctx.activity("undo");
      done.rethrow();
    });
    runtime.start();
    Client client(store);
    client.start("it", nullptr, {.instance = "i"});
    client.wait_for_status("i", 0, soon);
    client.cancel("i", "enough");
    contains(thrown<perdure::OrchestrationCancelled>([&] { client.result("i", soon); }),
             "Instance 'i' was cancelled.");
    runtime.stop(soon);
    is_true(stopped && undone, "it did not hear of it");
  });
  test("deferred attempts are ended by their token", [] {
    Store store("memory:");
    Runtime runtime(store);
    runtime.activity("ask", [](ActivityContext &ctx, std::string what) {
      ctx.client().enqueue(ctx.instance_id(), "tokens", ctx.token());
      ctx.defer();
      return what;
    });
    runtime.orchestration("it", [](Context &ctx) -> Task<std::string> {
      auto asked = ctx.activity<std::string>("ask", "yes?");
      auto token = co_await ctx.dequeue<std::string>("tokens");
      ctx.set_custom_status(token);
      co_return co_await asked;
    });
    runtime.start();
    Client client(store);
    auto answered = [&](auto answer) {
      std::string id = client.start("it"), token = client.wait_for_status(id, 0, soon).custom_status.text();
      client.heartbeat_activity(token, 1);
      answer(token);
      thrown<perdure::Stale>([&] { client.complete_activity(token, "late"); });
      return id;
    };
    // The attempt may be a moment away from being deferred; the engine keeps what comes before.
    same(client.result<std::string>(answered([&](auto &t) { client.complete_activity(t, "yes!"); }), soon),
         "yes!");
    auto failed = answered([&](auto &t) { client.fail_activity(t, perdure::Failure("No", "not today")); });
    contains(thrown<perdure::OrchestrationFailed>([&] { client.result(failed, soon); }), "No: not today");
  });
  test("an executor of one's own, and one that drops its work", [] {
    Store store("memory:");
    std::vector<std::jthread> threads;
    std::mutex mutex;
    perdure::Executor pool = [&](std::function<void()> work) {
      std::lock_guard lock(mutex);
      threads.emplace_back(std::move(work));
    };
    {
      Runtime runtime(store, {.executor = pool});
      auto here = std::this_thread::get_id();
      runtime.activity("apart", [&] { return std::this_thread::get_id() != here; }, {.concurrency = 2});
      runtime.activity("dropped", [] {}, {.executor = [](std::function<void()>) {}});
      runtime.activity("thrown", [] {},
                       {.executor = [](std::function<void()>) { throw std::runtime_error("full"); }});
      runtime.orchestration("it", [](Context &ctx) -> Task<Json> {
        bool apart = co_await ctx.activity<bool>("apart");
        auto dropped = co_await perdure::attempt(ctx.activity("dropped"));
        auto refused = co_await perdure::attempt(ctx.activity("thrown"));
        co_return Json::array(apart, dropped.failure().type, refused.failure().message);
      });
      runtime.start();
      Client client(store);
      same(client.result(client.start("it"), soon), Json::array(true, "DroppedAttempt", "full"));
    }
  });
  test("time limits, deadlines and unfit inputs and results", [] {
    Store store("memory:", {.limits = perdure::Limits{.payload_bytes = 10'000}});
    Runtime runtime(store);
    runtime.activity("slow", [](ActivityContext &ctx) {
      if (!ctx.deadline()) throw std::logic_error("there is no deadline");
      auto token = ctx.stop_token();
      while (!token.stop_requested()) std::this_thread::sleep_for(5ms);
    });
    runtime.activity("int", [](int n) { return n; });
    runtime.activity("large", [] { return std::string(20'000, 'x'); });
    runtime.orchestration("it", [](Context &ctx) -> Task<std::vector<std::string>> {
      auto limit = ActivityOptions().start_to_close(30ms);
      std::vector<std::string> said;
      auto slow = co_await perdure::attempt(ctx.activity("slow", nullptr, limit));
      said.push_back(slow.failure().type);
      auto unfit = co_await perdure::attempt(ctx.activity("int", "x"));
      said.push_back(unfit.failure().message);
      auto wrong = co_await perdure::attempt(ctx.activity<std::string>("int", 1));
      said.push_back(wrong.failure().message);
      auto large = co_await perdure::attempt(ctx.activity("large"));
      said.push_back(large.failure().type);
      co_return said;
    });
    runtime.start();
    Client client(store);
    Json said = client.result(client.start("it"), soon);
    same(said[0], "perdure.Timeout");
    contains(said[1].text(), "The input of activity 'int' must be an integer, not a string.");
    contains(said[2].text(), "The result of activity 'int' must be a string, not an integer.");
    same(said[3], "perdure.LimitExceeded");
  });
}

void operations() {
  test("suspend, resume, terminate, follow, when_ended, management, metrics", [] {
    Store store(new_url());
    Runtime runtime(store);
    runtime.orchestration("it", [](Context &ctx) -> Task<void> {
      ctx.log.info("begun");
      ctx.metric("orders", 2, perdure::MetricKind::counter, {{"shop", "a"}});
      co_await ctx.wait_for_event("go");
    });
    runtime.start();
    Client client(store);
    client.start("it", nullptr, {.instance = "i"});
    auto why = client.manage(Json::object("operation", "why", "instance", "i"));
    is_true(why["summary"].is_string(), "there is no summary");
    same(client.suspend("i", "lunch"), "Suspended");
    client.resume("i");
    client.start("it", nullptr, {.instance = "j"});
    std::atomic<int> ended = 0;
    client.when_ended("j", [&](perdure::Outcome<perdure::Description> done) {
      ended = done->status == "Terminated" ? 1 : 2;
    });
    same(client.terminate("j", "enough"), "Terminated");
    client.raise_event("i", "go");
    std::vector<std::string> kinds;
    client.follow(
        "i", [&](const Json &event) { return kinds.push_back(event["kind"].text()), true; }, 1, 0, soon);
    same(kinds.back(), "OrchestrationCompleted");
    std::string text = client.manage_text(Json::object("operation", "export", "instance", "i"));
    same(runtime.replay(text)["verdict"], "same");
    is_true(runtime.preflight()["isClean"] == Json(true), "preflight is not clean");
    // What code has measured is counted after the commit, which is what follow sees.
    auto is_counted = [&] { return store.open_metrics().find("orders") != std::string::npos; };
    for (int waited = 0; !is_counted() && waited < 3000; waited++) std::this_thread::sleep_for(10ms);
    contains(store.open_metrics(), "orders");
    is_true(store.metrics()["families"].size() > 5, "there are no metrics");
    for (int waited = 0; ended == 0 && waited < 3000; waited++) std::this_thread::sleep_for(10ms);
    same(ended.load(), 1);
  });
  test("logs of orchestrations come once", [] {
    std::mutex mutex;
    std::vector<std::string> lines;
    perdure::set_log("info", [&](const Json &record) {
      std::lock_guard lock(mutex);
      if (record["instance"] == "logged") lines.push_back(record["message"].text());
    });
    {
      Store store("memory:");
      Runtime runtime(store, {.cache = false});
      runtime.orchestration("it", [](Context &ctx) -> Task<void> {
        ctx.log.info("one");
        co_await ctx.timer(1ms);
        ctx.log.warn("two");
      });
      runtime.start();
      Client client(store);
      client.start("it", nullptr, {.instance = "logged"});
      client.wait("logged", soon);
      // The line of a turn comes after its commit, which is what wait sees.
      auto is_told = [&] {
        std::lock_guard lock(mutex);
        return std::count(lines.begin(), lines.end(), "two") > 0;
      };
      for (int waited = 0; !is_told() && waited < 3000; waited++) std::this_thread::sleep_for(10ms);
    }
    perdure::set_log("info", {});
    std::lock_guard lock(mutex);
    same(std::count(lines.begin(), lines.end(), "one"), 1);
    same(std::count(lines.begin(), lines.end(), "two"), 1);
  });
  test("virtual time", [] {
    Store store("memory:", {.config = Json::object("clock", Json::object("mode", "virtual"))});
    Runtime runtime(store);
    runtime.orchestration("year", [](Context &ctx) -> Task<std::int64_t> {
      auto begin = ctx.now_ms();
      co_await ctx.sleep(24h * 365);
      co_return ctx.now_ms() - begin;
    });
    runtime.start();
    Client client(store);
    auto before = store.now();
    std::string id = client.start("year");
    is_true(store.advance(24h * 366, soon) - before >= 24h * 366, "time does not move");
    same(client.result<std::int64_t>(id, soon), 31'536'000'000);
  });
  test("code that differs from its history is quarantined with an error that explains itself", [] {
    std::string url = new_url();
    auto run = [&](const char *name, const char *status) {
      Store store(url);
      Runtime runtime(store);
      runtime.activity("a", [] {}).activity("b", [] {});
      runtime.orchestration("it", [name](Context &ctx) -> Task<void> {
        co_await ctx.activity(name);
        ctx.set_custom_status("waits");
        co_await ctx.wait_for_event("go");
      });
      runtime.start();
      Client client(store);
      client.start("it", nullptr, {.instance = "i", .policy = perdure::StartPolicy::use_existing});
      if (std::string(name) == "a") return void(client.wait_for_status("i", 0, soon));
      client.raise_event("i", "go");
      for (int waited = 0; client.status("i") != status && waited < 3000; waited++)
        std::this_thread::sleep_for(10ms);
      same(client.status("i"), status);
      contains(client.describe("i").pending_reason, "expected activity 'a'");
    };
    run("a", "Running");
    run("b", "Quarantined");
  });
}

void refusals() {
  test("bad input is refused with a typed error", [] {
    Store store("memory:");
    Client client(store);
    thrown<perdure::Unsupported>([] { Store("redis:x"); });
    contains(thrown<perdure::StoreCannotOpen>([] { Store("sqlite:/no/such/folder/x.sqlite"); }),
             "/no/such/folder");
    thrown<perdure::InvalidArgument>([] { Store("memory:", {.config = Json::object("unknown", 1)}); });
    auto open = [](std::function<std::string()> password, const char *url) {
      return [=] { Store(url, {.password = password}); };
    };
    auto absent = "postgresql://me@127.0.0.1:1/none";
    auto asked = std::make_shared<int>(0);
    auto refused = thrown<perdure::StoreCannotOpen>(open([=] { return *asked += 1, "sesame"; }, absent));
    contains(refused, "Connection refused");
    is_true(refused.find("sesame") == std::string::npos && *asked == 1, "it is asked for, and not shown");
    contains(thrown<perdure::StoreCannotOpen>(
                 open([]() -> std::string { throw std::runtime_error("answered 503"); }, absent)),
             "got no password: answered 503");
    thrown<perdure::Unsupported>(open([] { return "sesame"; }, "memory:"));
    thrown<perdure::NotFound>([&] { client.describe("nobody"); });
    thrown<perdure::NotFound>([&] { client.raise_event("nobody", "e"); });
    thrown<perdure::NotFound>([&] { client.wait("nobody", 1s); });
    thrown<perdure::InvalidArgument>([&] { client.start("x", "\xFF"); });
    thrown<perdure::InvalidArgument>([&] { client.start("x", std::string("a\0b", 3)); });
    thrown<perdure::InvalidArgument>([&] { client.start("x", std::nan("")); });
    thrown<perdure::InvalidArgument>([&] { client.start("x", 1, {.start_at = store.now(), .delay = 1s}); });
    thrown<perdure::LimitExceeded>([&] { client.start("x", std::string(3 * 1024 * 1024, 'x')); });
    thrown<perdure::InvalidArgument>([&] { client.start(""); });
    thrown<perdure::InvalidArgument>([&] { client.manage(Json::object("operation", "dance")); });
    same(client.start("x", nullptr, {.instance = "unserved"}), "unserved");
    thrown<perdure::TimedOut>([&] { client.wait("unserved", 5ms); });
    thrown<perdure::WrongStatus>([&] { client.query("unserved", "q", nullptr, 1s); });
  });
  test("registering twice, too late, or on what is closed is refused", [] {
    Store store("memory:");
    Runtime runtime(store);
    auto code = []() -> Task<void> { co_return; };
    runtime.orchestration("it", code);
    thrown<perdure::AlreadyExists>([&] { runtime.orchestration("it", code); });
    runtime.start();
    thrown<perdure::WrongStatus>([&] { runtime.activity("late", [] {}); });
    runtime.stop(), runtime.stop();
    thrown<perdure::InvalidHandle>([&] { runtime.start(); });
    Client client(store);
    client.close();
    thrown<perdure::InvalidHandle>([&] { client.describe("x"); });
    store.close();
    thrown<perdure::InvalidHandle>([&] { store.metrics(); });
  });
  test("a client in orchestration code is refused", [] {
    Store store("memory:");
    Client client(store);
    Runtime runtime(store);
    runtime.orchestration("it", [&client](Context &) -> Task<void> {
      client.start("other");
      co_return;
    });
    runtime.start();
    contains(thrown<perdure::OrchestrationFailed>([&] { client.result(client.start("it"), soon); }),
             "WrongStatus: The code of instance");
  });
  test("a runtime that ends in the middle of everything leaves nothing behind that runs", [] {
    std::string url = new_url();
    for (int round = 0; round < 3; round++) {
      Store store(url);
      Runtime runtime(store, {.stop_grace = 10ms});
      runtime.activity("nap", [] { std::this_thread::sleep_for(2ms); });
      runtime.orchestration("it", [](Context &ctx, int n) -> Task<void> {
        for (int at = 0; at < n; at++) co_await ctx.activity("nap");
      });
      runtime.start();
      Client client(store);
      for (int at = 0; at < 20; at++) {
        client.start("it", 20,
                     {.instance = "i" + std::to_string(at), .policy = perdure::StartPolicy::use_existing});
      }
      std::this_thread::sleep_for(20ms);
      if (round < 2) continue;
      for (int at = 0; at < 20; at++) client.result<void>("i" + std::to_string(at), soon);
    }
  });
}

}  // namespace

int main(int count, char **arguments) {
  folder = count > 1 ? arguments[1] : ".";
  basics();
  attempts();
  operations();
  refusals();
  return finish();
}
