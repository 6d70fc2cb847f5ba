/// Everything that Perdure throws. `Error` is the root of it.
///
/// Two families: an error of a call (`NotFound`, `StoreBusy`... one class for each code of dx.h), and the end
/// of work that was awaited (`ActivityFailed`, `SubOrchestrationFailed`... in failure.hpp), which carries a
/// `Failure`. Beside them, not caught by `catch (const std::exception &)` on purpose, stand `Cancelled` and
/// what `continue_as_new` throws: code that handles failures must let them pass.
#ifndef PERDURE_ERRORS_HPP
#define PERDURE_ERRORS_HPP

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace perdure {

/// Root of all errors.
class Error : public std::runtime_error {
 public:
  /// `details`: a JSON object with the data behind the message.
  explicit Error(const std::string &message, int code = 0, bool transient = false, std::string details = "{}")
      : std::runtime_error(message), code_(code), transient_(transient), details_(std::move(details)) {}

  /// The number from dx.h; 0 for what this header found by itself.
  int code() const noexcept { return code_; }
  /// Trying the same call again can help.
  bool is_transient() const noexcept { return transient_; }
  /// The data behind the message, a JSON object as text.
  const std::string &details() const noexcept { return details_; }

 private:
  int code_;
  bool transient_;
  std::string details_;
};

/// Root of what can be wrong with a store.
class StoreError : public Error {
 public:
  using Error::Error;
};

/// An error with the code of dx.h that its class stands for.
template <int Code, class Base = Error>
class CodedError : public Base {
 public:
  explicit CodedError(const std::string &message, bool transient = false, std::string details = "{}")
      : Base(message, Code, transient, std::move(details)) {}
};

/// A value that cannot be taken: malformed, of the wrong type or range, with a NUL, not UTF-8.
class InvalidArgument : public CodedError<1> {
  using CodedError::CodedError;
};
/// A store, client or runtime that was closed, or work that was answered before.
class InvalidHandle : public CodedError<2> {
  using CodedError::CodedError;
};
/// Newer than this library, an unknown scheme, or nothing here that could do it.
class Unsupported : public CodedError<3> {
  using CodedError::CodedError;
};
/// No such instance or execution.
class NotFound : public CodedError<4> {
  using CodedError::CodedError;
};
/// The instance id is taken, or the name is registered.
class AlreadyExists : public CodedError<5> {
  using CodedError::CodedError;
};
/// The instance or the runtime is in another state than the call needs.
class WrongStatus : public CodedError<6> {
  using CodedError::CodedError;
};
/// Over a named limit; nothing was stored. Orchestration code meets it at the call, and may catch it.
class LimitExceeded : public CodedError<7> {
  using CodedError::CodedError;
};
/// The time that the call was given is over.
class TimedOut : public CodedError<8> {
  using CodedError::CodedError;
};
/// The store, client or runtime is closed or stopping.
class Closed : public CodedError<9> {
  using CodedError::CodedError;
};
/// The handle belongs to the parent of this process. Open stores after the fork.
class Forked : public CodedError<10> {
  using CodedError::CodedError;
};
/// The work is no longer ours: cancelled, or its instance went on without it.
class Stale : public CodedError<11> {
  using CodedError::CodedError;
};
/// A message that does not keep docs/wire-format.md.
class ProtocolViolation : public CodedError<20> {
  using CodedError::CodedError;
};
/// The code and its history differ.
class Nondeterminism : public CodedError<21> {
  using CodedError::CodedError;
};
/// Another process holds the store for longer than `busy_timeout`.
class StoreBusy : public CodedError<40, StoreError> {
  using CodedError::CodedError;
};
/// No space is left on the device, or for the user.
class StoreFull : public CodedError<41, StoreError> {
  using CodedError::CodedError;
};
/// The device fails.
class StoreIO : public CodedError<42, StoreError> {
  using CodedError::CodedError;
};
/// The store cannot be written.
class StoreReadOnly : public CodedError<43, StoreError> {
  using CodedError::CodedError;
};
/// The file is damaged.
class StoreCorrupt : public CodedError<44, StoreError> {
  using CodedError::CodedError;
};
/// Not a Perdure store, or one of a newer release: left untouched.
class StoreForeign : public CodedError<45, StoreError> {
  using CodedError::CodedError;
};
/// The path cannot be opened.
class StoreCannotOpen : public CodedError<46, StoreError> {
  using CodedError::CodedError;
};
/// The file was deleted or replaced while open.
class StoreReplaced : public CodedError<47, StoreError> {
  using CodedError::CodedError;
};
/// A fault of the library.
class InternalError : public CodedError<99> {
  using CodedError::CodedError;
};
/// Orchestration code waits for something that nothing durable can bring about, so that it would hang.
class NonDurableAwait : public Error {
 public:
  explicit NonDurableAwait(const std::string &message) : Error(message) {}
};

/// Thrown at the awaits of an orchestration that is cancelled, and by awaits of work that was given up. No
/// `std::exception`: what handles failures lets it pass.
class Cancelled {
 public:
  /// `reason`: as whoever cancelled has put it; may be empty.
  explicit Cancelled(std::string reason = {}) : reason_(std::move(reason)) {}
  /// Why, in the words of whoever cancelled.
  const std::string &reason() const noexcept { return reason_; }

 private:
  std::string reason_;
};

namespace detail {

/// Throws the exception for a code of the library. A code of a newer library becomes a plain `Error`.
[[noreturn]] inline void throw_code(int code, const std::string &message, bool transient = false,
                                    const std::string &details = "{}") {
  switch (code) {
    case 1:
      throw InvalidArgument(message, transient, details);
    case 2:
      throw InvalidHandle(message, transient, details);
    case 3:
      throw Unsupported(message, transient, details);
    case 4:
      throw NotFound(message, transient, details);
    case 5:
      throw AlreadyExists(message, transient, details);
    case 6:
      throw WrongStatus(message, transient, details);
    case 7:
      throw LimitExceeded(message, transient, details);
    case 8:
      throw TimedOut(message, transient, details);
    case 9:
      throw Closed(message, transient, details);
    case 10:
      throw Forked(message, transient, details);
    case 11:
      throw Stale(message, transient, details);
    case 20:
      throw ProtocolViolation(message, transient, details);
    case 21:
      throw Nondeterminism(message, transient, details);
    case 40:
      throw StoreBusy(message, transient, details);
    case 41:
      throw StoreFull(message, transient, details);
    case 42:
      throw StoreIO(message, transient, details);
    case 43:
      throw StoreReadOnly(message, transient, details);
    case 44:
      throw StoreCorrupt(message, transient, details);
    case 45:
      throw StoreForeign(message, transient, details);
    case 46:
      throw StoreCannotOpen(message, transient, details);
    case 47:
      throw StoreReplaced(message, transient, details);
    case 99:
      throw InternalError(message, transient, details);
    default:
      throw Error(message, code, transient, details);
  }
}

/// What is wrong with a value, on the way out to whoever knows the name of the whole.
struct Misfit {
  /// Where in the whole, such as `.items[3]`; empty for the whole itself.
  std::string path;
  /// Goes on after the name of the value: "must be an integer, not a string".
  std::string message;

  /// The sentence about the value that `what` names.
  std::string sentence(std::string_view what) const {
    std::string text(what);
    if (!path.empty()) text += " at " + (path.front() == '.' ? path.substr(1) : path);
    return text + " " + message + ".";
  }
};

/// Runs `body`; a misfit that comes out of it gets `step()` in front of its path.
template <class Step, class Body>
decltype(auto) under(Step &&step, Body &&body) {
  try {
    return body();
  } catch (Misfit &misfit) {
    misfit.path.insert(0, step());
    throw;
  }
}

}  // namespace detail
}  // namespace perdure

#endif  // PERDURE_ERRORS_HPP
