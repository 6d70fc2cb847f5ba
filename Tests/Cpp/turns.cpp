/// What orchestration code can do, turn by turn, without the library: several things at once, cancellation,
/// eviction, calls, limits, bad input.
#include "check.hpp"
#include "perdure/turns.hpp"

namespace {

using namespace std::chrono_literals;
using perdure::Json;
using perdure::Task;
using Context = perdure::OrchestrationContext;

/// An instance whose events a test writes down.
class Story {
 public:
  template <class F>
  explicit Story(F code, std::size_t cached = 10, perdure::Limits limits = {}) : host_(cached, limits) {
    host_.add(perdure::detail::make_code("it", "1.0.0", std::move(code)));
  }

  /// The answer to the start.
  Json start(const Json &input = {}) {
    return event(
        Json::object("kind", "OrchestrationStarted", "name", "it", "version", "1.0.0", "input", input));
  }
  Json completed(int action, const Json &result = {}) {
    return event(Json::object("kind", "ActivityCompleted", "action", action, "result", result));
  }
  Json failed(int action, const char *type) {
    Json failure = Json::object("type", type, "message", "no");
    return event(Json::object("kind", "ActivityFailed", "action", action, "failure", failure));
  }
  Json fired(int action) { return event(Json::object("kind", "TimerFired", "action", action)); }
  Json raised(const char *name, const Json &data) {
    return event(Json::object("kind", "EventRaised", "name", name, "data", data));
  }
  Json cancelled() { return event(Json::object("kind", "CancellationRequested", "reason", "enough")); }
  Json called(const char *id, const Json &input) {
    return event(Json::object("kind", "CallReceived", "call", id, "name", "c", "data", input));
  }
  /// A turn with one more event.
  Json event(Json event) {
    events_.push(event.set("id", events_.size() + 1).set("at", 1000 * events_.size()));
    std::size_t last = events_.size();
    return answer(request(last - 1, Json::array(events_[last - 1])));
  }
  /// All of it once more in one turn, as after a restart.
  Json again() { return answer(request(0, events_)); }
  Json query(const char *name) {
    Json asked = request(0, events_);
    return answer(asked.set("query", Json::object("name", name, "input", nullptr)))["query"];
  }
  Json request(std::size_t from, Json events) const {
    return Json::object("v", 1, "turn", events_.size(), "instance", "i", "execution", 1, "orchestration",
                        "it", "version", "1.0.0", "from", from, "replayed", from, "events",
                        std::move(events));
  }
  Json answer(const Json &request) { return Json::parse(host_.run(request.dump())); }
  perdure::detail::TurnHost &host() { return host_; }

 private:
  perdure::detail::TurnHost host_;
  Json events_ = Json::array();
};

/// `KIND target-or-name` of each action.
std::string actions(const Json &answer) {
  std::string text;
  for (auto &action : answer["actions"]) {
    text += (text.empty() ? "" : ", ") + action["kind"].text();
    if (action.contains("target")) text += " " + action["target"].dump();
    if (action.contains("name")) text += " " + action["name"].text();
  }
  return text;
}

std::string failure(const Json &answer) {
  if (answer["end"]["kind"] != "Failed") throw Broken("it has not failed: " + answer.dump());
  return answer["end"]["failure"]["type"].text() + ": " + answer["end"]["failure"]["message"].text();
}

const Json &output(const Json &answer) {
  if (answer["end"]["kind"] != "Completed") throw Broken("it has not completed: " + answer.dump());
  return answer["end"]["output"];
}

Task<int> twice(Context &ctx, std::string name) {
  int first = co_await ctx.activity<int>(name, 1);
  co_return first + co_await ctx.activity<int>(name, 2);
}

void together() {
  test("all gives tuples, of handles and of tasks", [] {
    Story story([](Context &ctx) -> Task<Json> {
      auto [a, b] = co_await perdure::all(twice(ctx, "a"), ctx.activity<std::string>("b"));
      co_return Json::array(a, b);
    });
    same(actions(story.start()), "ScheduleActivity b, ScheduleActivity a");
    story.completed(1, "x");
    same(actions(story.completed(2, 10)), "ScheduleActivity a");
    same(output(story.completed(3, 5)), Json::array(15, "x"));
    same(output(story.again()), Json::array(15, "x"));
  });
  test("a task that fails ends the others of its call first", [] {
    Story story([](Context &ctx) -> Task<std::string> {
      int local = 0;
      auto part = [&local](Context &inner, std::string name) -> Task<int> {
        co_await inner.activity(name);
        co_return local;
      };
      std::vector<Task<int>> parts;
      parts.push_back(part(ctx, "a"));
      parts.push_back(part(ctx, "b"));
      auto done = co_await perdure::attempt(perdure::all(std::move(parts)));
      co_return done.failure().type;
    });
    story.start();
    Json answer = story.failed(2, "Broken");
    same(actions(answer), "Cancel 1");
    same(output(answer), "Broken");
  });
  test("the failure of all is the first one, whatever the others do when they are cancelled", [] {
    Story story([](Context &ctx) -> Task<std::string> {
      auto untidy = [&ctx]() -> Task<int> {
        auto done = co_await perdure::attempt(ctx.activity<int>("a"));
        if (done.is_cancelled()) throw perdure::Fault("no clean-up", {.type = "Later"});
        co_return *done;
      };
      std::vector<Task<int>> parts;
      parts.push_back(untidy());
      parts.push_back(twice(ctx, "b"));
      auto done = co_await perdure::attempt(perdure::all(std::move(parts)));
      co_return done.failure().type;
    });
    story.start();
    Json answer = story.failed(2, "Broken");
    same(actions(answer), "Cancel 1");
    same(output(answer), "Broken");
  });
  test("all of handles fails at once and leaves the rest open", [] {
    Story story([](Context &ctx) -> Task<Json> {
      auto slow = ctx.activity("slow");
      auto done = co_await perdure::attempt(perdure::all(slow, ctx.activity("fast")));
      if (done) co_return "both";
      co_return co_await slow;
    });
    story.start();
    same(actions(story.failed(2, "Broken")), "");
    same(output(story.completed(1, "late")), "late");
  });
  test("race gives the losers up, tasks too", [] {
    Story story([](Context &ctx) -> Task<Json> {
      auto first = co_await perdure::race(twice(ctx, "a"), ctx.wait_for_event<std::string>("go"));
      co_return Json::array(first.index(), first.index() == 1 ? Json(std::get<1>(first)) : Json());
    });
    same(actions(story.start()), "WaitForEvent go, ScheduleActivity a");
    Json answer = story.raised("go", "now");
    same(actions(answer), "Cancel 2");
    same(output(answer), Json::array(1, "now"));
  });
  test("any is the first success", [] {
    Story story([](Context &ctx) -> Task<Json> {
      std::vector<perdure::Handle<Json>> work;
      for (int at = 0; at < 3; at++) work.push_back(ctx.activity("a", at));
      auto [which, value] = co_await perdure::any(std::move(work));
      co_return Json::array(which, value);
    });
    story.start();
    story.failed(1, "Broken");
    Json answer = story.completed(3, "c");
    same(actions(answer), "Cancel 2");
    same(output(answer), Json::array(2, "c"));
  });
  test("any without a success fails with the first", [] {
    Story story([](Context &ctx) -> Task<void> {
      std::vector<perdure::Handle<Json>> work;
      for (int at = 0; at < 2; at++) work.push_back(ctx.activity("a", at));
      co_await perdure::any(std::move(work));
    });
    story.start();
    story.failed(2, "Second");
    same(failure(story.failed(1, "First")), "First: no");
  });
  test("wait_any says which, and gives nothing up", [] {
    Story story([](Context &ctx) -> Task<Json> {
      auto a = ctx.activity("a"), b = ctx.activity("b");
      auto which = co_await perdure::wait_any(a, b);
      co_return Json::array(which, co_await a);
    });
    story.start();
    same(actions(story.failed(2, "Broken")), "");
    same(output(story.completed(1, "x")), Json::array(1, "x"));
  });
  test("wait_for ends in time or not", [] {
    auto code = [](Context &ctx) -> Task<std::string> {
      auto found = co_await ctx.wait_for(ctx.wait_for_event<std::string>("go"), 5s);
      co_return found.value_or("too late");
    };
    Story in_time(code), late(code);
    in_time.start();
    same(output(in_time.raised("go", "now")), "now");
    late.start();
    Json answer = late.fired(2);
    same(actions(answer), "Cancel 1");
    same(output(answer), "too late");
  });
  test("spawned tasks run in the order of their making; wait_until sees what they do", [] {
    Story story([](Context &ctx) -> Task<std::string> {
      std::string seen;
      for (std::string name : {"a", "b"}) {
        static_cast<void>(ctx.spawn([&ctx, &seen, name]() -> Task<void> {
          seen += name;
          co_await ctx.activity(name);
          seen += name;
        }));
      }
      co_await ctx.wait_until([&] { return seen.size() == 4; });
      co_return seen;
    });
    same(actions(story.start()), "ScheduleActivity a, ScheduleActivity b");
    story.completed(2);
    same(output(story.completed(1)), "abba");
  });
  test("a deep chain of tasks does not use up the stack", [] {
    struct Chain {
      static Task<int> link(Context &ctx, int depth) {
        if (depth == 0) co_return co_await ctx.activity<int>("end");
        co_return 1 + co_await link(ctx, depth - 1);
      }
    };
    Story story([](Context &ctx) -> Task<int> { co_return co_await Chain::link(ctx, 20'000); });
    story.start();
    same(output(story.completed(1, 0)), 20'000);
  });
}

void cancellation() {
  test("a cancellation reaches the awaits of all tasks, and clean-up may do durable work", [] {
    Story story([](Context &ctx) -> Task<void> {
      auto part = [](Context &inner, std::string name) -> Task<void> {
        auto done = co_await perdure::attempt(inner.activity(name));
        if (done.is_cancelled()) co_await inner.activity("undo-" + name);
        done.rethrow();
      };
      std::vector<Task<void>> parts;
      parts.push_back(part(ctx, "a"));
      parts.push_back(part(ctx, "b"));
      co_await perdure::all(std::move(parts));
    });
    story.start();
    same(actions(story.cancelled()), "Cancel 1, Cancel 2, ScheduleActivity undo-a, ScheduleActivity undo-b");
    story.completed(5);
    same(story.completed(6)["end"]["kind"], "Cancelled");
  });
  test("catch (const std::exception &) does not see it", [] {
    Story story([](Context &ctx) -> Task<std::string> {
      try {
        co_await ctx.timer(5s);
      } catch (const std::exception &) {
        co_return "caught";
      }
      co_return "fired";
    });
    story.start();
    same(story.cancelled()["end"]["kind"], "Cancelled");
  });
  test("a shielded task goes on, and another cancellation is ignored", [] {
    Story story([](Context &ctx) -> Task<std::string> {
      auto kept = ctx.shield(twice(ctx, "a"));
      auto done = co_await perdure::attempt(kept);
      if (!done.is_cancelled()) co_return "not cancelled";
      int sum = co_await kept;
      co_return std::to_string(sum);
    });
    story.start();
    same(actions(story.cancelled()), "");
    same(actions(story.cancelled()), "");
    story.completed(1, 1);
    same(output(story.completed(2, 2)), "3");
  });
  test("a handle that is cancelled throws Cancelled; let pass, it fails the orchestration", [] {
    Story story([](Context &ctx) -> Task<void> {
      auto work = ctx.activity("a");
      is_true(work.cancel() && !work.cancel() && work.is_done(), "cancel says something else");
      co_await work;
    });
    Json answer = story.start();
    same(actions(answer), "ScheduleActivity a, Cancel 1");
    contains(failure(answer), "Cancelled: The code gave up its own work");
  });
  test("a task that cancels itself gives up what it awaits next", [] {
    Story story([](Context &ctx) -> Task<bool> {
      std::optional<perdure::Handle<void>> own;
      own = ctx.spawn([&ctx, &own]() -> Task<void> {
        own->cancel();
        co_await ctx.activity("a");
      });
      auto done = co_await perdure::attempt(*own);
      co_return done.is_cancelled();
    });
    Json answer = story.start();
    same(actions(answer), "ScheduleActivity a, Cancel 1");
    same(output(answer), true);
  });
  test("a spawned task that is cancelled before it began never runs", [] {
    Story story([](Context &ctx) -> Task<std::string> {
      bool ran = false;
      auto task = ctx.spawn([&ran]() -> Task<void> {
        ran = true;
        co_return;
      });
      task.cancel();
      auto done = co_await perdure::attempt(task);
      co_return done.is_cancelled() && !ran ? "never" : "it ran";
    });
    same(output(story.start()), "never");
  });
}

/// Does durable work when it is destroyed, which it should not.
struct Busy {
  Context &ctx;
  ~Busy() {
    ctx.set_custom_status("destroyed");
    static_cast<void>(ctx.activity("destroyed"));
    ctx.log.info("destroyed");
  }
};

void eviction() {
  test("what is evicted does nothing, whatever its destructors do", [] {
    Story story(
        [](Context &ctx) -> Task<void> {
          Busy busy{ctx};
          co_await ctx.activity("a");
        },
        0);
    Json answer = story.start();
    same(actions(answer), "ScheduleActivity a");
    is_true(answer["retained"] == Json(false), "it is kept");
    same(story.completed(1)["miss"], true);
    same(actions(story.again()), "ScheduleActivity a, SetCustomStatus, ScheduleActivity destroyed");
  });
  test("the cache keeps as many as it may, those used last", [] {
    perdure::detail::TurnHost host(2, {});
    host.add(perdure::detail::make_code("it", "1.0.0",
                                        [](Context &ctx) -> Task<void> { co_await ctx.timer(1s); }));
    for (const char *instance : {"a", "b", "c"}) {
      Json started = Json::object("id", 1, "at", 1, "kind", "OrchestrationStarted", "input", nullptr);
      Json request =
          Json::object("v", 1, "turn", 1, "instance", instance, "execution", 1, "orchestration", "it",
                       "version", "1.0.0", "from", 0, "replayed", 0, "events", Json::array(started));
      host.run(request.dump());
    }
    same(host.size(), 2);
    host.close();
    same(host.size(), 0);
  });
  test("a handle that outlives its orchestration is harmless", [] {
    std::optional<perdure::Handle<Json>> kept;
    {
      Story story([&kept](Context &ctx) -> Task<void> {
        kept = ctx.activity("a");
        co_await *kept;
      });
      story.start();
    }
    is_true(!kept->cancel() && !kept->is_done(), "it could be cancelled");
  });
}

void messages() {
  test("calls are answered by handlers that await, one after the other", [] {
    Story story([](Context &ctx) -> Task<std::string> {
      ctx.on_call("c", [&ctx](std::string item) { return ctx.activity<std::string>("pack", item); });
      co_return co_await ctx.wait_for_event<std::string>("stop");
    });
    story.start();
    same(actions(story.called("1", "book")), "ScheduleActivity pack");
    same(actions(story.called("2", 7)), "");
    Json answer = story.completed(3, "packed");
    same(actions(answer), "AnswerCall, WaitForCall c, AnswerCall, WaitForCall c");
    same(answer["actions"][0]["result"], "packed");
    contains(answer["actions"][2]["failure"]["message"].text(), "must be a string, not an integer");
  });
  test("queries see the state, also after the end", [] {
    Story story([](Context &ctx) -> Task<void> {
      int seen = 0;
      ctx.on_query("seen", [&seen] { return seen; });
      ctx.on_query("bad", [&ctx] { static_cast<void>(ctx.activity("a")); });
      for (; seen < 2; seen++) co_await ctx.wait_for_event("go");
    });
    story.start();
    same(story.query("seen")["result"], 0);
    story.raised("go", 1);
    same(story.query("seen")["result"], 1);
    contains(story.query("bad")["failure"]["message"].text(), "it cannot do durable work");
    contains(story.query("other")["failure"]["message"].text(), "it has 'bad', 'seen'");
    story.raised("go", 1);
    same(story.query("seen")["result"], 2);
  });
  test("a query after an end by exception is refused, not answered with what is gone", [] {
    Story story([](Context &ctx) -> Task<void> {
      std::vector<int> seen(100, 7);
      ctx.on_query("seen", [&seen] { return seen; });
      co_await ctx.activity("a");
    });
    story.start();
    story.failed(1, "Broken");
    contains(story.query("seen")["failure"]["type"].text(), "perdure.WrongStatus");
  });
  test("a message that does not fit fails its await", [] {
    Story story([](Context &ctx) -> Task<int> { co_return co_await ctx.wait_for_event<int>("go"); });
    story.start();
    same(failure(story.raised("go", "x")),
         "InvalidArgument: The data of event 'go' must be an integer, not a string.");
  });
}

void refusals() {
  test("an input that does not fit fails the orchestration", [] {
    Story story([](Context &, int) -> Task<void> { co_return; });
    contains(failure(story.start("seven")), "The input of orchestration 'it' must be an integer");
  });
  test("nothing durable to wait for is an error that names what it waits for", [] {
    Story story([](Context &ctx) -> Task<void> { co_await ctx.wait_until([] { return false; }); });
    contains(failure(story.start()), "NonDurableAwait: Nothing durable is open");
  });
  test("code that spins is stopped", [] {
    Story story([](Context &ctx) -> Task<void> {
      while (true) co_await ctx.wait_until([] { return true; });
    });
    contains(failure(story.start()), "a million steps");
  });
  test("tasks are no open work", [] {
    perdure::Limits limits;
    limits.pending_actions = 2;
    Story story(
        [](Context &ctx) -> Task<int> {
          auto one = [&]() -> Task<int> { co_return 1; };
          std::vector<perdure::Handle<int>> ones;
          for (int at = 0; at < 5; at++) ones.push_back(ctx.spawn(one()));
          auto found = co_await perdure::all(ones);
          co_return static_cast<int>(found.size());
        },
        10, limits);
    same(output(story.start()), 5);
  });
  test("limits are met at the call", [] {
    perdure::Limits limits;
    limits.payload_bytes = 1000;
    limits.pending_actions = 3;
    limits.kv_keys = 1;
    Story story(
        [](Context &ctx) -> Task<std::vector<std::string>> {
          std::vector<std::string> said;
          auto breach = [&](auto body) { said.push_back(perdure::attempt(body).failure().message); };
          std::string large(2000, 'x');
          breach([&] { return ctx.activity("a", large).action(); });
          breach([&] { return ctx.activity(std::string(257, 'n')).action(); });
          breach([&] { return ctx.wait_for_event("").action(); });
          breach([&] { return ctx.activity("a", std::string("a\0b", 3)).action(); });
          breach([&] { return ctx.raise_event(std::string(513, 'i'), "e").action(); });
          breach([&] { ctx.metric("m", std::nan("")); });
          ctx.kv.set("one", 1);
          breach([&] { ctx.kv.set("two", 2); });
          for (int at = 0; at < 3; at++) static_cast<void>(ctx.timer(1s));
          breach([&] { return ctx.timer(1s).action(); });
          co_return said;
        },
        10, limits);
    Json said = output(story.start());
    same(said.size(), 8);
    contains(said[0].text(), "The input of activity 'a' has 2002 bytes; the limit is 1000.");
    contains(said[1].text(), "The name of the activity has 257 bytes");
    contains(said[2].text(), "The name of the event is empty.");
    contains(said[3].text(), "NUL at byte 1");
    contains(said[4].text(), "The instance id has 513 bytes");
    contains(said[5].text(), "finite");
    contains(said[6].text(), "1 keys are set; the limit is 1 per instance.");
    contains(said[7].text(), "3 actions are pending; the limit is 3 per instance.");
  });
  test("a result and a failure that are too large fail it with what fits", [] {
    perdure::Limits limits;
    limits.payload_bytes = 1000;
    Story result([](Context &) -> Task<std::string> { co_return std::string(2000, 'x'); }, 10, limits);
    contains(failure(result.start()), "The result of orchestration 'it' has 2002 bytes");
    Story thrown_one(
        [](Context &) -> Task<void> {
          throw std::runtime_error(std::string(2000, 'x'));
          co_return;
        },
        10, limits);
    contains(failure(thrown_one.start()), "The failure of the orchestration has");
  });
  test("continue_as_new is for the orchestration itself", [] {
    Story story([](Context &ctx) -> Task<void> {
      co_await ctx.spawn([&ctx]() -> Task<void> {
        ctx.continue_as_new(1);
        co_return;
      });
    });
    contains(failure(story.start()), "WrongStatus: continue_as_new ends the orchestration");
  });
  test("a context that is used by another thread refuses", [] {
    Context *kept = nullptr;
    Story story([&kept](Context &ctx) -> Task<void> {
      kept = &ctx;
      co_await ctx.timer(1s);
    });
    story.start();
    contains(thrown<perdure::WrongStatus>([&] { static_cast<void>(kept->activity("a")); }), "outside of its");
    contains(thrown<perdure::WrongStatus>([&] { kept->set_custom_status(1); }), "outside of its");
  });
  test("a task that failed and that nobody awaited is told in the log", [] {
    Story story([](Context &ctx) -> Task<void> {
      static_cast<void>(ctx.spawn([]() -> Task<void> {
        throw std::runtime_error("lost");
        co_return;
      }));
      co_await ctx.timer(1s);
    });
    story.start();
    contains(story.fired(1)["logs"].dump(),
             "A task failed, and nobody has awaited it: std::runtime_error: lost");
  });
  test("turn requests that are none are refused", [] {
    Story story([](Context &) -> Task<void> { co_return; });
    for (std::string text :
         {"", "{}", "[]", "{\"v\":1", "{\"v\":1,\"turn\":\"x\"}", "{\"instance\":\"i\",\"from\":1.5}"}) {
      thrown<perdure::ProtocolViolation>([&] { story.host().run(text); });
    }
    Json other = story.request(0, Json::array());
    contains(thrown<perdure::NotFound>([&] { story.answer(other.set("orchestration", "other")); }),
             "'other'");
  });
}

void chance() {
  test("chance, GUIDs and time are the same in every run", [] {
    auto code = [](Context &ctx) -> Task<Json> {
      Json first = Json::array(ctx.new_guid(), ctx.random(), ctx.now_ms());
      co_await ctx.timer(1s);
      co_return first.push(ctx.new_guid());
    };
    Story story(code);
    story.start();
    Json live = output(story.fired(1)), replayed = output(story.again());
    same(live, replayed);
    same(live[0].text().size(), 36);
    is_true(live[0].text()[14] == '4' && live[0] != live[3], "it is no GUID");
  });
}

}  // namespace

int main() {
  together();
  cancellation();
  eviction();
  messages();
  refusals();
  chance();
  return finish();
}
