/// What orchestrations are written in: `Task`, the coroutine, and `Handle`, durable work that has been
/// started.
#ifndef PERDURE_TASK_HPP
#define PERDURE_TASK_HPP

#include "execution.hpp"

namespace perdure {

template <class T>
class Task;
template <class T>
class Handle;

namespace detail {

template <class T>
class TaskAwaiter;
template <class T>
class HandleAwaiter;
class SettledAwaiter;
template <class T>
struct IsAwaitable : std::is_same<T, SettledAwaiter> {};
template <class T>
struct IsAwaitable<Task<T>> : std::true_type {};
template <class T>
struct IsAwaitable<Handle<T>> : std::true_type {};

/// Hands over to whoever awaits the task, or ends the fiber.
struct FinalAwaiter {
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> done) const noexcept {
    auto &promise = done.promise();
    if (promise.continuation) {
      current_execution->next = promise.continuation;
    } else if (promise.fiber != nullptr) {
      current_execution->finished(*promise.fiber);
    }
  }
  void await_resume() const noexcept {}
};

class PromiseBase {
 public:
  std::suspend_always initial_suspend() const noexcept { return {}; }
  FinalAwaiter final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { error = std::current_exception(); }

  /// An orchestration can await tasks and handles only: nothing else is recorded.
  template <class T>
  TaskAwaiter<T> await_transform(Task<T> task);
  template <class T>
  HandleAwaiter<T> await_transform(Handle<T> handle);
  SettledAwaiter await_transform(SettledAwaiter &&awaiter);
  template <class T>
  void await_transform(T &&) {
    static_assert(IsAwaitable<std::remove_cvref_t<T>>::value,
                  "An orchestration can await only what is recorded: calls of its context, and tasks of its "
                  "own. What it awaits here no replay could repeat; do it in an activity.");
  }

  std::coroutine_handle<> continuation;
  Fiber *fiber = nullptr;
  /// It is what the user has registered.
  bool is_code = false;
  std::exception_ptr error;
};

template <class T>
class Promise : public PromiseBase {
 public:
  Task<T> get_return_object();
  template <std::convertible_to<T> Value>
  void return_value(Value &&given) {
    if (is_code) current_execution->before_return();
    value.emplace(std::forward<Value>(given));
  }
  Stored<T> take() {
    if (error) std::rethrow_exception(error);
    return std::move(*value);
  }
  std::optional<T> value;
};

template <>
class Promise<void> : public PromiseBase {
 public:
  Task<void> get_return_object();
  void return_void() const {
    if (is_code) current_execution->before_return();
  }
  std::monostate take() {
    if (error) std::rethrow_exception(error);
    return {};
  }
};

/// Waits for many handles; made by `all` and its kin.
class SettledAwaiter {
 public:
  /// `keep`: what keeps the states alive. Goes on when `need` of them have settled.
  SettledAwaiter(std::vector<std::shared_ptr<StateBase>> keep, std::size_t need, bool fail_fast)
      : states_(std::move(keep)), need_(need), fail_fast_(fail_fast) {}
  SettledAwaiter(SettledAwaiter &&other)
      : states_(std::move(other.states_)), need_(other.need_), fail_fast_(other.fail_fast_) {}

  bool await_ready() {
    for (auto &state : states_) {
      if (!state->is_settled()) {
        open_.push_back(state.get());
      } else if (need_ > 0) {
        need_--;
      }
      if (fail_fast_ && state->is_settled() && state->status != StateBase::Status::value) return true;
    }
    return need_ == 0 || open_.empty();
  }
  void await_suspend(std::coroutine_handle<> coroutine) {
    waiter_.wait(coroutine, std::move(open_), need_, fail_fast_);
  }
  void await_resume() { waiter_.resume(); }

 private:
  std::vector<std::shared_ptr<StateBase>> states_;
  std::vector<StateBase *> open_;
  std::size_t need_;
  bool fail_fast_;
  Waiter waiter_;
};

}  // namespace detail

/// A coroutine that can await durable work. What an orchestration returns, and the functions that it is made
/// of. It begins when it is awaited; `ctx.spawn`, `all` and `race` let several run at once.
///
/// Take arguments by value: a reference must live until the task has ended.
template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;
  using value_type = T;

  Task(Task &&other) noexcept : coroutine_(std::exchange(other.coroutine_, nullptr)) {}
  Task &operator=(Task &&other) noexcept {
    if (this != &other) {
      drop();
      coroutine_ = std::exchange(other.coroutine_, nullptr);
    }
    return *this;
  }
  ~Task() { drop(); }

  /// For the header's own use.
  std::coroutine_handle<promise_type> coroutine() const noexcept { return coroutine_; }

 private:
  friend promise_type;
  explicit Task(std::coroutine_handle<promise_type> coroutine) : coroutine_(coroutine) {}
  void drop() {
    if (coroutine_) std::exchange(coroutine_, nullptr).destroy();
  }
  std::coroutine_handle<promise_type> coroutine_;
};

/// Durable work that has been started: `co_await` it, as often as you like, or `cancel()` it.
///
/// Only `cancel()` gives it up. One that is dropped goes on, and what is still open when the orchestration
/// ends is given up then.
template <class T>
class [[nodiscard]] Handle {
 public:
  using value_type = T;

  /// For the header's own use.
  explicit Handle(std::shared_ptr<detail::State<T>> state) : state_(std::move(state)) {}
  const std::shared_ptr<detail::State<T>> &state() const { return state_; }

  /// It has a result, has failed, or was given up: awaiting it does not wait.
  bool is_done() const { return state_->is_settled(); }
  /// The number of the action in the history; 0 for what is none.
  std::int64_t action() const { return state_->action; }
  /// Gives the work up: an activity is told so, its result no longer counts. True if it was open.
  bool cancel() { return state_->execution != nullptr && state_->execution->cancel(*state_); }

 private:
  std::shared_ptr<detail::State<T>> state_;
};

namespace detail {

template <class T>
Task<T> Promise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<Promise>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<Promise>::from_promise(*this));
}

inline void check_begun() {
  if (current_execution == nullptr) throw WrongStatus("Tasks run in orchestrations only.");
}

template <class T>
class TaskAwaiter {
 public:
  explicit TaskAwaiter(Task<T> task) : task_(std::move(task)) {}
  bool await_ready() const {
    if (!task_.coroutine()) throw InvalidHandle("This task was awaited before; a task runs once.");
    return false;
  }
  void await_suspend(std::coroutine_handle<> parent) {
    task_.coroutine().promise().continuation = parent;
    current_execution->next = task_.coroutine();
  }
  T await_resume() {
    if constexpr (std::is_void_v<T>) {
      task_.coroutine().promise().take();
    } else {
      return task_.coroutine().promise().take();
    }
  }

 private:
  Task<T> task_;
};

template <class T>
class HandleAwaiter {
 public:
  explicit HandleAwaiter(Handle<T> handle) : handle_(std::move(handle)) {}
  bool await_ready() const {
    auto &state = *handle_.state();
    if (!state.is_settled() && state.execution != current_execution) {
      throw WrongStatus("A handle can be awaited only in the orchestration that made it.");
    }
    return state.is_settled();
  }
  void await_suspend(std::coroutine_handle<> coroutine) {
    waiter_.wait(coroutine, {handle_.state().get()}, 1, false);
  }
  T await_resume() {
    waiter_.resume();
    auto &state = *handle_.state();
    state.check();
    if constexpr (!std::is_void_v<T>) {
      if constexpr (std::copy_constructible<T>) {
        // The last one to know of it need not copy.
        if (handle_.state().use_count() == 1) return std::move(*state.value);
        return *state.value;
      } else {
        return std::move(*state.value);
      }
    }
  }

 private:
  Handle<T> handle_;
  Waiter waiter_;
};

template <class T>
TaskAwaiter<T> PromiseBase::await_transform(Task<T> task) {
  return TaskAwaiter<T>(std::move(task));
}
template <class T>
HandleAwaiter<T> PromiseBase::await_transform(Handle<T> handle) {
  return HandleAwaiter<T>(std::move(handle));
}
inline SettledAwaiter PromiseBase::await_transform(SettledAwaiter &&awaiter) { return std::move(awaiter); }

/// A fiber that runs a task.
template <class T>
struct TaskFiber : Fiber {
  TaskFiber(Task<T> given, std::shared_ptr<State<T>> to) : task(std::move(given)), state(std::move(to)) {
    base = state;
    task.coroutine().promise().fiber = this;
  }
  std::coroutine_handle<> coroutine() override { return task.coroutine(); }
  void finish() override {
    try {
      state->set(task.coroutine().promise().take());
    } catch (const Cancelled &cancelled) {
      state->reason = cancelled.reason();
      state->settle(StateBase::Status::cancelled);
    } catch (...) {
      state->fail(std::current_exception());
    }
  }
  const std::shared_ptr<StateBase> &result() override { return base; }

  Task<T> task;
  std::shared_ptr<State<T>> state;
  std::shared_ptr<StateBase> base;
};

/// Lets a task run beside the one that calls. `spared`: a cancellation of the orchestration does not reach
/// it.
template <class T>
Handle<T> begin_task(Execution &execution, Task<T> task, bool spared = false) {
  execution.check_running();
  if (!task.coroutine()) throw InvalidHandle("This task was awaited before; a task runs once.");
  auto state = std::make_shared<State<T>>();
  state->what = "a task";
  auto fiber = std::make_unique<TaskFiber<T>>(std::move(task), state);
  fiber->is_spared = spared;
  execution.spawn(std::move(fiber), state);
  return Handle<T>(std::move(state));
}

/// Keeps a function object alive as long as the task that it makes.
template <class Function, class... Arguments>
auto hold(Function function, Arguments... arguments) -> std::invoke_result_t<Function &, Arguments...> {
  co_return co_await function(std::move(arguments)...);
}

}  // namespace detail
}  // namespace perdure

#endif  // PERDURE_TASK_HPP
