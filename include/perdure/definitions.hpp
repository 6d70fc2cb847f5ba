/// Orchestrations and activities as a value: for a runtime, and for the tests of them.
#ifndef PERDURE_DEFINITIONS_HPP
#define PERDURE_DEFINITIONS_HPP

#include "activity.hpp"
#include "turns.hpp"

namespace perdure {

/// Runs a function sometime, on whatever thread: where activities are to run.
using Executor = std::function<void(std::function<void()>)>;

/// Bounds what a runtime does of one activity.
struct ActivityLimits {
  /// Attempts at once, 1...10000.
  std::optional<int> concurrency = {};
  /// Attempts begun per `rate_period`, 1...1000000.
  std::optional<int> rate = {};
  Milliseconds rate_period = std::chrono::seconds(1);
  /// Where it runs, in place of the runtime's executor.
  Executor executor = {};
};

namespace detail {

/// Runs an attempt; returns its result as JSON text.
using AnyActivity = std::function<JsonText(ActivityContext &)>;

/// An activity as it was defined.
struct DefinedActivity {
  AnyActivity run;
  ActivityLimits limits;
};

template <class F>
AnyActivity any_activity(F function) {
  auto shared = std::make_shared<F>(std::move(function));
  return [shared](ActivityContext &context) -> JsonText {
    return {result_for(*shared, context, std::numeric_limits<std::int64_t>::max())};
  };
}

}  // namespace detail

/// Code under its names, for `Runtime::add`, `TestEnvironment` and `Simulation::add`. Copies share the
/// functions.
///
///     perdure::Definitions code;
///     code.orchestration("order", order).activity("charge", charge);
class Definitions {
 public:
  /// `Task<R> function(OrchestrationContext &, Input)`; the input may be left out. Throws AlreadyExists for a
  /// name and version that are there.
  template <detail::Function F>
  Definitions &orchestration(const std::string &name, F function, const std::string &version = "1.0.0") {
    return put(detail::make_code(name, version, std::move(function)));
  }
  /// The same, checked against the types of its name.
  template <class R, class... In, detail::Function F>
  Definitions &orchestration(const Orchestration<R(In...)> &target, F function) {
    static_assert(std::is_invocable_r_v<Task<R>, F &, OrchestrationContext &, In...>,
                  "The function must be Task<R>(OrchestrationContext &, Input) with the types of its name.");
    return orchestration(target.name, std::move(function), target.version);
  }

  /// `R function(ActivityContext &, Input)`; both arguments may be left out. A runtime calls it on several
  /// threads at once. Throws AlreadyExists for a name that is there.
  template <detail::Function F>
  Definitions &activity(const std::string &name, F function, const ActivityLimits &limits = {}) {
    return put(name, {detail::any_activity(std::move(function)), limits});
  }
  /// The same, checked against the types of its name.
  template <class R, class... In, detail::Function F>
  Definitions &activity(const Activity<R(In...)> &target, F function, const ActivityLimits &limits = {}) {
    static_assert(
        std::is_invocable_r_v<R, F &, ActivityContext &, In...> || std::is_invocable_r_v<R, F &, In...>,
        "The function must be R(ActivityContext &, Input) with the types of its name.");
    return activity(target.name, std::move(function), limits);
  }

  /// Those of another. Throws AlreadyExists for what is here.
  Definitions &add(const Definitions &others) {
    for (auto &code : others.orchestrations_) put(code);
    for (auto &[name, code] : others.activities_) put(name, code);
    return *this;
  }

  // For the header's own use.

  /// The same with other code of activities: what `wrap` makes of each.
  Definitions wrapped(const std::function<detail::AnyActivity(const detail::AnyActivity &)> &wrap) const {
    Definitions made = *this;
    for (auto &[name, code] : made.activities_) code.run = wrap(code.run);
    return made;
  }
  const std::vector<detail::OrchestrationCode> &orchestrations() const { return orchestrations_; }
  const std::map<std::string, detail::DefinedActivity> &activities() const { return activities_; }

 private:
  Definitions &put(detail::OrchestrationCode code) {
    for (auto &here : orchestrations_) {
      if (here.name != code.name || here.version != code.version) continue;
      throw AlreadyExists("Orchestration '" + code.name + "' version " + code.version + " is defined twice.");
    }
    orchestrations_.push_back(std::move(code));
    return *this;
  }
  Definitions &put(const std::string &name, detail::DefinedActivity code) {
    if (activities_.emplace(name, std::move(code)).second) return *this;
    throw AlreadyExists("Activity '" + name + "' is defined twice.");
  }
  std::vector<detail::OrchestrationCode> orchestrations_;
  std::map<std::string, detail::DefinedActivity> activities_;
};

}  // namespace perdure

#endif  // PERDURE_DEFINITIONS_HPP
