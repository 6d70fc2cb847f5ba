/// What a scenario says: who is registered, what happens from outside, and what must hold.
#ifndef PERDURE_TESTING_SIMULATION_HPP
#define PERDURE_TESTING_SIMULATION_HPP

#include <set>

#include "stubs.hpp"

namespace perdure {

/// What an invariant looks at: the instances, at the end of a run or after a commit.
class World {
 public:
  /// `instances` as "Simulation end" of docs/wire-format.md has them; `ended`: the rest of it.
  World(std::vector<Json> instances, const Json &ended)
      : elapsed(ended["elapsedMS"].as<std::optional<std::int64_t>>().value_or(0)),
        instances_(std::move(instances)) {
    for (auto &each : ended["refused"]) refused.emplace(each["line"].as<int>(), each["why"].text());
  }

  /// Why lines of the script were refused, by the number that `Simulation::event` and its like returned. At
  /// the end of a run only.
  std::map<int, std::string> refused;
  /// Virtual time since the begin. At the end of a run only.
  Milliseconds elapsed;

  std::vector<Description> instances() const {
    std::vector<Description> all;
    for (auto &each : instances_) all.push_back(Description::of_wire(each["description"]));
    return all;
  }
  /// The description of an instance. Throws NotFound, as the others do.
  Description instance(std::string_view instance) const {
    return Description::of_wire(known(instance)["description"]);
  }
  /// The events of the current execution. At the end of a run only.
  std::vector<Json> history(std::string_view instance) const { return known(instance)["history"].elements(); }
  /// The key-value state. At the end of a run only.
  std::map<std::string, Json> kv(std::string_view instance) const {
    std::map<std::string, Json> found;
    for (auto &entry : known(instance)["kv"]) found.emplace(entry["key"].text(), entry["value"]);
    return found;
  }
  /// What an instance that has not ended waits for, in words.
  std::vector<std::string> waits(std::string_view instance) const {
    return known(instance)["waits"].as<std::optional<std::vector<std::string>>>().value_or(
        std::vector<std::string>());
  }

 private:
  const Json &known(std::string_view instance) const {
    for (auto &each : instances_) {
      if (each["description"]["instance"].text() == instance) return each;
    }
    throw NotFound("There is no instance '" + std::string(instance) + "' in the simulation.");
  }
  std::vector<Json> instances_;
};

/// When something happens from outside: so long after the begin, or after the moment in which an activity
/// says so.
struct LineOptions {
  Milliseconds after = {};
};
struct SendOptions {
  Milliseconds after = {};
  /// If there is no such instance, keep it for a later start.
  bool keep = false;
};
struct CancelOptions {
  Milliseconds after = {};
  /// How long the instance may clean up.
  std::optional<Milliseconds> grace = {};
};

namespace detail {

class Rehearsal;

/// What must hold, under its name.
struct Invariant {
  std::string name;
  std::function<bool(const World &)> holds;
};

template <class F>
Invariant invariant(std::string name, F check) {
  if constexpr (std::is_invocable_v<F &, const World &>) {
    using Result = std::invoke_result_t<F &, const World &>;
    static_assert(std::is_void_v<Result> || std::is_convertible_v<Result, bool>,
                  "A check returns whether it holds, or nothing and throws.");
    return {std::move(name), [check](const World &world) mutable -> bool {
              if constexpr (std::is_void_v<Result>) {
                check(world);
                return true;
              } else {
                return check(world);
              }
            }};
  } else {
    static_assert(std::is_invocable_v<F &>, "A check takes a const World &, or nothing.");
    return invariant(std::move(name), [check](const World &) mutable { return check(); });
  }
}

}  // namespace detail

/// One run, as the scenario describes it. The scenario is called anew for each schedule: state that it makes
/// (`state`) is fresh. Everything happens on the thread that called `simulate`.
class Simulation {
 public:
  Simulation() = default;
  Simulation(Simulation &&) = delete;

  // ---- Who is registered ----

  /// Orchestrations, and activities that are to run as they are.
  Simulation &add(const Definitions &definitions) {
    definitions_.add(definitions);
    return *this;
  }
  /// As `Definitions::orchestration`.
  template <class Name, detail::Function F>
  Simulation &orchestration(const Name &name, F function) {
    definitions_.orchestration(name, std::move(function));
    return *this;
  }
  template <detail::Function F>
  Simulation &orchestration(const std::string &name, F function, const std::string &version) {
    definitions_.orchestration(name, std::move(function), version);
    return *this;
  }
  /// Runs `stub` in place of an activity, defined or not.
  Simulation &activity(const std::string &name, Stub stub) {
    stubs_.set(name, std::move(stub));
    return *this;
  }
  template <class Signature>
  Simulation &activity(const Activity<Signature> &target, Stub stub) {
    return activity(target.name, std::move(stub));
  }
  /// Makes something that stubs and checks refer to, and that lives as long as the run: locals of the
  /// scenario are gone when the run begins.
  template <class T, class... Arguments>
  T &state(Arguments &&...arguments) {
    auto made = std::make_shared<T>(std::forward<Arguments>(arguments)...);
    kept_.push_back(made);
    return *made;
  }

  // ---- What happens from outside ----

  /// Starts an instance and returns its id: that of the options, or the name with a number.
  template <class In = std::nullptr_t>
  std::string start(std::string_view orchestration, const In &input = {}, StartOptions options = {},
                    const LineOptions &when = {}) {
    started_++;
    if (options.instance.empty()) {
      options.instance = std::string(orchestration) + "-" + std::to_string(started_);
    }
    std::string what = "The input of orchestration '" + std::string(orchestration) + "'";
    line("start", detail::start_text(orchestration, detail::encode(input, what), options), when.after);
    return options.instance;
  }
  /// The same by its typed name.
  template <class R, class In>
  std::string start(const Orchestration<R(In)> &orchestration, const std::type_identity_t<In> &input,
                    const StartOptions &options = {}, const LineOptions &when = {}) {
    return start<std::remove_cvref_t<In>>(orchestration.name, input, options, when);
  }
  template <class R>
  std::string start(const Orchestration<R()> &orchestration, const StartOptions &options = {},
                    const LineOptions &when = {}) {
    return start(orchestration.name, nullptr, options, when);
  }
  /// Raises an event; simulated time may make it later. Returns its number for `World::refused`, as all of
  /// the following do.
  template <class T = std::nullptr_t>
  int event(std::string_view instance, std::string_view name, const T &data = {},
            const SendOptions &options = {}) {
    return send("event", instance, name, data, options);
  }
  template <class T = std::nullptr_t>
  int enqueue(std::string_view instance, std::string_view queue, const T &data = {},
              const SendOptions &options = {}) {
    return send("queue", instance, queue, data, options);
  }
  template <class T = std::nullptr_t>
  int publish(std::string_view topic, const T &data = {}, const LineOptions &when = {}) {
    Json request = Json::object("topic", topic);
    request.set("data", Json::of(data));
    return line("publish", request.dump(), when.after);
  }
  /// Calls a handler of the orchestration. Its answer is seen in what it does.
  template <class T = std::nullptr_t>
  int call(std::string_view instance, std::string_view name, const T &input = {},
           const LineOptions &when = {}) {
    Json request = Json::object("instance", instance, "name", name);
    request.set("input", Json::of(input)).set("call", "call-" + std::to_string(count_));
    return line("call", request.dump(), when.after);
  }
  int cancel(std::string_view instance, std::string_view reason = {}, const CancelOptions &options = {}) {
    return control("cancel", instance, reason, options);
  }
  int suspend(std::string_view instance, std::string_view reason = {}, const LineOptions &when = {}) {
    return control("suspend", instance, reason, {when.after});
  }
  int resume(std::string_view instance, std::string_view reason = {}, const LineOptions &when = {}) {
    return control("resume", instance, reason, {when.after});
  }
  int terminate(std::string_view instance, std::string_view reason = {}, const LineOptions &when = {}) {
    return control("terminate", instance, reason, {when.after});
  }
  /// Ends an attempt that was deferred. Activities may call it and its like: time counts from then.
  template <class T = std::nullptr_t>
  int complete_activity(std::string_view token, const T &result = {}, const LineOptions &when = {}) {
    Json request = Json::object("token", token);
    return line("complete", request.set("result", Json::of(result)).dump(), when.after);
  }
  int fail_activity(std::string_view token, const Failure &failure, const LineOptions &when = {}) {
    std::string request = Json::object("token", token).dump();
    request.back() = ',';
    return line("complete", request + "\"failure\":" + detail::failure_text(failure) + "}", when.after);
  }
  int fail_activity(std::string_view token, const std::exception_ptr &error, const LineOptions &when = {}) {
    return fail_activity(token, detail::failure_of(error), when);
  }

  // ---- What must hold ----

  /// Looks at the end of the run. `check` takes a `const World &` or nothing. It fails by returning false, or
  /// by throwing.
  template <class F>
  Simulation &check(std::string name, F check) {
    checks_.push_back(detail::invariant(std::move(name), std::move(check)));
    return *this;
  }
  /// Looks after every commit, too. What it sees of instances has no history.
  template <class F>
  Simulation &always(std::string name, F check) {
    always_.push_back(detail::invariant(std::move(name), std::move(check)));
    return *this;
  }
  /// These need not have ended when nothing goes on any more; without names none need.
  template <std::convertible_to<std::string>... Instances>
  Simulation &may_wait(const Instances &...instances) {
    if constexpr (sizeof...(instances) == 0) {
      all_may_wait_ = true;
    } else {
      (patient_.emplace(instances), ...);
    }
    return *this;
  }

 private:
  friend class detail::Rehearsal;

  template <class T>
  int send(const char *channel, std::string_view instance, std::string_view name, const T &data,
           const SendOptions &options) {
    Json request = Json::object("instance", instance, "channel", channel, "name", name);
    request.set("data", Json::of(data)).set("keep", options.keep);
    return line("send", request.dump(), options.after);
  }
  int control(const char *operation, std::string_view instance, std::string_view reason,
              const CancelOptions &options) {
    Json request = Json::object("instance", instance, "operation", operation, "reason", reason);
    if (options.grace) request.set("graceMS", detail::wire_ms(*options.grace, "grace", 0));
    return line("control", request.dump(), options.after);
  }
  int line(const char *kind, const std::string &request, Milliseconds after) {
    if (!lines_.empty()) lines_ += ',';
    lines_ += "{\"afterMS\":" + std::to_string(detail::wire_ms(after, "after", 0));
    lines_.append(",\"").append(kind).append("\":").append(request).append("}");
    return count_++;
  }

  Definitions definitions_;
  detail::StubTable stubs_;
  std::vector<std::shared_ptr<void>> kept_;
  /// Those that the library has not got yet.
  std::string lines_;
  int count_ = 0, started_ = 0;
  std::vector<detail::Invariant> checks_, always_;
  std::set<std::string, std::less<>> patient_;
  bool all_may_wait_ = false;
};

}  // namespace perdure

#endif  // PERDURE_TESTING_SIMULATION_HPP
