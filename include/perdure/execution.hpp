/// One live execution of an orchestration: events in, actions out (docs/wire-format.md, "How to run a turn").
///
///     begun --OrchestrationStarted--> waiting <--event-- ... --the main fiber ends--> ended
///                                        `--close()--> closed (dropped from the cache, without effect)
///
/// A fiber is a coroutine with those that it awaits: the main one, and one for each `spawn`. All fibers of an
/// execution take turns on one thread, in the order in which what they wait for has come.
#ifndef PERDURE_EXECUTION_HPP
#define PERDURE_EXECUTION_HPP

#include <coroutine>
#include <deque>
#include <functional>
#include <set>

#include "messages.hpp"
#include "options.hpp"

namespace perdure::detail {

class Execution;
class StateBase;
struct Fiber;

/// Steps that one event may set off before the orchestration is taken to spin.
inline constexpr int steps_per_event = 1'000'000;

/// The execution whose code runs on this thread.
inline thread_local Execution *current_execution = nullptr;

/// An await that is not over: part of the frame of the coroutine that waits.
struct Waiter {
  Waiter() = default;
  Waiter(const Waiter &) = delete;
  Waiter &operator=(const Waiter &) = delete;
  ~Waiter() { leave(); }

  /// Suspends `coroutine`, of the running fiber, until `need` of the states have settled or, with
  /// `fail_fast`, one of them has without a value.
  void wait(std::coroutine_handle<> coroutine, std::vector<StateBase *> states, std::size_t need,
            bool fail_fast);
  /// A state has settled.
  void notice(StateBase &state);
  /// On the way back into the coroutine: throws Cancelled if that is why.
  void resume();
  /// Forgets what it waits for.
  void leave();

  std::coroutine_handle<> continuation;
  Fiber *fiber = nullptr;
  std::vector<StateBase *> states;
  std::size_t need = 0;
  bool fail_fast = false, is_ready = false, is_cancelled = false;
};

/// What a handle stands for: open, or settled with a value, an error, or cancelled.
class StateBase {
 public:
  enum class Status { open, value, error, cancelled };

  virtual ~StateBase() = default;
  /// Takes the value from JSON text; `call` is the id, for calls. Throws InvalidArgument.
  virtual void complete(std::string_view data, std::string_view call) = 0;

  bool is_settled() const { return status != Status::open; }
  void settle(Status how) {
    if (is_settled()) return;
    status = how;
    for (auto *waiter : std::exchange(waiters, {})) waiter->notice(*this);
  }
  void fail(std::exception_ptr why) {
    error = std::move(why);
    settle(Status::error);
  }
  /// Throws unless it has a value.
  void check() {
    is_seen = true;
    if (status == Status::error) std::rethrow_exception(error);
    if (status == Status::cancelled) throw Cancelled(reason);
  }

  /// Null once the execution is closed.
  Execution *execution = nullptr;
  /// The number of its action; 0 if it has none.
  std::int64_t action = 0;
  /// The fiber whose end it stands for.
  Fiber *fiber = nullptr;
  Status status = Status::open;
  std::exception_ptr error;
  /// Somebody has asked what came of it.
  bool is_seen = false;
  /// For messages: `activity 'charge'`.
  std::string what;
  /// What its value is of it: "The result", "The data".
  const char *part = "The result";
  std::string reason;
  std::vector<Waiter *> waiters;
};

/// What is stored for a type: nothing is stored for void.
template <class T>
using Stored = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

/// The end of a task, or of something that has no JSON of its own.
template <class T>
class State : public StateBase {
 public:
  void complete(std::string_view, std::string_view) override {}
  void set(Stored<T> given) {
    value.emplace(std::move(given));
    settle(Status::value);
  }
  std::optional<Stored<T>> value;
};

/// What is answered with JSON.
template <class T>
struct Answered : State<T> {
  void complete(std::string_view data, std::string_view) override {
    if constexpr (std::is_void_v<T>) {
      this->set({});
    } else {
      this->set(decode<T>(data, this->part + (" of " + this->what)));
    }
  }
};

/// A coroutine that takes its turn with others.
struct Fiber {
  virtual ~Fiber() = default;
  virtual std::coroutine_handle<> coroutine() = 0;
  /// The coroutine has come to its end: settles the state.
  virtual void finish() = 0;
  virtual const std::shared_ptr<StateBase> &result() = 0;

  Waiter *waiting = nullptr;
  bool has_begun = false, is_done = false, cancel_pending = false;
  /// It hears of a cancellation once: its clean-up is not interrupted by the next.
  bool was_cancelled = false;
  /// A cancellation of the orchestration does not reach it.
  bool is_spared = false;
};

/// How `continue_as_new` leaves the code. No `std::exception`, as with Cancelled.
struct ContinueAsNew {
  std::string input, version;
};

class Execution {
 public:
  /// `request`: from event 0.
  Execution(const TurnRequest &request, std::string name, std::string version, const Limits &limits);
  Execution(const Execution &) = delete;
  Execution &operator=(const Execution &) = delete;
  virtual ~Execution() = default;

  // ---- What the code does ----

  /// Lists an action and returns its number. `members`: its JSON members after `after`. While the coroutines
  /// are dropped, nothing is listed.
  std::int64_t emit(std::string_view members);
  /// The same for one that is answered: `state` stays open until then.
  void schedule(std::string_view members, const std::shared_ptr<StateBase> &state);
  /// A wait for messages of that name; one that was kept answers it at once.
  void wait_for(std::string_view kind, std::string_view name, const char *what,
                const std::shared_ptr<StateBase> &state);
  /// Gives open work up; true if it was open.
  bool cancel(StateBase &state);
  /// Begins a fiber; it runs when this one waits.
  void spawn(std::unique_ptr<Fiber> fiber, const std::shared_ptr<StateBase> &state);
  /// Settles `state` as soon as the condition is true, looked at when all else waits.
  void wait_until(std::function<bool()> condition, const std::shared_ptr<State<void>> &state);
  bool patched(std::string_view patch);
  void deprecate_patch(std::string_view patch);
  void log(const char *level, std::string_view message);
  void metric(std::string text);
  std::uint64_t chance();
  /// Throws WrongStatus unless the code of this execution runs on this thread.
  void check_running() const;
  /// The id that the engine makes for a child without one; of the next action by default.
  std::string child_id(std::int64_t action_number = 0) const {
    return instance + "." + std::to_string(number) + "." +
           std::to_string(action_number ? action_number : next_action_);
  }
  bool is_main() const { return fiber_ == main_; }

  // ---- What happens to it ----

  /// Delivers the events one at a time, and runs the code after each until it waits or has ended.
  void run(const TurnRequest &request);
  /// Delivers the events and asks a query handler, which cannot do durable work. The member of the answer.
  std::string query(const TurnRequest &request);
  /// The code is about to return, and what its handlers refer to is still there.
  void before_return() {
    if (asked_ != nullptr) query_answer_ = ask(*asked_);
  }
  std::string take_actions() { return std::exchange(actions_, {}); }
  std::string take_logs() { return std::exchange(logs_, {}); }
  std::string take_metrics() { return std::exchange(metrics_, {}); }
  /// Destroys the coroutines, with no effect whatever their destructors do.
  void close();

  // ---- For waiters ----

  /// The coroutine that goes on at once, in the fiber that runs.
  std::coroutine_handle<> next;
  Fiber *fiber() { return fiber_; }
  void make_ready(Waiter &waiter);
  void finished(Fiber &fiber);

  // ---- What everyone may read ----

  const std::string instance, name, version;
  const std::int64_t number;
  const Limits limits;
  const std::optional<std::string> traceparent, tracestate;
  std::optional<Json> parent;
  /// The id of the last event delivered: the `after` of actions, and the `from` of the next turn.
  std::int64_t after = 0;
  std::int64_t now_ms = 0;
  /// Of the turn that ran last.
  std::int64_t turn = 0;
  bool is_replaying = false, is_late = false, is_cancel_requested = false;
  std::string cancel_reason;
  /// The end as JSON text, once there is one.
  std::string end;
  /// The key-value state: JSON text and when it was set.
  std::map<std::string, std::pair<std::string, std::int64_t>, std::less<>> kv;
  std::map<std::string, std::function<std::string(std::string_view)>, std::less<>> queries;

 protected:
  /// The main fiber, for the input of the orchestration as JSON text.
  virtual std::unique_ptr<Fiber> begin(std::string input, std::shared_ptr<StateBase> &state) = 0;

 private:
  struct Message {
    std::string data, call;
  };
  using Key = std::pair<std::string, std::string>;
  struct Condition {
    std::function<bool()> holds;
    std::shared_ptr<State<void>> state;
  };

  bool deliver(const Event &event);
  bool answered(const Event &event);
  bool message(const char *kind, const Event &event);
  bool cancellation(const Event &event);
  void run_code();
  void run_until_blocked();
  bool wake_conditions();
  void cancel_fiber(Fiber &fiber);
  void give_up(StateBase &state);
  void finish_main();
  void fail(const std::exception_ptr &error);
  void sweep();
  std::string ask(const TurnRequest &request);
  std::string no_handler(std::string_view query_name) const;

  std::int64_t next_action_ = 1;
  std::string actions_, logs_, metrics_;
  std::map<std::int64_t, std::shared_ptr<StateBase>> open_;
  std::map<Key, std::deque<std::int64_t>> waits_;
  std::map<Key, std::deque<Message>> kept_;
  std::set<std::string, std::less<>> recorded_patches_;
  std::map<std::string, bool, std::less<>> patches_;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::deque<std::pair<std::coroutine_handle<>, Fiber *>> ready_;
  std::vector<Condition> conditions_;
  /// Fibers that failed and whose handle nobody has awaited so far.
  std::vector<std::shared_ptr<StateBase>> unseen_;
  Fiber *main_ = nullptr, *fiber_ = nullptr;
  std::shared_ptr<StateBase> main_state_;
  /// While a cancellation spreads: the actions that it gives up, to be listed in their order.
  std::optional<std::set<std::int64_t>> given_up_;
  bool is_closing_ = false;
  std::size_t done_fibers_ = 0;
  const char *frozen_ = nullptr;
  /// The query that the events are delivered for.
  const TurnRequest *asked_ = nullptr;
  std::string query_answer_;
  std::optional<std::uint64_t> chance_;
};

}  // namespace perdure::detail

#include "execution_code.hpp"
#include "execution_events.hpp"

#endif  // PERDURE_EXECUTION_HPP
