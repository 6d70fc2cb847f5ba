/// What activities receive, and how an attempt is answered.
#ifndef PERDURE_ACTIVITY_HPP
#define PERDURE_ACTIVITY_HPP

#include <stop_token>

#include "client.hpp"

namespace perdure {
namespace detail {

/// What an attempt needs of the runtime that runs it.
struct AttemptHost {
  virtual ~AttemptHost() = default;
  virtual Client client() = 0;
  /// What nobody is told by an exception: an answer that was refused.
  virtual void report(const std::string &problem) = 0;
  Limits limits;
};

/// Thrown by `defer`. No `std::exception`, so that what handles failures lets it pass.
struct DeferredAttempt {};

/// The token of one attempt: answered exactly once. One that is dropped is answered with a failure.
class Attempt {
 public:
  Attempt(dx_activity *token, std::shared_ptr<AttemptHost> host) : token_(token), host_(std::move(host)) {}
  Attempt(const Attempt &) = delete;
  Attempt &operator=(const Attempt &) = delete;
  ~Attempt() {
    if (token_ == nullptr) return;
    try {
      fail(Failure("DroppedAttempt",
                   "The executor of the activity has dropped the attempt without running it."));
    } catch (...) {
      dx_error_free(dx_activity_fail(token_, text_of("{\"type\":\"std::bad_alloc\",\"message\":\"\"}")));
    }
  }
  void complete(std::string_view result) { settle(dx_activity_complete(take(), text_of(result))); }
  void fail(const Failure &failure) {
    std::string text = failure_text(failure);
    if (text.size() > static_cast<std::uint64_t>(host_->limits.payload_bytes)) {
      Failure large("perdure.LimitExceeded", "The failure has " + std::to_string(text.size()) + " bytes.");
      large.non_retryable = true;
      text = failure_text(large);
    }
    settle(dx_activity_fail(take(), text_of(text)));
  }
  void defer() { settle(dx_activity_defer(take())); }
  dx_activity *token() const { return token_; }
  AttemptHost &host() const { return *host_; }

 private:
  dx_activity *take() { return std::exchange(token_, nullptr); }
  void settle(dx_error *error) {
    if (error == nullptr) return;
    // Results that nobody needs any more are part of life.
    if (dx_error_code(error) != DX_STALE && dx_error_code(error) != DX_INVALID_HANDLE) {
      host_->report(std::string("The engine refused the answer of an activity: ") + dx_error_message(error));
    }
    dx_error_free(error);
  }
  dx_activity *token_;
  std::shared_ptr<AttemptHost> host_;
};

}  // namespace detail

/// One attempt of an activity. For as long as its function runs, also for other threads that this one starts.
class ActivityContext {
 public:
  /// `task`: "Activity task" of docs/wire-format.md.
  ActivityContext(detail::Attempt &attempt, std::string_view task) : attempt_(&attempt) {
    detail::Scanner scanner(task);
    scanner.object([&](std::string_view key) {
      if (key == "instance") return void(instance_id_ = scanner.string());
      if (key == "execution") return void(execution_id_ = scanner.integer());
      if (key == "orchestration") return void(orchestration_ = scanner.string());
      if (key == "name") return void(name_ = scanner.string());
      if (key == "attempt") return void(number_ = scanner.integer());
      if (key == "key") return void(key_ = scanner.string());
      if (key == "token") return void(token_ = scanner.string());
      if (key == "deadline") return void(deadline_ = std::string(scanner.raw()));
      if (key == "heartbeat") return void(heartbeat_ = std::string(scanner.raw()));
      if (key == "options") return void(options_ = std::string(scanner.raw()));
      if (key == "traceparent") return void(traceparent_ = detail::optional_string(scanner));
      if (key == "tracestate") return void(tracestate_ = detail::optional_string(scanner));
      if (key == "input") return void(input_ = scanner.raw());
      scanner.raw();
    });
  }
  ActivityContext(const ActivityContext &) = delete;
  ActivityContext &operator=(const ActivityContext &) = delete;

  const std::string &instance_id() const { return instance_id_; }
  std::int64_t execution_id() const { return execution_id_; }
  const std::string &orchestration() const { return orchestration_; }
  const std::string &name() const { return name_; }
  /// Counts from 1.
  std::int64_t attempt() const { return number_; }
  /// The same for each attempt: what to give to a service that must not do the work twice.
  const std::string &idempotency_key() const { return key_; }
  /// Names this attempt for `Client::complete_activity`, from any process. See `defer`.
  const std::string &token() const { return token_; }
  /// When the first of its time limits ends the attempt.
  std::optional<Time> deadline() const {
    auto ms = detail::decode<std::optional<std::int64_t>>(deadline_, "The deadline");
    return ms ? std::optional(Time(Milliseconds(*ms))) : std::nullopt;
  }
  /// The details of the last heartbeat of an earlier attempt.
  template <class T = Json>
  std::optional<T> last_heartbeat() const {
    return detail::decode<std::optional<T>>(heartbeat_, "The details of the last heartbeat");
  }
  /// How it was asked for: "activity-options" of docs/wire-format.md (tag, session, priority...).
  Json options() const { return detail::decode<Json>(options_, "The options"); }
  /// The span of this attempt, if the instance is part of a distributed trace: what to send as headers to
  /// services that it calls.
  const std::optional<std::string> &traceparent() const { return traceparent_; }
  const std::optional<std::string> &tracestate() const { return tracestate_; }

  /// Tells that the attempt is alive, and how far it is: what the next one finds in `last_heartbeat`. Cheap:
  /// it does not wait for the store. Throws Stale when the result is no longer wanted.
  template <class T = std::nullptr_t>
  void heartbeat(const T &details = {}) {
    std::string text =
        detail::encode_result(details, "The details of the heartbeat", attempt_->host().limits.payload_bytes);
    detail::check(dx_activity_heartbeat(attempt_->token(), detail::text_of(text)));
  }
  /// The result is no longer wanted: cancelled, out of time, the orchestration has ended, the runtime stops.
  bool is_cancelled() const { return dx_activity_is_cancelled(attempt_->token()); }
  /// Stops when the result is no longer wanted; for `std::condition_variable_any::wait` and whatever else
  /// takes a stop token. From one thread at a time.
  std::stop_token stop_token();
  /// Leaves the function: the work goes on elsewhere, and `Client::complete_activity(token, result)` or
  /// `fail_activity` ends the attempt. Its time limits hold; the slot is free at once.
  [[noreturn]] void defer() { throw detail::DeferredAttempt(); }
  /// A client on the store of the runtime, shared.
  Client client() const { return attempt_->host().client(); }

  /// For the header's own use: JSON text.
  std::string_view input() const { return input_; }

 private:
  detail::Attempt *attempt_;
  std::string instance_id_, orchestration_, name_, key_, token_, deadline_, heartbeat_, options_;
  std::int64_t execution_id_ = 0, number_ = 0;
  std::optional<std::string> traceparent_, tracestate_;
  std::string_view input_;
  std::optional<std::stop_source> stop_;
};

inline std::stop_token ActivityContext::stop_token() {
  if (!stop_) {
    stop_.emplace();
    auto owned = std::make_unique<std::stop_source>(*stop_);
    dx_stop_fn cancelled = [](void *source) { static_cast<std::stop_source *>(source)->request_stop(); };
    dx_release_fn release = [](void *source) { delete static_cast<std::stop_source *>(source); };
    // Released also when the call fails.
    auto *error = dx_activity_on_cancel(attempt_->token(), cancelled, owned.release(), release);
    if (error != nullptr) {
      dx_error_free(error);
      stop_->request_stop();
    }
  }
  return stop_->get_token();
}

namespace detail {

/// Runs a function for an attempt and answers it.
template <class F>
void run_attempt(F &function, Attempt &attempt) noexcept {
  std::optional<Failure> failure;
  std::string result = "null";
  bool is_deferred = false;
  try {
    dx_text task;
    check(dx_activity_input(attempt.token(), &task));
    ActivityContext context(attempt, view_of(task));
    std::string of_it = " of activity '" + context.name() + "'";
    using Result = typename Shape<F, ActivityContext>::Result;
    if constexpr (std::is_void_v<Result>) {
      call_with(function, context, context.input(), "The input" + of_it);
    } else {
      result = encode_result(call_with(function, context, context.input(), "The input" + of_it),
                             "The result" + of_it, attempt.host().limits.payload_bytes);
    }
  } catch (const DeferredAttempt &) {
    is_deferred = true;
  } catch (...) {
    failure = failure_of(std::current_exception());
  }
  if (is_deferred) {
    attempt.defer();
  } else if (failure) {
    attempt.fail(*failure);
  } else {
    attempt.complete(result);
  }
}

}  // namespace detail
}  // namespace perdure

#endif  // PERDURE_ACTIVITY_HPP
