/// The C functions of libdx as C++ calls: text, buffers, errors, waits.
#ifndef PERDURE_LIBRARY_HPP
#define PERDURE_LIBRARY_HPP

#include <condition_variable>
#include <cstdio>
#include <functional>
#include <mutex>

#include "../dx.h"
#include "execution.hpp"

namespace perdure::detail {

inline dx_text text_of(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view view_of(dx_text text) {
  return text.data == nullptr ? std::string_view() : std::string_view(text.data, text.size);
}

/// The exception for an error, which it frees.
inline std::exception_ptr exception_of(dx_error *error) {
  std::unique_ptr<dx_error, void (*)(dx_error *)> owned(error, dx_error_free);
  try {
    throw_code(dx_error_code(error), dx_error_message(error), dx_error_is_transient(error),
               dx_error_details(error));
  } catch (...) {
    return std::current_exception();
  }
}

/// Throws what a call has returned; NULL is success.
inline void check(dx_error *error) {
  if (error != nullptr) std::rethrow_exception(exception_of(error));
}

/// Bytes of the library.
class Buffer {
 public:
  Buffer() = default;
  Buffer(const Buffer &) = delete;
  Buffer &operator=(const Buffer &) = delete;
  ~Buffer() { dx_buffer_free(&buffer_); }
  dx_buffer *out() { return &buffer_; }
  std::string_view view() const {
    return buffer_.data == nullptr ? std::string_view() : std::string_view(buffer_.data, buffer_.size);
  }

 private:
  dx_buffer buffer_ = {nullptr, 0};
};

/// An answer of the library as a value. Throws ProtocolViolation for one that is no JSON.
inline Json answer_of(std::string_view text) {
  try {
    return text.empty() ? Json() : JsonAccess::read(text);
  } catch (const Misfit &misfit) {
    throw ProtocolViolation(misfit.sentence("The answer of the library"));
  }
}

/// Client calls wait for the disk and are not recorded.
inline void check_outside() {
  if (current_execution == nullptr) return;
  throw WrongStatus(
      "The code of instance '" + current_execution->instance +
      "' calls the library by itself, which no replay could repeat. Use its context, or do it in an "
      "activity.");
}

/// A handle of the library, freed with its last owner.
template <class H>
using Shared = std::shared_ptr<H>;

template <class H>
H *open_handle(const std::shared_ptr<H> &handle, const char *what) {
  if (!handle) throw InvalidHandle(std::string("The ") + what + " was closed.");
  return handle.get();
}

/// A timeout on the wire: none is -1.
inline std::int64_t timeout_ms(const std::optional<Milliseconds> &timeout) {
  return timeout ? std::clamp<std::int64_t>(timeout->count(), 0, never_ms) : -1;
}

/// A call that answers later, on a thread of the engine: waits for it here.
class Waiting {
 public:
  Waiting() = default;
  Waiting(const Waiting &) = delete;
  Waiting &operator=(const Waiting &) = delete;

  /// `call(done, user_data)` begins it. Returns the answer, or throws.
  template <class Begin>
  std::string block(Begin begin) {
    check_outside();
    check(begin(&Waiting::done, static_cast<void *>(this)));
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return is_done_; });
    if (error_ != nullptr) std::rethrow_exception(exception_of(error_));
    return std::move(result_);
  }

 private:
  static void done(dx_error *error, dx_text result, void *user_data) noexcept {
    auto &waiting = *static_cast<Waiting *>(user_data);
    // Told under the lock: the one who waits ends the life of it.
    std::lock_guard lock(waiting.mutex_);
    waiting.error_ = error;
    waiting.result_.assign(view_of(result));
    waiting.is_done_ = true;
    waiting.changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_done_ = false;
  dx_error *error_ = nullptr;
  std::string result_;
};

/// The same with a function that is called with the outcome, on a thread of the engine.
template <class Begin>
void begin_waiting(Begin begin, std::function<void(Outcome<std::string>)> done) {
  using Done = std::function<void(Outcome<std::string>)>;
  check_outside();
  auto owned = std::make_unique<Done>(std::move(done));
  dx_wait_fn called = [](dx_error *error, dx_text result, void *user_data) noexcept {
    std::unique_ptr<Done> function(static_cast<Done *>(user_data));
    try {
      (*function)(error != nullptr ? Outcome<std::string>(exception_of(error))
                                   : Outcome<std::string>(std::string(view_of(result))));
    } catch (...) {
      std::fprintf(stderr, "perdure: a callback has thrown %s\n",
                   failure_of(std::current_exception()).str().c_str());
    }
  };
  check(begin(called, static_cast<void *>(owned.get())));
  static_cast<void>(owned.release());
}

}  // namespace perdure::detail

#endif  // PERDURE_LIBRARY_HPP
