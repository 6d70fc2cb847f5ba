/// How work is to be run: retries, time limits, routing; the limits that code meets at the call; typed names.
#ifndef PERDURE_OPTIONS_HPP
#define PERDURE_OPTIONS_HPP

#include "failure.hpp"

namespace perdure {

/// A moment, to the millisecond.
using Time = std::chrono::time_point<std::chrono::system_clock, Milliseconds>;

/// The name of an activity with its types: `const perdure::Activity<std::string(Order)> charge{"charge"};`
template <class Signature>
struct Activity;
template <class R, class... Input>
struct Activity<R(Input...)> {
  static_assert(sizeof...(Input) <= 1,
                "An activity has at most one input; put several values into a struct.");
  std::string name;
};

/// The name of an orchestration with its types.
template <class Signature>
struct Orchestration;
template <class R, class... Input>
struct Orchestration<R(Input...)> {
  static_assert(sizeof...(Input) <= 1, "An orchestration has at most one input; put several into a struct.");
  std::string name;
  /// A semantic version. Starts and calls without a version of their own take the highest that is registered.
  std::string version = "1.0.0";
};

enum class Backoff { none, fixed, linear, exponential };
constexpr auto perdure_names(Backoff) {
  return std::array{std::pair{Backoff::none, "none"}, std::pair{Backoff::fixed, "fixed"},
                    std::pair{Backoff::linear, "linear"}, std::pair{Backoff::exponential, "exponential"}};
}

/// What becomes of a child that is still open when its parent ends.
enum class ClosePolicy { cancel, terminate, abandon };
constexpr auto perdure_names(ClosePolicy) {
  return std::array{std::pair{ClosePolicy::cancel, "cancel"}, std::pair{ClosePolicy::terminate, "terminate"},
                    std::pair{ClosePolicy::abandon, "abandon"}};
}

enum class MetricKind { counter, gauge, histogram };
constexpr auto perdure_names(MetricKind) {
  return std::array{std::pair{MetricKind::counter, "counter"}, std::pair{MetricKind::gauge, "gauge"},
                    std::pair{MetricKind::histogram, "histogram"}};
}

// The options below are set by functions of their names, which can be chained. They are no aggregates on
// purpose: GCC 12 destroys an aggregate twice that is made inside of a `co_await` expression.

/// Whether and when a failed attempt is followed by another. Executed by the engine, across restarts:
/// `perdure::RetryPolicy().max_attempts(5).initial_interval(1s).non_retryable("CardDeclined")`
///
/// The pause after the n-th failed attempt: none 0, fixed d, linear d * n, exponential d * c^(n - 1). What a
/// failure says itself (`retry_after`) stands in its place; one that is `non_retryable` ends the activity.
class RetryPolicy {
 public:
  RetryPolicy() {}
  /// The first one included; 0: no limit. Default 3.
  RetryPolicy &max_attempts(int count) { return max_attempts_ = count, *this; }
  /// Default exponential.
  RetryPolicy &backoff(Backoff kind) { return backoff_ = kind, *this; }
  /// Default 100 ms.
  RetryPolicy &initial_interval(Milliseconds pause) { return initial_interval_ = pause, *this; }
  /// 1...1000, default 2.
  RetryPolicy &coefficient(double factor) { return coefficient_ = factor, *this; }
  /// Default 30 s.
  RetryPolicy &max_interval(Milliseconds pause) { return max_interval_ = pause, *this; }
  /// Up to this part (0...1) of a pause is left out. Default 0.
  RetryPolicy &jitter(double part) { return jitter_ = part, *this; }
  /// A type of failures that end the activity at once; may be called for several.
  RetryPolicy &non_retryable(std::string type) { return non_retryable_.push_back(std::move(type)), *this; }

  /// As docs/wire-format.md has it: what differs from the defaults. Throws InvalidArgument.
  Json wire() const;

 private:
  int max_attempts_ = 3;
  Backoff backoff_ = Backoff::exponential;
  Milliseconds initial_interval_ = Milliseconds(100);
  double coefficient_ = 2;
  Milliseconds max_interval_ = std::chrono::seconds(30);
  double jitter_ = 0;
  std::vector<std::string> non_retryable_;
};

/// How one activity is to be run: `perdure::ActivityOptions().retry(policy).start_to_close(10s)`
class ActivityOptions {
 public:
  ActivityOptions() {}
  /// Without: one attempt.
  ActivityOptions &retry(RetryPolicy policy) { return retry_ = std::move(policy), *this; }
  /// From the schedule to the first attempt. Not retried.
  ActivityOptions &schedule_to_start(Milliseconds time) { return schedule_to_start_ = time, *this; }
  /// One attempt. Retried like any failure.
  ActivityOptions &start_to_close(Milliseconds time) { return start_to_close_ = time, *this; }
  /// Waiting, attempts and pauses. Not retried.
  ActivityOptions &schedule_to_close(Milliseconds time) { return schedule_to_close_ = time, *this; }
  /// Between two heartbeats of an attempt. Retried like any failure.
  ActivityOptions &heartbeat(Milliseconds time) { return heartbeat_ = time, *this; }
  /// Only runtimes that serve this tag run it.
  ActivityOptions &tag(std::string name) { return tag_ = std::move(name), *this; }
  /// Activities of one session run in one runtime.
  ActivityOptions &session(std::string name) { return session_ = std::move(name), *this; }
  /// -1000...1000, higher first.
  ActivityOptions &priority(int rank) { return priority_ = rank, *this; }

  /// As docs/wire-format.md has it; null if nothing is set. Throws InvalidArgument.
  Json wire() const;

 private:
  std::optional<RetryPolicy> retry_;
  std::optional<Milliseconds> schedule_to_start_, start_to_close_, schedule_to_close_, heartbeat_;
  std::optional<std::string> tag_, session_;
  std::optional<int> priority_;
};

/// How a child, or an orchestration that goes its own way, is to be started.
class ChildOptions {
 public:
  ChildOptions() {}
  /// Without: the highest that is registered.
  ChildOptions &version(std::string number) { return version_ = std::move(number), *this; }
  /// Its id. Without: one made from the parent's.
  ChildOptions &instance(std::string id) { return instance_ = std::move(id), *this; }
  /// Default cancel. Not for `start_detached`.
  ChildOptions &close_policy(ClosePolicy policy) { return close_policy_ = policy, *this; }

  const std::string &version() const { return version_; }
  const std::string &instance() const { return instance_; }
  std::optional<ClosePolicy> close_policy() const { return close_policy_; }

 private:
  std::string version_, instance_;
  std::optional<ClosePolicy> close_policy_;
};

/// What a store takes. Every process should give the same.
struct Limits {
  /// An input, a result, a message, in bytes of JSON.
  std::int64_t payload_bytes = 2 * 1024 * 1024;
  std::int64_t custom_status_bytes = 256 * 1024;
  /// Keys of one instance.
  std::int64_t kv_keys = 1'000;
  std::int64_t kv_value_bytes = 256 * 1024;
  /// Of one execution: from 80 % on `should_continue_as_new` is true.
  std::int64_t history_events = 50'000;
  std::int64_t history_bytes = 64 * 1024 * 1024;
  /// Open activities, timers, waits, children and requests of one instance.
  std::int64_t pending_actions = 10'000;
  /// Messages that wait for one instance.
  std::int64_t inbox_messages = 100'000;
  /// Generations of children below an instance without a parent: the call of one more fails.
  std::int64_t sub_orchestration_depth = 64;

  /// With the names of docs/wire-format.md.
  static void fields(auto &limits, auto visit) {
    const Limits usual;
    visit("payloadBytes", limits.payload_bytes, usual.payload_bytes);
    visit("customStatusBytes", limits.custom_status_bytes, usual.custom_status_bytes);
    visit("kvKeys", limits.kv_keys, usual.kv_keys);
    visit("kvValueBytes", limits.kv_value_bytes, usual.kv_value_bytes);
    visit("historyEvents", limits.history_events, usual.history_events);
    visit("historyBytes", limits.history_bytes, usual.history_bytes);
    visit("pendingActions", limits.pending_actions, usual.pending_actions);
    visit("inboxMessages", limits.inbox_messages, usual.inbox_messages);
    visit("subOrchestrationDepth", limits.sub_orchestration_depth, usual.sub_orchestration_depth);
  }
};

namespace detail {

inline constexpr std::size_t name_bytes = 256, instance_bytes = 512, reason_bytes = 16 * 1024;
/// The largest number that the wire takes: timers beyond it stay there, a quarter of a million years ahead.
inline constexpr std::int64_t never_ms = (std::int64_t(1) << 53) - 1;

inline void check_size(std::size_t size, std::int64_t most, std::string_view what) {
  if (size <= static_cast<std::uint64_t>(most)) return;
  throw LimitExceeded(std::string(what) + " has " + std::to_string(size) + " bytes; the limit is " +
                      std::to_string(most) + ".");
}

/// Appends text as a JSON string. Throws InvalidArgument for a NUL and for what is not UTF-8.
inline void append_text(std::string &out, std::string_view text, std::string_view what) {
  try {
    append_quoted(out, text);
  } catch (const Misfit &misfit) {
    throw InvalidArgument(misfit.sentence(what));
  }
}

/// The same for a name: not empty, not too long.
inline void append_name(std::string &out, std::string_view name, std::string_view what,
                        std::size_t most = name_bytes) {
  if (name.empty()) throw LimitExceeded(std::string(what) + " is empty.");
  check_size(name.size(), static_cast<std::int64_t>(most), what);
  append_text(out, name, what);
}

inline void append_instance(std::string &out, std::string_view instance,
                            std::string_view what = "The instance id") {
  append_name(out, instance, what, instance_bytes);
}

/// A duration on the wire. Throws InvalidArgument for one that is out of range.
inline std::int64_t wire_ms(Milliseconds duration, std::string_view what, std::int64_t least = 1) {
  if (duration.count() < least || duration.count() > longest_ms) {
    throw InvalidArgument(std::string(what) + " must be from " + std::to_string(least) + " to " +
                          std::to_string(longest_ms) + " ms, not " + std::to_string(duration.count()) + ".");
  }
  return duration.count();
}

/// A whole number in that range. Throws InvalidArgument.
inline std::int64_t whole(std::int64_t value, std::string_view what, std::int64_t least, std::int64_t most) {
  if (value < least || value > most) {
    throw InvalidArgument(std::string(what) + " must be a whole number from " + std::to_string(least) +
                          " to " + std::to_string(most) + ", not " + std::to_string(value) + ".");
  }
  return value;
}

/// Milliseconds since 1970, never early: a part of a millisecond counts as a whole one.
template <class Duration>
std::int64_t epoch_ms(std::chrono::time_point<std::chrono::system_clock, Duration> when) {
  return std::chrono::ceil<Milliseconds>(when).time_since_epoch().count();
}

/// Refuses what GCC would destroy twice: an aggregate that is made inside of a `co_await` expression.
template <class Given>
constexpr void check_temporary() {
#if defined(__GNUC__) && !defined(__clang__)
  using T = std::remove_cvref_t<Given>;
  static_assert(
      std::is_lvalue_reference_v<Given> || !std::is_aggregate_v<T> || std::is_trivially_copyable_v<T>,
      "GCC destroys an aggregate twice that is made inside of a co_await expression. Give it a name: "
      "`Order order{...}; co_await ctx.activity(\"charge\", order);`");
#endif
}

}  // namespace detail

inline Json RetryPolicy::wire() const {
  if (!(coefficient_ >= 1 && coefficient_ <= 1000 && jitter_ >= 0 && jitter_ <= 1)) {
    throw InvalidArgument("A coefficient is from 1 to 1000 and a jitter from 0 to 1, not " +
                          std::to_string(coefficient_) + " and " + std::to_string(jitter_) + ".");
  }
  const RetryPolicy usual;
  auto percent = [](double part) { return static_cast<std::int64_t>(part * 100 + 0.5); };
  auto duration = [](Milliseconds pause, const char *what) { return detail::wire_ms(pause, what); };
  Json wire = Json::object();
  auto attempts = detail::whole(max_attempts_, "max_attempts", 0, 1'000'000);
  auto initial = duration(initial_interval_, "initial_interval"),
       longest = duration(max_interval_, "max_interval");
  if (max_attempts_ != usual.max_attempts_) wire.set("maxAttempts", attempts);
  if (backoff_ != usual.backoff_) wire.set("backoff", Json::of(backoff_));
  if (initial_interval_ != usual.initial_interval_) wire.set("initialIntervalMS", initial);
  if (coefficient_ != usual.coefficient_) wire.set("coefficientPercent", percent(coefficient_));
  if (max_interval_ != usual.max_interval_) wire.set("maxIntervalMS", longest);
  if (jitter_ != usual.jitter_) wire.set("jitterPercent", percent(jitter_));
  for (auto &type : non_retryable_) {
    std::string checked;
    detail::append_name(checked, type, "The name of a type of failure");
  }
  if (!non_retryable_.empty()) wire.set("nonRetryableTypes", Json::of(non_retryable_));
  return wire;
}

inline Json ActivityOptions::wire() const {
  Json wire;
  if (retry_) wire.set("retry", retry_->wire());
  auto duration = [&](const char *key, const std::optional<Milliseconds> &value, const char *what) {
    if (value) wire.set(key, detail::wire_ms(*value, what));
  };
  duration("scheduleToStartMS", schedule_to_start_, "schedule_to_start");
  duration("startToCloseMS", start_to_close_, "start_to_close");
  duration("scheduleToCloseMS", schedule_to_close_, "schedule_to_close");
  duration("heartbeatMS", heartbeat_, "heartbeat");
  auto name = [&](const char *key, const std::optional<std::string> &value, const char *what) {
    std::string checked;
    if (value) detail::append_name(checked, *value, what), wire.set(key, *value);
  };
  name("tag", tag_, "The tag");
  name("session", session_, "The session");
  if (priority_) wire.set("priority", detail::whole(*priority_, "priority", -1000, 1000));
  return wire;
}

}  // namespace perdure

#endif  // PERDURE_OPTIONS_HPP
