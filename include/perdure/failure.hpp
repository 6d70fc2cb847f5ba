/// Why work failed: `Failure`, the exceptions that carry one, and exceptions as failures.
#ifndef PERDURE_FAILURE_HPP
#define PERDURE_FAILURE_HPP

#include <cxxabi.h>

#include <chrono>
#include <exception>
#include <memory>
#include <typeinfo>

#include "convert.hpp"

namespace perdure {

/// All durations. Coarser ones convert by themselves: `3s`, `24h` (std::chrono_literals).
using Milliseconds = std::chrono::milliseconds;

/// Why a piece of work failed: the same structure in every language and in history.
struct Failure {
  explicit Failure(std::string of_type = "Error", std::string text = {})
      : type(std::move(of_type)), message(std::move(text)) {}

  /// The type of the error (`CardDeclined`, `std::runtime_error`), or one of the engine's
  /// (`perdure.Timeout`).
  std::string type;
  std::string message;
  /// JSON that the failing code attached.
  std::optional<Json> details = {};
  std::optional<std::string> stack = {};
  /// Retrying cannot help.
  bool non_retryable = false;
  /// What the next attempt should wait for, in place of the pause of its retry policy.
  std::optional<Milliseconds> retry_after = {};
  std::shared_ptr<const Failure> cause = {};

  /// `TYPE: MESSAGE`
  std::string str() const { return message.empty() ? type : type + ": " + message; }
};

/// What else the failure that a `Fault` becomes is to say.
struct FaultOptions {
  /// The type of the failure; empty: the name of the class.
  std::string type = {};
  std::optional<Json> details = {};
  bool non_retryable = false;
  std::optional<Milliseconds> retry_after = {};
};

/// An error of your own that says more than `what()`. Throw it, or a class derived from it.
///
///     struct CardDeclined : perdure::Fault { using Fault::Fault; };
///     throw CardDeclined("the card has expired", {.non_retryable = true});
class Fault : public std::runtime_error {
 public:
  explicit Fault(const std::string &message) : std::runtime_error(message) {}
  Fault(const std::string &message, FaultOptions options)
      : std::runtime_error(message), options_(std::move(options)) {}

  const FaultOptions &options() const noexcept { return options_; }

 private:
  FaultOptions options_;
};

/// Root of the errors that carry a `Failure`.
class WorkFailed : public Error {
 public:
  WorkFailed(const std::string &what, Failure failure)
      : Error(what + " failed: " + failure.str()),
        failure_(std::make_shared<const Failure>(std::move(failure))) {}

  const Failure &failure() const noexcept { return *failure_; }
  /// The type of the failure, such as `CardDeclined`.
  const std::string &type() const noexcept { return failure_->type; }

 private:
  std::shared_ptr<const Failure> failure_;
};

/// An activity failed for good.
class ActivityFailed : public WorkFailed {
 public:
  ActivityFailed(const std::string &name, Failure failure)
      : WorkFailed("Activity '" + name + "'", std::move(failure)) {}
};

/// A sub-orchestration failed, was cancelled or terminated.
class SubOrchestrationFailed : public WorkFailed {
 public:
  SubOrchestrationFailed(const std::string &name, Failure failure)
      : WorkFailed("Sub-orchestration '" + name + "'", std::move(failure)) {}
};

/// A request to another instance was refused: it is unknown (`perdure.NotFound`), it has ended...
class MessageRefused : public WorkFailed {
 public:
  using WorkFailed::WorkFailed;
};

/// Thrown by `Client::call`: the handler in the orchestration failed.
class CallFailed : public WorkFailed {
 public:
  using WorkFailed::WorkFailed;
};

/// The call was refused before it had an effect.
class CallRejected : public CallFailed {
 public:
  using CallFailed::CallFailed;
};

/// Thrown by `Client::query`: the handler failed, or there is none of that name.
class QueryFailed : public WorkFailed {
 public:
  using WorkFailed::WorkFailed;
};

/// Thrown by `Client::result` for an instance that failed.
class OrchestrationFailed : public WorkFailed {
 public:
  OrchestrationFailed(const std::string &instance, Failure failure)
      : WorkFailed("Instance '" + instance + "'", std::move(failure)) {}
};

/// Thrown by `Client::result` for an instance that was cancelled or terminated.
class OrchestrationCancelled : public Error {
 public:
  OrchestrationCancelled(const std::string &instance, const std::string &status)
      : Error("Instance '" + instance + "' was " + lower(status) + "."), status_(status) {}
  /// `Cancelled` or `Terminated`.
  const std::string &status() const noexcept { return status_; }

 private:
  static std::string lower(std::string text) {
    for (char &c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return text;
  }
  std::string status_;
};

namespace detail {

inline constexpr int most_causes = 16;
inline constexpr std::size_t longest_message = 16'384, longest_type = 256;
/// The longest duration that the engine takes, about 35 years.
inline constexpr std::int64_t longest_ms = std::int64_t(1) << 40;
inline constexpr const char *call_rejected = "perdure.CallRejected";

/// Text that can be stored, whatever it was: for messages that we did not write.
inline std::string clean(std::string_view text, std::size_t most = longest_message) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  bool cut = false;
  for (std::size_t at = 0; at < text.size() && !cut;) {
    auto byte = static_cast<unsigned char>(text[at]);
    std::size_t length = byte == 0 ? 0 : utf8_length(text.substr(at));
    if (length == 0) {
      out.append("\\x").append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
    } else {
      out.append(text.substr(at, length));
    }
    at += length == 0 ? 1 : length;
    cut = out.size() >= most && at < text.size();
  }
  return cut ? out + " [...]" : out;
}

/// The name of a class for people: without the namespace of this library and without those that have no name.
inline std::string type_name(const std::type_info &type) {
  int status = 0;
  std::unique_ptr<char, void (*)(void *)> name(abi::__cxa_demangle(type.name(), nullptr, nullptr, &status),
                                               [](void *text) { std::free(text); });
  std::string found = status == 0 && name ? name.get() : type.name();
  for (std::string_view part : {"(anonymous namespace)::", "perdure::", "__cxx11::"}) {
    for (auto at = found.find(part); at != std::string::npos; at = found.find(part))
      found.erase(at, part.size());
  }
  // What `throw_with_nested` throws is a class of the standard library around that of the user.
  if (found.starts_with("std::_Nested_exception<") && found.ends_with(">"))
    found = found.substr(23, found.size() - 24);
  return clean(found, longest_type);
}

Failure failure_of(const std::exception_ptr &error, int depth = 0);

/// What `throw_with_nested` has put below.
inline std::shared_ptr<const Failure> cause_of(const std::exception &error, int depth) {
  auto *nested = dynamic_cast<const std::nested_exception *>(&error);
  if (nested == nullptr || nested->nested_ptr() == nullptr || depth >= most_causes) return nullptr;
  return std::make_shared<const Failure>(failure_of(nested->nested_ptr(), depth + 1));
}

/// The failure for an exception; a `WorkFailed` that was let pass becomes the failure that it carries.
inline Failure failure_of(const std::exception_ptr &error, int depth) {
  try {
    std::rethrow_exception(error);
  } catch (const WorkFailed &work) {
    return work.failure();
  } catch (const Fault &fault) {
    auto &options = fault.options();
    std::string type = options.type.empty() ? type_name(typeid(fault)) : clean(options.type, longest_type);
    Failure failure(std::move(type), clean(fault.what()));
    failure.details = options.details;
    failure.non_retryable = options.non_retryable;
    failure.retry_after = options.retry_after;
    failure.cause = cause_of(fault, depth);
    return failure;
  } catch (const LimitExceeded &limit) {
    Failure failure{"perdure.LimitExceeded", clean(limit.what())};
    failure.non_retryable = true;
    return failure;
  } catch (const std::exception &other) {
    Failure failure{type_name(typeid(other)), clean(other.what())};
    failure.cause = cause_of(other, depth);
    return failure;
  } catch (const Cancelled &cancelled) {
    return Failure("Cancelled", clean(cancelled.reason()));
  } catch (const std::string &text) {
    return Failure("std::string", clean(text));
  } catch (const char *text) {
    return Failure("const char*", clean(text ? text : ""));
  } catch (...) {
    auto *type = abi::__cxa_current_exception_type();
    return Failure(type ? type_name(*type) : "unknown", "something was thrown that is no std::exception");
  }
}

/// The failure as JSON text. Never throws Misfit: details that cannot be kept are told in words.
inline void append_failure(std::string &out, const Failure &failure, int depth = 0) {
  out += "{\"type\":";
  append_quoted(out, clean(failure.type.empty() ? "Error" : failure.type, longest_type));
  out += ",\"message\":";
  append_quoted(out, clean(failure.message));
  if (failure.details) {
    std::string details;
    try {
      JsonAccess::write(*failure.details, details);
    } catch (const Misfit &misfit) {
      details.clear();
      append_quoted(details, clean(misfit.sentence("The details")));
    }
    out += ",\"details\":" + details;
  }
  if (failure.stack) {
    out += ",\"stack\":";
    append_quoted(out, clean(*failure.stack));
  }
  if (failure.non_retryable) out += ",\"nonRetryable\":true";
  if (failure.retry_after) {
    out += ",\"retryAfterMS\":";
    append_integer(out, std::clamp<std::int64_t>(failure.retry_after->count(), 0, longest_ms));
  }
  if (failure.cause && depth < 63) {
    out += ",\"cause\":";
    append_failure(out, *failure.cause, depth + 1);
  }
  out += '}';
}

inline std::string failure_text(const Failure &failure) {
  std::string out;
  append_failure(out, failure);
  return out;
}

/// A failure as users see it. Null becomes one of type `Error` that says nothing.
inline Failure failure_from(const Json &wire, int depth = 0) {
  Failure failure;
  if (wire["type"].is_string()) failure.type = wire["type"].text();
  failure.message = wire["message"].text();
  if (auto *details = wire.find("details"); details && !details->is_null()) failure.details = *details;
  if (wire["stack"].is_string()) failure.stack = wire["stack"].text();
  failure.non_retryable = wire["nonRetryable"] == Json(true);
  if (auto pause = JsonAccess::signed_integer(wire["retryAfterMS"]))
    failure.retry_after = Milliseconds(*pause);
  if (wire["cause"].is_object() && depth < 64) {
    failure.cause = std::make_shared<const Failure>(failure_from(wire["cause"], depth + 1));
  }
  return failure;
}

inline Failure failure_from_text(std::string_view text) {
  try {
    return failure_from(text.empty() ? Json() : JsonAccess::read(text));
  } catch (const Misfit &misfit) {
    return Failure("Error", misfit.sentence("The failure"));
  }
}

}  // namespace detail

/// What came of something that may fail, without an exception: made by `attempt`.
template <class T>
class Outcome {
 public:
  using Value = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

  Outcome(Value value) : content_(std::in_place_index<0>, std::move(value)) {}
  explicit Outcome(std::exception_ptr error) : content_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const noexcept { return content_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }
  /// The value; throws what was thrown if there is none.
  Value &value() & { return rethrow(), *std::get_if<0>(&content_); }
  const Value &value() const & { return rethrow(), *std::get_if<0>(&content_); }
  Value &&value() && { return rethrow(), std::move(*std::get_if<0>(&content_)); }
  Value &operator*() & { return value(); }
  const Value &operator*() const & { return value(); }
  Value *operator->() { return &value(); }
  /// The value, or `other`.
  Value value_or(Value other) const { return has_value() ? value() : std::move(other); }

  /// Throws what was thrown, if something was.
  void rethrow() const {
    if (auto *error = std::get_if<1>(&content_)) std::rethrow_exception(*error);
  }
  /// What was thrown, if it is of this type.
  template <class E>
  std::optional<E> error() const {
    if (has_value()) return std::nullopt;
    try {
      rethrow();
    } catch (const E &error) {
      return error;
    } catch (...) {
    }
    return std::nullopt;
  }
  template <class E>
  bool is() const {
    return error<E>().has_value();
  }
  /// The work was given up, or the orchestration is being cancelled.
  bool is_cancelled() const { return is<Cancelled>(); }
  /// What was thrown, as a failure; one that says nothing if there is a value.
  Failure failure() const { return has_value() ? Failure() : detail::failure_of(*std::get_if<1>(&content_)); }

 private:
  std::variant<Value, std::exception_ptr> content_;
};

/// Calls `body` and returns what came of it, for code that does not want exceptions:
/// `auto started = perdure::attempt([&] { return client.start("order", input); });`
template <std::invocable Body>
auto attempt(Body &&body) -> Outcome<std::invoke_result_t<Body>> {
  using Result = Outcome<std::invoke_result_t<Body>>;
  try {
    if constexpr (std::is_void_v<std::invoke_result_t<Body>>) {
      body();
      return Result(std::monostate());
    } else {
      return Result(body());
    }
  } catch (...) {
    return Result(std::current_exception());
  }
}

}  // namespace perdure

#endif  // PERDURE_FAILURE_HPP
