/// Execution: what the code of an orchestration does, and how it waits.
#ifndef PERDURE_EXECUTION_CODE_HPP
#define PERDURE_EXECUTION_CODE_HPP

#include "execution.hpp"

namespace perdure::detail {

// ---- Waiter ----

inline void Waiter::wait(std::coroutine_handle<> coroutine, std::vector<StateBase *> on, std::size_t until,
                         bool fast) {
  Execution &execution = *current_execution;
  continuation = coroutine;
  fiber = execution.fiber();
  states = std::move(on);
  need = until;
  fail_fast = fast;
  fiber->waiting = this;
  for (auto *state : states) state->waiters.push_back(this);
  if (std::exchange(fiber->cancel_pending, false)) {
    // It was cancelled while it ran: here is the await that hears of it.
    fiber->was_cancelled = false;
    execution.cancel(*fiber->result());
  }
}

inline void Waiter::notice(StateBase &state) {
  std::erase(states, &state);
  if (need > 0) need--;
  bool failed = fail_fast && state.status != StateBase::Status::value;
  if ((need == 0 || failed) && state.execution != nullptr) state.execution->make_ready(*this);
}

inline void Waiter::resume() {
  if (fiber != nullptr) fiber->waiting = nullptr;
  if (is_cancelled) throw Cancelled(current_execution->cancel_reason);
}

inline void Waiter::leave() {
  for (auto *state : std::exchange(states, {})) std::erase(state->waiters, this);
}

// ---- Execution ----

inline Execution::Execution(const TurnRequest &request, std::string called, std::string as_version,
                            const Limits &given)
    : instance(request.instance),
      name(std::move(called)),
      version(std::move(as_version)),
      number(request.execution),
      limits(given),
      traceparent(request.traceparent),
      tracestate(request.tracestate),
      turn(request.turn) {
  Scanner patches(request.patches);
  patches.array([&] { recorded_patches_.insert(patches.string()); });
  Scanner entries(request.kv);
  entries.array([&] {
    std::string key, value = "null";
    std::int64_t at = 0;
    entries.object([&](std::string_view member) {
      if (member == "key") {
        key = entries.string();
      } else if (member == "value") {
        value = std::string(entries.raw());
      } else if (member == "at") {
        at = entries.integer();
      } else {
        entries.raw();
      }
    });
    kv.insert_or_assign(key, std::pair(std::move(value), at));
  });
}

inline void Execution::check_running() const {
  if (current_execution == this) return;
  throw WrongStatus("The context of instance '" + instance +
                    "' is used outside of its orchestration: only its own code may, and no other thread.");
}

inline std::int64_t Execution::emit(std::string_view members) {
  check_running();
  if (is_closing_) return next_action_;
  if (frozen_ != nullptr) {
    throw WrongStatus(std::string(frozen_) + " only looks: it cannot do durable work.");
  }
  actions_ += actions_.empty() ? "{\"id\":" : ",{\"id\":";
  append_integer(actions_, next_action_);
  actions_ += ",\"after\":";
  append_integer(actions_, after);
  actions_.append(",").append(members).append("}");
  return next_action_++;
}

inline void Execution::schedule(std::string_view members, const std::shared_ptr<StateBase> &state) {
  if (open_.size() >= static_cast<std::uint64_t>(limits.pending_actions)) {
    throw LimitExceeded(std::to_string(open_.size()) + " actions are pending; the limit is " +
                        std::to_string(limits.pending_actions) + " per instance.");
  }
  state->action = emit(members);
  state->execution = this;
  open_.emplace(state->action, state);
}

inline void Execution::wait_for(std::string_view kind, std::string_view wanted, const char *what,
                                const std::shared_ptr<StateBase> &state) {
  std::string members = "\"kind\":\"" + std::string(kind) + "\",\"name\":";
  append_name(members, wanted, "The name of the " + std::string(what));
  state->what = std::string(what) + " '" + std::string(wanted) + "'";
  state->part = "The data";
  schedule(members, state);
  if (is_closing_) return;
  Key key(kind, wanted);
  auto kept = kept_.find(key);
  if (kept == kept_.end() || kept->second.empty()) return void(waits_[key].push_back(state->action));
  Message first = std::move(kept->second.front());
  kept->second.pop_front();
  open_.erase(state->action);
  try {
    state->complete(first.data, first.call);
  } catch (...) {
    state->fail(std::current_exception());
  }
}

inline bool Execution::cancel(StateBase &state) {
  if (state.is_settled() || is_closing_) return false;
  check_running();
  if (state.fiber != nullptr) {
    cancel_fiber(*state.fiber);
  } else {
    give_up(state);
  }
  return true;
}

/// Emits Cancel for an action that is still open, and wakes who waits for it.
inline void Execution::give_up(StateBase &state) {
  auto kept = open_.extract(state.action);
  if (!kept.empty()) {
    if (given_up_) {
      given_up_->insert(state.action);
    } else {
      emit("\"kind\":\"Cancel\",\"target\":" + std::to_string(state.action));
    }
  }
  state.reason = cancel_reason;
  state.settle(StateBase::Status::cancelled);
  std::erase_if(conditions_, [&](auto &each) { return each.state.get() == &state; });
}

/// Raises the cancellation where the fiber waits; what it waits for is given up. One that waits for other
/// fibers hears of it when they have ended: they may still use what is on its frame.
inline void Execution::cancel_fiber(Fiber &cancelled) {
  if (cancelled.is_done || std::exchange(cancelled.was_cancelled, true)) return;
  Waiter *waiter = cancelled.waiting;
  if (waiter == nullptr) {
    cancelled.cancel_pending = true;
    return;
  }
  if (waiter->is_ready) {
    waiter->is_cancelled = true;
    return;
  }
  bool at_once = false;
  for (auto *state : std::vector(waiter->states)) {
    if (state->is_settled()) continue;
    if (state->fiber != nullptr && !state->fiber->is_spared) {
      cancel_fiber(*state->fiber);
    } else {
      at_once = true;
      if (state->fiber == nullptr) give_up(*state);
    }
  }
  if (at_once) {
    waiter->is_cancelled = true;
    make_ready(*waiter);
  }
}

inline void Execution::make_ready(Waiter &waiter) {
  if (std::exchange(waiter.is_ready, true)) return;
  waiter.leave();
  if (!is_closing_) ready_.emplace_back(waiter.continuation, waiter.fiber);
}

inline void Execution::spawn(std::unique_ptr<Fiber> spawned, const std::shared_ptr<StateBase> &state) {
  check_running();
  if (is_closing_) return;
  state->execution = this;
  state->fiber = spawned.get();
  if (fiber_ != nullptr && fiber_->is_spared) spawned->is_spared = true;
  ready_.emplace_back(spawned->coroutine(), spawned.get());
  fibers_.push_back(std::move(spawned));
}

inline void Execution::wait_until(std::function<bool()> condition,
                                  const std::shared_ptr<State<void>> &state) {
  check_running();
  state->execution = this;
  state->what = "a condition";
  if (!is_closing_) conditions_.push_back({std::move(condition), state});
}

inline bool Execution::patched(std::string_view patch) {
  check_running();
  std::string members = "\"kind\":\"RecordPatch\",\"patch\":";
  append_name(members, patch, "The id of the patch");
  if (auto known = patches_.find(patch); known != patches_.end()) return known->second;
  bool taken = recorded_patches_.contains(patch) || !is_replaying;
  if (taken) emit(members);
  patches_.emplace(patch, taken);
  return taken;
}

inline void Execution::deprecate_patch(std::string_view patch) {
  check_running();
  std::string members = "\"kind\":\"RecordPatch\",\"patch\":";
  append_name(members, patch, "The id of the patch");
  if (patches_.contains(patch)) return;
  if (recorded_patches_.contains(patch)) emit(members);
  patches_.emplace(patch, true);
}

inline void Execution::log(const char *level, std::string_view text) {
  check_running();
  if (is_replaying || is_closing_) return;
  logs_ += logs_.empty() ? "{\"level\":\"" : ",{\"level\":\"";
  logs_.append(level).append("\",\"message\":");
  append_quoted(logs_, clean(text));
  logs_ += '}';
}

inline void Execution::metric(std::string text) {
  check_running();
  if (is_replaying || is_closing_) return;
  metrics_.append(metrics_.empty() ? "" : ",").append(text);
}

/// SplitMix64, seeded with FNV-1a of the instance id, a zero byte and the execution.
inline std::uint64_t Execution::chance() {
  check_running();
  if (!chance_) {
    std::uint64_t seed = 0xCBF29CE484222325;
    for (char c : instance + '\0' + std::to_string(number)) {
      seed = (seed ^ static_cast<unsigned char>(c)) * 0x100000001B3;
    }
    chance_ = seed;
  }
  *chance_ += 0x9E3779B97F4A7C15;
  std::uint64_t z = *chance_;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

}  // namespace perdure::detail

#endif  // PERDURE_EXECUTION_CODE_HPP
