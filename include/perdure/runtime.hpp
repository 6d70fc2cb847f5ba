/// Runs orchestrations and activities in this process.
#ifndef PERDURE_RUNTIME_HPP
#define PERDURE_RUNTIME_HPP

#include "definitions.hpp"

namespace perdure {

struct RuntimeOptions {
  /// Activities at once, 1...10000.
  int activity_slots = 16;
  /// Threads that run orchestrations, 1...64.
  int turn_threads = 2;
  /// Off: every turn replays its history, to find code that is not deterministic.
  bool cache = true;
  /// Coroutines kept between turns; the rest is replayed when it goes on.
  int cached_instances = 10'000;
  /// Of the activities with a tag those that are taken; `any_tag`: all of them.
  std::vector<std::string> activity_tags = {};
  bool any_tag = false;
  /// And those without a tag.
  bool untagged_activities = true;
  /// Sessions held at one time, and when an unused one is given up.
  int sessions = 10;
  Milliseconds session_idle = std::chrono::minutes(5);
  /// An activity that was told to end keeps its slot so long.
  Milliseconds activity_grace = std::chrono::seconds(10);
  /// What becomes of an instance whose code and history differ: quarantined, or failed.
  bool fail_on_nondeterminism = false;
  /// It takes no work and writes nothing, for `replay` and `preflight`.
  bool replay_only = false;
  /// Schedules go on here, too.
  bool schedules = true;
  /// What the destructor gives to running activities.
  Milliseconds stop_grace = std::chrono::seconds(5);
  /// Where activities run; none: on threads of the engine.
  Executor executor = {};
  /// Is told what no exception can tell, such as an answer that the engine refused. None: it goes to stderr.
  std::function<void(const std::string &)> on_problem = {};

  /// As docs/wire-format.md has it.
  Json wire() const {
    auto nondeterminism = fail_on_nondeterminism ? "fail" : "quarantine";
    Json wire = Json::object("activitySlots", activity_slots, "turnThreads", turn_threads, "cache",
                             cache ? "on" : "off", "cachedInstances", cached_instances);
    wire.set("activityTags", any_tag ? Json("any") : Json::of(activity_tags));
    wire.set("untaggedActivities", untagged_activities).set("sessions", sessions);
    wire.set("sessionIdleMS", detail::wire_ms(session_idle, "session_idle"));
    wire.set("activityGraceMS", detail::wire_ms(activity_grace, "activity_grace", 0));
    wire.set("nondeterminism", nondeterminism).set("replayOnly", replay_only).set("schedules", schedules);
    return wire;
  }
};

namespace detail {

/// What callbacks need; lives until the engine has made the last of them.
struct RuntimeCore : AttemptHost, std::enable_shared_from_this<RuntimeCore> {
  RuntimeCore(const Store &on, const RuntimeOptions &given)
      : store(on),
        options(given),
        turns(
            given.cache && given.cached_instances > 0 ? static_cast<std::size_t>(given.cached_instances) : 0,
            on.limits()) {
    limits = on.limits();
  }
  Client client() override {
    std::lock_guard lock(mutex);
    if (!shared_client) shared_client.emplace(store);
    return *shared_client;
  }
  void report(const std::string &problem) override {
    if (options.on_problem) return options.on_problem(problem);
    std::fprintf(stderr, "perdure: %s\n", problem.c_str());
  }
  void close() {
    turns.close();
    std::lock_guard lock(mutex);
    shared_client.reset();
    store.close();
  }

  Store store;
  RuntimeOptions options;
  TurnHost turns;
  std::mutex mutex;
  std::optional<Client> shared_client;
};

inline void report_refusal(RuntimeCore &core, dx_error *error) {
  if (error == nullptr) return;
  if (dx_error_code(error) != DX_STALE) {
    core.report(std::string("The engine refused the answer of a turn: ") + dx_error_message(error));
  }
  dx_error_free(error);
}

/// A turn, on a thread of the engine.
inline void run_turn(dx_turn *turn, void *user_data) noexcept {
  auto &core = **static_cast<std::shared_ptr<RuntimeCore> *>(user_data);
  try {
    std::string answer;
    try {
      dx_text request;
      check(dx_turn_input(turn, &request));
      answer = core.turns.run(view_of(request));
    } catch (...) {
      // A turn that cannot be run says nothing about the instance: the engine tries again later.
      std::string failure = failure_text(failure_of(std::current_exception()));
      return report_refusal(core, dx_turn_fail(turn, text_of(failure)));
    }
    report_refusal(core, dx_turn_complete(turn, text_of(answer)));
  } catch (...) {
    dx_error_free(dx_turn_fail(turn, text_of("{\"type\":\"std::bad_alloc\",\"message\":\"\"}")));
  }
}

/// An activity as it was registered.
template <class F>
struct ActivityCode {
  std::shared_ptr<RuntimeCore> core;
  Executor executor;
  F function;

  static void run(dx_activity *token, void *user_data) noexcept {
    auto &code = *static_cast<std::shared_ptr<ActivityCode> *>(user_data);
    std::shared_ptr<HandedAttempt> attempt;
    try {
      attempt = std::make_shared<HandedAttempt>(token, code->core);
      if (!code->executor) return run_attempt(code->function, *attempt);
      code->executor([attempt, code = code] { run_attempt(code->function, *attempt); });
    } catch (...) {
      if (attempt == nullptr) {
        dx_error_free(dx_activity_fail(token, text_of("{\"type\":\"std::bad_alloc\",\"message\":\"\"}")));
      } else if (attempt->is_open()) {
        attempt->fail(failure_of(std::current_exception()));
      }
    }
  }
};

}  // namespace detail

/// Runs what is registered with it, from `start` until `stop` or its end.
///
///     perdure::Runtime runtime(store);
///     runtime.orchestration("order", order);
///     runtime.activity("charge", charge);
///     runtime.start();
class Runtime {
 public:
  explicit Runtime(const Store &store, const RuntimeOptions &options = {})
      : core_(std::make_shared<detail::RuntimeCore>(store, options)) {
    check_library();
    std::string config = options.wire().dump();
    dx_runtime_options wire = DX_RUNTIME_OPTIONS_INIT;
    wire.config = detail::text_of(config);
    dx_runtime *made = nullptr;
    detail::check(dx_runtime_new(store.handle(), &wire, &made));
    handle_ = std::shared_ptr<dx_runtime>(made, dx_runtime_free);
  }
  Runtime(Runtime &&) = delete;
  /// Stops with `stop_grace`; without when an exception is on its way.
  ~Runtime() {
    try {
      stop(std::uncaught_exceptions() > exceptions_ ? Milliseconds(0) : core_->options.stop_grace);
    } catch (const std::exception &error) {
      core_->report(std::string("The runtime could not be stopped: ") + error.what());
    }
  }

  /// Registers `Task<R> function(OrchestrationContext &, Input)`, before `start` only. The input may be left
  /// out. Throws AlreadyExists for a name and version that are there.
  template <detail::Function F>
  Runtime &orchestration(const std::string &name, F function, const std::string &version = "1.0.0") {
    return add(detail::make_code(name, version, std::move(function)));
  }
  /// The same, checked against the types of its name.
  template <class R, class... In, detail::Function F>
  Runtime &orchestration(const Orchestration<R(In...)> &target, F function) {
    static_assert(std::is_invocable_r_v<Task<R>, F &, OrchestrationContext &, In...>,
                  "The function must be Task<R>(OrchestrationContext &, Input) with the types of its name.");
    return orchestration(target.name, std::move(function), target.version);
  }

  /// Registers `R function(ActivityContext &, Input)`, before `start` only; both arguments may be left out.
  /// It is called by several threads at once.
  template <detail::Function F>
  Runtime &activity(const std::string &name, F function, const ActivityLimits &limits = {}) {
    using Code = detail::ActivityCode<std::decay_t<F>>;
    auto *runtime = handle();
    auto executor = limits.executor ? limits.executor : core_->options.executor;
    auto code = std::make_shared<Code>(Code{core_, std::move(executor), std::move(function)});
    auto owned = std::make_unique<std::shared_ptr<Code>>(std::move(code));
    dx_release_fn release = [](void *held) { delete static_cast<std::shared_ptr<Code> *>(held); };
    detail::check(dx_register_activity(runtime, detail::text_of(name), &Code::run, owned.release(), release));
    Json wire = Json::object();
    if (limits.concurrency) wire.set("concurrency", *limits.concurrency);
    if (limits.rate) {
      wire.set("rate", *limits.rate).set("ratePeriodMS", detail::wire_ms(limits.rate_period, "rate_period"));
    }
    std::string text = wire.dump();
    if (!wire.empty()) {
      detail::check(dx_runtime_limit_activity(runtime, detail::text_of(name), detail::text_of(text)));
    }
    return *this;
  }
  /// The same, checked against the types of its name.
  template <class R, class... In, detail::Function F>
  Runtime &activity(const Activity<R(In...)> &target, F function, const ActivityLimits &limits = {}) {
    static_assert(
        std::is_invocable_r_v<R, F &, ActivityContext &, In...> || std::is_invocable_r_v<R, F &, In...>,
        "The function must be R(ActivityContext &, Input) with the types of its name.");
    return activity(target.name, std::move(function), limits);
  }

  /// Registers all of them.
  Runtime &add(const Definitions &definitions) {
    for (auto &code : definitions.orchestrations()) add(code);
    for (auto &[name, code] : definitions.activities()) activity(name, code.run, code.limits);
    return *this;
  }

  /// Begins to take work. Throws a StoreError if the store cannot be used.
  Runtime &start() {
    detail::check(dx_runtime_start(handle()));
    is_started_ = true;
    return *this;
  }
  /// Takes no new work, gives running activities `grace`, hands the rest back, and closes. Instances stay
  /// where they are; the next runtime on the store goes on with them. Stopping twice is harmless.
  void stop(Milliseconds grace = std::chrono::seconds(5));

  /// Replays a recorded history ("Recorded history" of docs/wire-format.md: an export, or one execution)
  /// against the code of this runtime, which must have been started. Changes nothing. "Replay report": its
  /// `verdict` is "same" if all is well, its `message` says it in a sentence.
  Json replay(const std::string &history,
              std::optional<Milliseconds> timeout = std::chrono::minutes(1)) const {
    return waited(dx_history_replay, history, timeout);
  }
  /// Replays every open instance of the store against the code of this runtime, which must have been started.
  /// Changes nothing. `request`: "Preflight request". "Preflight report": `isClean` says whether this code
  /// can take over all that is open.
  Json preflight(const Json &request = Json::object(), std::optional<Milliseconds> timeout = {}) const {
    return waited(dx_runtime_preflight, request.dump(), timeout);
  }
  /// Live coroutines that are kept now.
  std::size_t cached_instances() const { return core_->turns.size(); }
  /// For C functions; borrowed. Throws InvalidHandle after `stop`.
  dx_runtime *handle() const { return detail::open_handle(handle_, "runtime"); }

 private:
  Runtime &add(detail::OrchestrationCode code) {
    auto *runtime = handle();
    std::string name = code.name, version = code.version;
    core_->turns.add(std::move(code));
    auto owned = std::make_unique<std::shared_ptr<detail::RuntimeCore>>(core_);
    dx_release_fn release = [](void *core) {
      delete static_cast<std::shared_ptr<detail::RuntimeCore> *>(core);
    };
    detail::check(dx_register_orchestration(runtime, detail::text_of(name), detail::text_of(version),
                                            detail::run_turn, owned.release(), release));
    return *this;
  }
  template <class Function>
  Json waited(Function function, const std::string &request, std::optional<Milliseconds> timeout) const {
    auto *runtime = handle();
    detail::Waiting waiting;
    return detail::answer_of(waiting.block([&](dx_wait_fn done, void *to) {
      return function(runtime, detail::text_of(request), detail::timeout_ms(timeout), done, to);
    }));
  }

  std::shared_ptr<detail::RuntimeCore> core_;
  std::shared_ptr<dx_runtime> handle_;
  bool is_started_ = false;
  int exceptions_ = std::uncaught_exceptions();
};

inline void Runtime::stop(Milliseconds grace) {
  if (!handle_) return;
  if (std::exchange(is_started_, false)) {
    struct Stopped {
      std::mutex mutex;
      std::condition_variable changed;
      bool is_done = false;
    } stopped;
    dx_stop_fn done = [](void *user_data) {
      auto &it = *static_cast<Stopped *>(user_data);
      std::lock_guard lock(it.mutex);
      it.is_done = true;
      it.changed.notify_all();
    };
    auto ms = std::clamp<std::int64_t>(grace.count(), 0, detail::longest_ms);
    auto *error = dx_runtime_stop(handle_.get(), ms, done, &stopped);
    if (error == nullptr) {
      std::unique_lock lock(stopped.mutex);
      stopped.changed.wait(lock, [&] { return stopped.is_done; });
    } else if (dx_error_code(error) == DX_FORKED) {
      // The parent's runtime goes on.
      dx_error_free(error);
    } else {
      handle_.reset();
      core_->close();
      detail::check(error);
    }
  }
  handle_.reset();
  core_->close();
}

}  // namespace perdure

#endif  // PERDURE_RUNTIME_HPP
