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

/// One attempt as it was handed out: answered exactly once.
class Attempt {
 public:
  explicit Attempt(std::shared_ptr<AttemptHost> host) : host_(std::move(host)) {}
  Attempt(const Attempt &) = delete;
  Attempt &operator=(const Attempt &) = delete;
  virtual ~Attempt() = default;

  /// "Activity task" of docs/wire-format.md; good as long as the attempt is not answered.
  virtual std::string_view task() const = 0;
  virtual void complete(std::string_view result) = 0;
  virtual void defer() = 0;
  /// The rest is what `ActivityContext` offers. `details`: JSON text.
  virtual void heartbeat(std::string_view details) = 0;
  virtual bool is_cancelled() const = 0;
  virtual void on_cancel(std::stop_source &stop) = 0;

  void fail(const Failure &failure) {
    std::string text = failure_text(failure);
    if (text.size() > static_cast<std::uint64_t>(host_->limits.payload_bytes)) {
      Failure large("perdure.LimitExceeded", "The failure has " + std::to_string(text.size()) + " bytes.");
      large.non_retryable = true;
      text = failure_text(large);
    }
    fail_with(text);
  }
  AttemptHost &host() const { return *host_; }

 protected:
  virtual void fail_with(std::string_view failure) = 0;

 private:
  std::shared_ptr<AttemptHost> host_;
};

/// That of a runtime, behind the token of the library. One that is dropped is answered with a failure.
class HandedAttempt final : public Attempt {
 public:
  HandedAttempt(dx_activity *token, std::shared_ptr<AttemptHost> host)
      : Attempt(std::move(host)), token_(token) {}
  ~HandedAttempt() override {
    if (token_ == nullptr) return;
    try {
      fail(Failure("DroppedAttempt",
                   "The executor of the activity has dropped the attempt without running it."));
    } catch (...) {
      dx_error_free(dx_activity_fail(token_, text_of("{\"type\":\"std::bad_alloc\",\"message\":\"\"}")));
    }
  }
  bool is_open() const { return token_ != nullptr; }
  std::string_view task() const override {
    dx_text task;
    check(dx_activity_input(token_, &task));
    return view_of(task);
  }
  void complete(std::string_view result) override { settle(dx_activity_complete(take(), text_of(result))); }
  void defer() override { settle(dx_activity_defer(take())); }
  void heartbeat(std::string_view details) override {
    check(dx_activity_heartbeat(token_, text_of(details)));
  }
  bool is_cancelled() const override { return dx_activity_is_cancelled(token_); }
  void on_cancel(std::stop_source &stop) override {
    auto owned = std::make_unique<std::stop_source>(stop);
    dx_stop_fn cancelled = [](void *source) { static_cast<std::stop_source *>(source)->request_stop(); };
    dx_release_fn release = [](void *source) { delete static_cast<std::stop_source *>(source); };
    // Released also when the call fails.
    auto *error = dx_activity_on_cancel(token_, cancelled, owned.release(), release);
    if (error == nullptr) return;
    dx_error_free(error);
    stop.request_stop();
  }

 protected:
  void fail_with(std::string_view failure) override { settle(dx_activity_fail(take(), text_of(failure))); }

 private:
  dx_activity *take() { return std::exchange(token_, nullptr); }
  void settle(dx_error *error) {
    if (error == nullptr) return;
    // Results that nobody needs any more are part of life.
    if (dx_error_code(error) != DX_STALE && dx_error_code(error) != DX_INVALID_HANDLE) {
      host().report(std::string("The engine refused the answer of an activity: ") + dx_error_message(error));
    }
    dx_error_free(error);
  }
  dx_activity *token_;
};

/// What an activity returns that has made its JSON by itself.
struct JsonText {
  std::string text;
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
    attempt_->heartbeat(text);
  }
  /// The result is no longer wanted: cancelled, out of time, the orchestration has ended, the runtime stops.
  bool is_cancelled() const { return attempt_->is_cancelled(); }
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
    attempt_->on_cancel(*stop_);
  }
  return stop_->get_token();
}

namespace detail {

/// Runs a function for an attempt; returns its result as JSON text.
template <class F>
std::string result_for(F &function, ActivityContext &context, std::int64_t most) {
  std::string of_it = " of activity '" + context.name() + "'", input = "The input" + of_it;
  using Result = typename Shape<F, ActivityContext>::Result;
  if constexpr (std::is_void_v<Result>) {
    call_with(function, context, context.input(), input);
    return "null";
  } else if constexpr (std::same_as<Result, JsonText>) {
    std::string text = call_with(function, context, context.input(), input).text;
    check_size(text.size(), most, "The result" + of_it);
    return text;
  } else {
    return encode_result(call_with(function, context, context.input(), input), "The result" + of_it, most);
  }
}

/// The same, and answers it.
template <class F>
void run_attempt(F &function, Attempt &attempt) noexcept {
  std::optional<Failure> failure;
  std::string result;
  bool is_deferred = false;
  try {
    ActivityContext context(attempt, attempt.task());
    result = result_for(function, context, attempt.host().limits.payload_bytes);
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
