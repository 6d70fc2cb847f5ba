/// A store with virtual time, a runtime on it, and stubs in place of activities.
#ifndef PERDURE_TESTING_ENVIRONMENT_HPP
#define PERDURE_TESTING_ENVIRONMENT_HPP

#include "../runtime.hpp"
#include "stubs.hpp"

namespace perdure {

struct TestOptions {
  /// What runs in place of activities, by name.
  std::map<std::string, Stub> stubs = {};
  /// The time at which it begins; 2026-01-01 UTC without.
  std::optional<Time> start = {};
  /// "memory:" or "sqlite:PATH".
  std::string store = "memory:";
  /// How much of the system's time `run`, `advance` and `settle` wait.
  Milliseconds timeout = std::chrono::seconds(30);
  /// Of the runtime. It takes activities of any tag, if no tags are given.
  RuntimeOptions runtime = {};
};

/// What a test expected is not so. `what()`: what was expected, and what is there: several lines for people.
class ExpectationFailed : public Error {
 public:
  explicit ExpectationFailed(const std::string &message) : Error(message) {}
};

/// For tests of orchestrations:
///
///     perdure::TestEnvironment env(code, {.stubs = {{"charge", in_turn(CardDeclined("no"), "paid")}}});
///     assert(env.run(subscription, "ada") == 12);
///     assert(env.calls("charge").size() == 13);
///
/// Time stands still while anything is at work, and skips to the next moment at which something is due while
/// the test waits: for a result, a status, the answer to a call. A year takes milliseconds. Retries, time
/// limits, timers and delayed starts follow it. An activity that runs holds it.
///
/// An activity that is neither defined nor stubbed fails with `perdure.NotRegistered`, and is not retried.
///
/// In a process whose environment has `PERDURE_TEST_REPLAY` (to anything but 0), every turn is run again from
/// its history, so that code that is not deterministic shows.
class TestEnvironment {
 public:
  /// Opens the store and starts the runtime. `definitions`: orchestrations, and activities that may be
  /// stubbed later.
  explicit TestEnvironment(Definitions definitions, TestOptions options = {})
      : definitions_(std::move(definitions)),
        options_(std::move(options.runtime)),
        timeout_(options.timeout),
        store_(options.store, {.config = config(options.start)}),
        client_(store_),
        stubs_(std::make_shared<detail::Stubs>(store_)) {
    if (options_.activity_tags.empty()) options_.any_tag = true;
    options_.stop_grace = Milliseconds(0);
    const char *replays = std::getenv("PERDURE_TEST_REPLAY");
    if (replays != nullptr && std::string_view(replays) != "0") options_.cache = false;
    for (auto &[name, stub] : options.stubs) stubs_->set(name, stub);
    begin();
  }
  TestEnvironment(TestEnvironment &&) = delete;
  ~TestEnvironment() {
    runtime_.reset();
    stubs_->close();
  }

  // ---- Stubs ----

  /// What runs in place of an activity, defined or not, from its next attempt on.
  void stub(const std::string &activity, Stub stub) { stubs_->set(activity, std::move(stub)); }
  template <class Signature>
  void stub(const Activity<Signature> &activity, Stub stub) {
    stubs_->set(activity.name, std::move(stub));
  }
  /// The activity runs as it is defined again.
  void unstub(const std::string &activity) { stubs_->remove(activity); }
  template <class Signature>
  void unstub(const Activity<Signature> &activity) {
    stubs_->remove(activity.name);
  }
  /// The attempts so far, stubbed or not, in the order of their beginning: of one activity, or of all.
  std::vector<ActivityCall> calls(std::string_view activity = {}) const { return stubs_->calls(activity); }
  template <class Signature>
  std::vector<ActivityCall> calls(const Activity<Signature> &activity) const {
    return stubs_->calls(activity.name);
  }

  // ---- Time ----

  /// The virtual time.
  Time now() const { return store_.now(); }
  /// Moves time, stopping at each moment on the way at which something is due, until nothing is at work.
  /// Returns the time that it is then. Throws TimedOut when something goes on, such as an activity that does
  /// not answer.
  Time advance(Milliseconds duration) { return store_.advance(duration, timeout_); }
  /// The same to a moment; one that has passed is as good as now.
  Time advance_to(Time time) { return advance(std::max(time - now(), Milliseconds(0))); }
  /// Waits until nothing is at work, without moving time.
  void settle() { advance(Milliseconds(0)); }

  // ---- Instances ----

  /// Starts an instance and returns its result, however long that takes in virtual time. Throws what
  /// `Client::result` throws; TimedOut says what the instance waits for.
  template <class R = Json, class In = std::nullptr_t>
  R run(std::string_view orchestration, const In &input = {}, const StartOptions &options = {}) {
    return result<R>(client_.start(orchestration, input, options));
  }
  /// The same by its typed name.
  template <class R, class In>
  R run(const Orchestration<R(In)> &orchestration, const std::type_identity_t<In> &input,
        const StartOptions &options = {}) {
    return result<R>(client_.start(orchestration, input, options));
  }
  template <class R>
  R run(const Orchestration<R()> &orchestration, const StartOptions &options = {}) {
    return result<R>(client_.start(orchestration, options));
  }
  /// The result of an instance that runs, in the same way.
  template <class R = Json>
  R result(std::string_view instance) {
    return waited(instance).template result<R>();
  }

  const Store &store() const { return store_; }
  /// An ordinary client: it sends messages, and reads histories and descriptions.
  const Client &client() const { return client_; }
  /// The runtime that works on the store now.
  Runtime &runtime() { return *runtime_; }

  // ---- Expectations: each throws ExpectationFailed with what is there in place of what was expected ----

  /// An activity was attempted that often, stubbed or not. Returns the attempts.
  std::vector<ActivityCall> expect_calls(std::string_view activity, std::size_t count) const;
  /// An activity was attempted with these inputs, in this order.
  void expect_inputs(std::string_view activity, const std::vector<Json> &inputs) const;
  /// The first attempts of activities came in this order.
  void expect_order(const std::vector<std::string> &activities) const;
  /// An instance has a status now.
  Description expect_status(std::string_view instance, std::string_view status) const;
  /// An instance ends with an output, however long that takes in virtual time.
  template <class T>
  void expect_output(std::string_view instance, const T &output) const {
    expect_output_json(instance, Json::of(output));
  }
  /// An instance ends as failed, with a failure of that type, or of any.
  Failure expect_failure(std::string_view instance, std::string_view type = {}) const;
  /// The history of an instance is what code of today makes of it: that of this environment, or other.
  void expect_replay(std::string_view instance) const { expect_replay(instance, definitions_); }
  void expect_replay(std::string_view instance, const Definitions &definitions) const;
  /// What an instance has come to, and what it waits for: one line for people.
  std::string report(std::string_view instance) const;
  /// The same of all instances, and all attempts of activities: for the message of a test that fails.
  std::string report() const;

  // ---- Life ----

  /// Stops the runtime and starts another one on the same store, as a deployment does. Stubs and the record
  /// of calls stay.
  void restart() {
    runtime_.reset();
    begin();
  }
  /// The same with other code.
  void restart(Definitions definitions) {
    definitions_ = std::move(definitions);
    restart();
  }

 private:
  static Json config(const std::optional<Time> &start) {
    Json clock = Json::object("mode", "virtual");
    if (start) clock.set("startMS", start->time_since_epoch().count());
    return Json::object("clock", clock);
  }
  void begin() {
    auto noted = [this](const detail::AnyActivity &original) -> detail::AnyActivity {
      return [stubs = stubs_, original](ActivityContext &ctx) { return stubs->run(ctx, original); };
    };
    detail::AnyActivity unknown = [](ActivityContext &ctx) -> detail::JsonText {
      throw NotRegistered("Activity '" + ctx.name() +
                          "' is neither defined nor stubbed in this test environment.");
    };
    runtime_ = std::make_unique<Runtime>(store_, options_);
    runtime_->add(definitions_.wrapped(noted));
    runtime_->activity(detail::any_activity_name, noted(unknown)).start();
  }
  void expect_output_json(std::string_view instance, const Json &output) const;
  Description waited(std::string_view instance) const {
    try {
      return client_.wait(instance, timeout_);
    } catch (const TimedOut &error) {
      Json why = client_.manage(Json::object("operation", "why", "instance", instance));
      std::string message = error.what();
      if (!why["summary"].text().empty()) message += ": " + why["summary"].text();
      throw TimedOut(message, error.is_transient(), error.details());
    }
  }

  Definitions definitions_;
  RuntimeOptions options_;
  Milliseconds timeout_;
  Store store_;
  Client client_;
  std::shared_ptr<detail::Stubs> stubs_;
  std::unique_ptr<Runtime> runtime_;
};

}  // namespace perdure

#include "expectations.hpp"

#endif  // PERDURE_TESTING_ENVIRONMENT_HPP
