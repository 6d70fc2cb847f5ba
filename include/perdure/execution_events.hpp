/// Execution: what happens to it. Events come in, the code runs until it waits, and ends.
#ifndef PERDURE_EXECUTION_EVENTS_HPP
#define PERDURE_EXECUTION_EVENTS_HPP

#include "execution.hpp"

namespace perdure::detail {

/// Says whose code runs on this thread, as long as it lives.
class Running {
 public:
  explicit Running(Execution *execution) : previous_(std::exchange(current_execution, execution)) {}
  Running(const Running &) = delete;
  Running &operator=(const Running &) = delete;
  ~Running() { current_execution = previous_; }

 private:
  Execution *previous_;
};

inline void Execution::run(const TurnRequest &request) {
  Running running(this);
  turn = request.turn;
  Scanner scanner(request.events);
  scanner.array([&] {
    if (!end.empty()) return void(scanner.raw());
    Event event = read_event(scanner);
    after = event.id;
    is_late = is_late || event.is_late;
    now_ms = event.at;
    is_replaying = after <= request.replayed;
    if (deliver(event)) run_code();
  });
}

inline void Execution::run_code() {
  if (main_ == nullptr) return;
  try {
    run_until_blocked();
    if (main_->is_done) {
      finish_main();
    } else if (open_.empty()) {
      auto *waiting = main_->waiting;
      std::string for_what = waiting && !waiting->states.empty() ? waiting->states.front()->what : "";
      throw NonDurableAwait("Nothing durable is open, so nothing can wake the orchestration" +
                            (for_what.empty() ? "" : ", which waits for " + for_what) +
                            ". Await activities, timers, events or queues.");
    }
  } catch (...) {
    fail(std::current_exception());
  }
  sweep();
}

inline void Execution::run_until_blocked() {
  int steps = 0;
  do {
    while (next || !ready_.empty()) {
      if (!next) {
        fiber_ = ready_.front().second;
        next = ready_.front().first;
        ready_.pop_front();
        if (!std::exchange(fiber_->has_begun, true) && fiber_->cancel_pending) {
          // Cancelled before it began: it never runs.
          next = nullptr;
          fiber_->is_done = true;
          done_fibers_++;
          fiber_->result()->settle(StateBase::Status::cancelled);
          continue;
        }
      }
      if (++steps > steps_per_event) {
        throw NonDurableAwait(
            "The orchestration has gone a million steps without waiting for anything durable.");
      }
      std::exchange(next, nullptr).resume();
      if (main_->is_done) return;
    }
  } while (wake_conditions());
}

/// Whether a condition that code waits for has become true. One at a time, in the order of asking.
inline bool Execution::wake_conditions() {
  for (std::size_t at = 0; at < conditions_.size(); at++) {
    auto state = conditions_[at].state;
    bool holds = false;
    try {
      holds = conditions_[at].holds();
    } catch (...) {
      state->error = std::current_exception();
    }
    if (!holds && state->error == nullptr) continue;
    conditions_.erase(conditions_.begin() + static_cast<std::ptrdiff_t>(at));
    if (state->error) {
      state->settle(StateBase::Status::error);
    } else {
      state->set({});
    }
    return !ready_.empty() || wake_conditions();
  }
  return false;
}

inline void Execution::finished(Fiber &done) {
  done.is_done = true;
  done_fibers_++;
  done.finish();
  if (done.result()->status == StateBase::Status::error) unseen_.push_back(done.result());
}

/// Destroys the frames of fibers that have ended.
inline void Execution::sweep() {
  if (done_fibers_ == 0 || main_->is_done) return;
  std::erase_if(fibers_, [](auto &each) { return each->is_done; });
  done_fibers_ = 0;
}

inline void Execution::close() {
  if (is_closing_) return;
  is_closing_ = true;
  Running running(this);
  // The last one first: what a fiber has begun may use what is on its frame.
  while (!fibers_.empty()) {
    auto last = std::move(fibers_.back());
    fibers_.pop_back();
    last->result()->fiber = nullptr;
    last->result()->execution = nullptr;
    last.reset();
  }
  for (auto &[action, state] : open_) state->execution = nullptr;
  for (auto &condition : conditions_) condition.state->execution = nullptr;
  open_.clear();
  conditions_.clear();
  ready_.clear();
  queries.clear();
}

// ---- Delivery ----

/// Applies an event; false if it changes nothing for the code.
inline bool Execution::deliver(const Event &event) {
  if (event.kind == "OrchestrationStarted") {
    if (main_ != nullptr) return false;
    if (event.parent.starts_with('{')) parent = JsonAccess::read(event.parent);
    auto fiber = begin(std::string(event.input), main_state_);
    main_ = fiber.get();
    spawn(std::move(fiber), main_state_);
    return true;
  }
  if (event.kind == "EventRaised") return message("WaitForEvent", event);
  if (event.kind == "QueueMessageReceived") return message("Dequeue", event);
  if (event.kind == "TopicMessageReceived") return message("WaitForTopic", event);
  if (event.kind == "CallReceived") return message("WaitForCall", event);
  if (event.kind == "CancellationRequested") return cancellation(event);
  return answered(event);
}

inline bool Execution::answered(const Event &event) {
  bool completed = event.kind == "ActivityCompleted" || event.kind == "TimerFired" ||
                   event.kind == "SubOrchestrationCompleted" || event.kind == "RequestCompleted";
  bool failed = event.kind == "ActivityFailed" || event.kind == "SubOrchestrationFailed" ||
                event.kind == "RequestFailed";
  if (!completed && !failed) return false;
  auto node = open_.extract(event.action);
  if (node.empty()) return false;
  auto state = std::move(node.mapped());
  try {
    if (completed) {
      state->complete(event.result, {});
      return true;
    }
    Failure failure = failure_from_text(event.failure);
    std::string name_of_work = state->what;
    if (auto quote = name_of_work.find('\''); quote != std::string::npos && event.kind != "RequestFailed") {
      name_of_work = name_of_work.substr(quote + 1, name_of_work.size() - quote - 2);
    }
    if (event.kind == "ActivityFailed") throw ActivityFailed(name_of_work, std::move(failure));
    if (event.kind == "RequestFailed") throw MessageRefused(name_of_work, std::move(failure));
    throw SubOrchestrationFailed(name_of_work, std::move(failure));
  } catch (...) {
    state->fail(std::current_exception());
  }
  return true;
}

inline bool Execution::message(const char *kind, const Event &event) {
  Key key(kind, event.name);
  auto waits = waits_.find(key);
  while (waits != waits_.end() && !waits->second.empty()) {
    std::int64_t action = waits->second.front();
    waits->second.pop_front();
    auto node = open_.extract(action);
    if (waits->second.empty()) waits = waits_.erase(waits), waits = waits_.end();
    if (node.empty()) {
      waits = waits_.find(key);
      continue;
    }
    try {
      node.mapped()->complete(event.data, event.call);
    } catch (...) {
      node.mapped()->fail(std::current_exception());
    }
    return true;
  }
  kept_[key].push_back({std::string(event.data), event.call});
  return false;
}

inline bool Execution::cancellation(const Event &event) {
  if (is_cancel_requested || main_ == nullptr) return false;
  is_cancel_requested = true;
  cancel_reason = event.reason;
  given_up_.emplace();
  for (auto &fiber : fibers_) {
    if (!fiber->is_spared) cancel_fiber(*fiber);
  }
  auto given_up = std::exchange(given_up_, std::nullopt);
  for (std::int64_t action : *given_up) emit("\"kind\":\"Cancel\",\"target\":" + std::to_string(action));
  return true;
}

// ---- Queries and ends ----

inline std::string Execution::query(const TurnRequest &request) {
  asked_ = &request;
  run(request);
  asked_ = nullptr;
  if (!query_answer_.empty()) return query_answer_;
  Running running(this);
  if (end.empty()) return ask(request);
  // Its frames are gone with what its handlers refer to: nothing can be asked any more.
  return "\"failure\":" +
         failure_text(Failure("perdure.WrongStatus", "the instance '" + instance +
                                                         "' has ended with an exception, and what its "
                                                         "query handlers look at went with it"));
}

inline std::string Execution::ask(const TurnRequest &request) {
  frozen_ = "A query handler";
  std::string answer;
  try {
    auto handler = queries.find(request.query_name);
    answer = handler == queries.end() ? "\"failure\":" + no_handler(request.query_name)
                                      : "\"result\":" + handler->second(request.query_input);
  } catch (...) {
    answer = "\"failure\":" + failure_text(failure_of(std::current_exception()));
  }
  frozen_ = nullptr;
  return answer;
}

inline std::string Execution::no_handler(std::string_view query_name) const {
  std::string known;
  for (auto &[each, handler] : queries) known += (known.empty() ? "'" : ", '") + each + "'";
  Failure failure{"perdure.NotRegistered", "the instance '" + instance + "' has no handler for the query '" +
                                               std::string(query_name) + "'; it has " +
                                               (known.empty() ? "none at all" : known)};
  failure.non_retryable = true;
  return failure_text(failure);
}

inline void Execution::finish_main() {
  main_state_->is_seen = true;
  for (auto &state : unseen_) {
    if (state->is_seen) continue;
    log("error", "A task failed, and nobody has awaited it: " + failure_of(state->error).str());
  }
  std::string begin_of_end = "{\"after\":" + std::to_string(after) + ",\"kind\":";
  try {
    main_state_->check();
    auto &output = *static_cast<State<std::string> &>(*main_state_).value;
    end = begin_of_end + "\"Completed\",\"output\":" + output + "}";
  } catch (const Cancelled &) {
    if (!is_cancel_requested) {
      throw Fault("The code gave up its own work and let the cancellation pass.", {.type = "Cancelled"});
    }
    end = begin_of_end + "\"Cancelled\"}";
  } catch (const ContinueAsNew &next_one) {
    end = begin_of_end + "\"ContinuedAsNew\"";
    if (!next_one.version.empty()) append_text(end += ",\"version\":", next_one.version, "The version");
    end += ",\"input\":" + next_one.input + "}";
  }
}

inline void Execution::fail(const std::exception_ptr &error) {
  std::string failure = failure_text(failure_of(error));
  if (failure.size() > static_cast<std::uint64_t>(limits.payload_bytes)) {
    failure = failure_text(Failure("perdure.LimitExceeded",
                                   "The failure of the orchestration has " + std::to_string(failure.size()) +
                                       " bytes; the limit is " + std::to_string(limits.payload_bytes) + "."));
  }
  end = "{\"after\":" + std::to_string(after) + ",\"kind\":\"Failed\",\"failure\":" + failure + "}";
}

}  // namespace perdure::detail

#endif  // PERDURE_EXECUTION_EVENTS_HPP
