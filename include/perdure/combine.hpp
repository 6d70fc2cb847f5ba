/// Several things at once: `all`, `race`, `any`, `wait_any`, `wait_for`, `attempt`.
///
/// All take handles and tasks. A handle stays yours: when `all` fails or `any` succeeds early, what is open
/// goes on (`race` gives the losers up). A task belongs to the call: before the call ends in whatever way,
/// its other tasks are cancelled and have ended, so that they may use what is on the frame that awaits.
#ifndef PERDURE_COMBINE_HPP
#define PERDURE_COMBINE_HPP

#include "task.hpp"

namespace perdure {
namespace detail {

/// Work as a handle, and whether it is owned: a task is begun and owned.
template <class T>
std::pair<Handle<T>, bool> begun(Handle<T> handle) {
  return {std::move(handle), false};
}
template <class T>
std::pair<Handle<T>, bool> begun(Task<T> task) {
  check_begun();
  return {begin_task(*current_execution, std::move(task)), true};
}
template <class Work>
using ResultOf = typename std::remove_cvref_t<Work>::value_type;
template <class T>
concept Work =
    IsAwaitable<std::remove_cvref_t<T>>::value && !std::same_as<std::remove_cvref_t<T>, SettledAwaiter>;

/// What `all` and its kin wait for.
struct Group {
  template <class T>
  void add(const std::pair<Handle<T>, bool> &work) {
    states.push_back(work.first.state());
    if (work.second) owned.push_back(work.first.state());
  }
  SettledAwaiter settled(std::size_t need, bool fail_fast) const { return {states, need, fail_fast}; }
  /// Cancels all that are open; a settled one stays as it is.
  void cancel_all() const {
    for (auto &state : states) current_execution->cancel(*state);
  }
  /// Cancels the tasks that were begun for the call, and waits until they have ended.
  Task<void> end_owned() const {
    for (auto &state : owned) current_execution->cancel(*state);
    co_await SettledAwaiter(owned, owned.size(), false);
  }
  /// The first that has settled, in the order of giving; the number of states if none has.
  std::size_t first() const {
    std::size_t at = 0;
    while (at < states.size() && !states[at]->is_settled()) at++;
    return at;
  }
  std::vector<std::shared_ptr<StateBase>> states, owned;
};

/// The one that has failed, or was given up; null if there is none.
inline std::shared_ptr<StateBase> failed_of(const Group &group) {
  auto is = [](auto status) { return [=](auto &state) { return state->status == status; }; };
  auto found = std::ranges::find_if(group.states, is(StateBase::Status::error));
  if (found == group.states.end())
    found = std::ranges::find_if(group.states, is(StateBase::Status::cancelled));
  return found == group.states.end() ? nullptr : *found;
}

/// Waits for all, or the first failure; then ends the owned tasks, whose failures count no longer, and throws
/// what the wait has thrown, or that failure.
inline Task<void> wait_all(Group group) {
  std::exception_ptr error;
  try {
    co_await group.settled(group.states.size(), true);
  } catch (...) {
    error = std::current_exception();
  }
  auto failed = failed_of(group);
  bool is_open = false;
  for (auto &state : group.owned) is_open = is_open || !state->is_settled();
  if (is_open) co_await group.end_owned();
  if (error) std::rethrow_exception(error);
  if (failed) failed->check();
}

/// The order in which the states have settled cannot be seen afterwards: asks while it happens.
inline Task<std::size_t> wait_first(Group group, bool cancel_rest) {
  if (group.states.empty()) throw InvalidArgument("There is nothing to wait for.");
  std::size_t winner = group.first();
  std::exception_ptr error;
  if (winner == group.states.size()) {
    try {
      co_await group.settled(1, false);
    } catch (...) {
      error = std::current_exception();
    }
    winner = group.first();
  }
  if (cancel_rest && !error) group.cancel_all();
  bool is_open = false;
  for (auto &state : group.owned) is_open = is_open || !state->is_settled();
  if (is_open) co_await group.end_owned();
  if (error) std::rethrow_exception(error);
  co_return winner;
}

template <class T>
Stored<T> taken(const Handle<T> &handle) {
  handle.state()->check();
  if constexpr (std::copy_constructible<Stored<T>>) {
    return *handle.state()->value;
  } else {
    return std::move(*handle.state()->value);
  }
}

template <class T>
Task<std::vector<Stored<T>>> all_of(std::vector<std::pair<Handle<T>, bool>> work) {
  Group group;
  for (auto &each : work) group.add(each);
  co_await wait_all(group);
  std::vector<Stored<T>> results;
  results.reserve(work.size());
  for (auto &each : work) results.push_back(taken(each.first));
  co_return results;
}

template <class... T>
Task<std::tuple<Stored<T>...>> all_of_these(std::pair<Handle<T>, bool>... work) {
  Group group;
  (group.add(work), ...);
  co_await wait_all(group);
  co_return std::tuple<Stored<T>...>{taken(work.first)...};
}

template <std::size_t At, class Variant, class Tuple>
Variant variant_at(std::size_t index, Tuple &work) {
  if constexpr (At + 1 < std::tuple_size_v<Tuple>) {
    if (index != At) return variant_at<At + 1, Variant>(index, work);
  }
  return Variant(std::in_place_index<At>, taken(std::get<At>(work).first));
}

template <class... T>
Task<std::variant<Stored<T>...>> race_of_these(std::pair<Handle<T>, bool>... work) {
  auto together = std::tuple(std::move(work)...);
  Group group;
  std::apply([&](auto &...each) { (group.add(each), ...); }, together);
  std::size_t winner = co_await wait_first(group, true);
  co_return variant_at<0, std::variant<Stored<T>...>>(winner, together);
}

template <class T>
Task<std::pair<std::size_t, Stored<T>>> race_of(std::vector<std::pair<Handle<T>, bool>> work) {
  Group group;
  for (auto &each : work) group.add(each);
  std::size_t winner = co_await wait_first(group, true);
  co_return std::pair<std::size_t, Stored<T>>(winner, taken(work[winner].first));
}

template <class T>
Task<std::pair<std::size_t, Stored<T>>> any_of(std::vector<std::pair<Handle<T>, bool>> work) {
  Group group;
  for (auto &each : work) group.add(each);
  if (work.empty()) throw InvalidArgument("There is nothing to wait for.");
  Group left = group;
  std::exception_ptr error;
  std::optional<std::size_t> winner;
  while (!winner && !left.states.empty() && !error) {
    try {
      co_await left.settled(1, false);
    } catch (...) {
      error = std::current_exception();
    }
    for (std::size_t at = work.size(); at-- > 0;) {
      if (group.states[at]->status == StateBase::Status::value) winner = at;
    }
    std::erase_if(left.states, [](auto &state) { return state->is_settled(); });
  }
  if (winner && !error) group.cancel_all();
  co_await group.end_owned();
  if (error) std::rethrow_exception(error);
  if (!winner) failed_of(group)->check();
  co_return std::pair<std::size_t, Stored<T>>(*winner, taken(work[*winner].first));
}

template <class T, template <class> class Kind>
std::vector<std::pair<Handle<T>, bool>> begin_all(std::vector<Kind<T>> work) {
  std::vector<std::pair<Handle<T>, bool>> handles;
  handles.reserve(work.size());
  for (auto &each : work) handles.push_back(begun(std::move(each)));
  return handles;
}

/// `attempt` of something that is awaited.
template <class Awaited>
Task<Outcome<ResultOf<Awaited>>> attempt_of(Awaited work) {
  using Result = Outcome<ResultOf<Awaited>>;
  try {
    if constexpr (std::is_void_v<ResultOf<Awaited>>) {
      co_await std::move(work);
      co_return Result(std::monostate());
    } else {
      co_return Result(co_await std::move(work));
    }
  } catch (const ContinueAsNew &) {
    throw;
  } catch (...) {
    co_return Result(std::current_exception());
  }
}

}  // namespace detail

/// All results, in the order of giving, as a tuple (std::monostate for void). Throws the first failure as
/// soon as it comes.
template <detail::Work... Works>
  requires(sizeof...(Works) > 0)
auto all(Works... work) {
  return detail::all_of_these<detail::ResultOf<Works>...>(detail::begun(std::move(work))...);
}
/// The same for any number of one kind, as a vector.
template <class T, template <class> class Kind>
  requires detail::Work<Kind<T>>
auto all(std::vector<Kind<T>> work) {
  return detail::all_of<T>(detail::begin_all(std::move(work)));
}

/// The first to come, whatever it is; the others are given up. As a variant, whose index says who has won:
/// `auto first = co_await race(ctx.wait_for_event<int>("go"), ctx.timer(60s)); if (first.index() == 0) ...`
template <detail::Work... Works>
  requires(sizeof...(Works) > 0)
auto race(Works... work) {
  return detail::race_of_these<detail::ResultOf<Works>...>(detail::begun(std::move(work))...);
}
/// The same for any number of one kind: which one, and its result.
template <class T, template <class> class Kind>
  requires detail::Work<Kind<T>>
auto race(std::vector<Kind<T>> work) {
  return detail::race_of<T>(detail::begin_all(std::move(work)));
}

/// The first that succeeds, and which it was; the others are given up. Throws the first failure, in the order
/// of giving, when none does.
template <class T, template <class> class Kind>
  requires detail::Work<Kind<T>>
auto any(std::vector<Kind<T>> work) {
  return detail::any_of<T>(detail::begin_all(std::move(work)));
}

/// Which handle settles first, one that has settled already included. Nothing is given up, and nothing thrown
/// for a failure: await the handle to see.
template <class... T>
Task<std::size_t> wait_any(Handle<T>... handles) {
  detail::Group group;
  (group.add(std::pair(handles, false)), ...);
  return detail::wait_first(std::move(group), false);
}
template <class T>
Task<std::size_t> wait_any(const std::vector<Handle<T>> &handles) {
  detail::Group group;
  for (auto &each : handles) group.add(std::pair(each, false));
  return detail::wait_first(std::move(group), false);
}

/// What comes of the work, without an exception, so that code may await in the failure's case, too (C++ has
/// no `co_await` in a `catch`):
///
///     auto paid = co_await perdure::attempt(pay(ctx, order));
///     if (!paid) co_await undo(ctx);
///     co_return paid.value();   // goes on with the failure, or the cancellation
template <detail::Work Awaited>
auto attempt(Awaited work) {
  return detail::attempt_of(std::move(work));
}

}  // namespace perdure

#endif  // PERDURE_COMBINE_HPP
