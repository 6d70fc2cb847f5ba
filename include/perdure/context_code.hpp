/// OrchestrationContext: the longer of its functions.
#ifndef PERDURE_CONTEXT_CODE_HPP
#define PERDURE_CONTEXT_CODE_HPP

#include <cmath>

#include "context.hpp"

namespace perdure {

template <class R, class In>
Handle<R> OrchestrationContext::schedule(std::string_view activity_name, const In &input,
                                         const ActivityOptions &options) {
  std::string members = "\"kind\":\"ScheduleActivity\",\"name\":";
  auto state = std::make_shared<detail::Answered<R>>();
  state->what.append("activity '").append(activity_name).append("'");
  detail::append_name(members, activity_name, "The name of the activity");
  std::size_t before = members.append(",\"input\":").size();
  std::string what = "The input of " + state->what;
  detail::encode_to(members, input, what);
  detail::check_size(members.size() - before, execution_->limits.payload_bytes, what);
  if (Json wire = options.wire(); !wire.is_null()) members += ",\"options\":" + wire.dump();
  execution_->schedule(members, state);
  return Handle<R>(std::move(state));
}

template <class In>
std::string OrchestrationContext::start_members(const char *kind, std::string_view orchestration,
                                                const In &input, std::string_view version,
                                                std::string_view instance) const {
  std::string members = std::string("\"kind\":\"") + kind + "\",\"name\":";
  detail::append_name(members, orchestration, "The name of the orchestration");
  if (!version.empty()) detail::append_text(members += ",\"version\":", version, "The version");
  if (!instance.empty()) {
    detail::append_instance(members += ",\"instance\":", instance);
  } else {
    std::string made;
    detail::append_instance(made, execution_->child_id(), "The id that the child would have");
  }
  return members +
         ",\"input\":" + payload(input, "The input of orchestration '" + std::string(orchestration) + "'");
}

template <class R, class In>
Handle<R> OrchestrationContext::start_child(std::string_view child, const In &input,
                                            const ChildOptions &options) {
  execution_->check_running();
  auto members =
      start_members("ScheduleSubOrchestration", child, input, options.version(), options.instance());
  if (auto policy = options.close_policy()) {
    members += ",\"closePolicy\":" + Json::of(*policy).dump();
  }
  auto state = std::make_shared<detail::Answered<R>>();
  state->what.append("orchestration '").append(child).append("'");
  execution_->schedule(members, state);
  return Handle<R>(std::move(state));
}

template <class In>
std::string OrchestrationContext::start_detached(std::string_view orchestration, const In &input,
                                                 const ChildOptions &options) {
  execution_->check_running();
  if (options.close_policy()) {
    throw InvalidArgument("An orchestration that goes its own way has no close_policy.");
  }
  auto action = execution_->emit(
      start_members("StartDetached", orchestration, input, options.version(), options.instance()));
  return options.instance().empty() ? execution_->child_id(action) : options.instance();
}

inline Handle<void> OrchestrationContext::timer_at(std::int64_t fire_at) {
  auto state = std::make_shared<detail::Answered<void>>();
  state->what = "a timer";
  execution_->schedule("\"kind\":\"CreateTimer\",\"fireAt\":" + std::to_string(fire_at), state);
  return Handle<void>(std::move(state));
}

template <class T>
Handle<void> OrchestrationContext::send(const char *kind, std::string_view instance, std::string_view to,
                                        const T &data, bool keep, const char *what) {
  std::string members = std::string("\"kind\":\"") + kind + "\",\"instance\":";
  detail::append_instance(members, instance);
  detail::append_name(members += ",\"name\":", to, std::string("The name of the ") + what);
  std::string named = std::string(what) + " '" + std::string(to) + "'";
  members += ",\"data\":" + payload(data, "The data of " + named);
  if (keep) members += ",\"keep\":true";
  auto state = std::make_shared<detail::Answered<void>>();
  state->what = "Sending " + named + " to instance '" + std::string(instance) + "'";
  execution_->schedule(members, state);
  return Handle<void>(std::move(state));
}

inline Handle<void> OrchestrationContext::cancel_instance(std::string_view instance,
                                                          std::string_view reason) {
  std::string members = "\"kind\":\"CancelInstance\",\"instance\":";
  detail::append_instance(members, instance);
  detail::check_size(reason.size(), detail::reason_bytes, "The reason");
  detail::append_text(members += ",\"reason\":", reason, "The reason");
  auto state = std::make_shared<detail::Answered<void>>();
  state->what = "Cancelling instance '" + std::string(instance) + "'";
  execution_->schedule(members, state);
  return Handle<void>(std::move(state));
}

template <class T>
Handle<std::optional<T>> OrchestrationContext::read_kv(std::string_view instance, std::string_view key) {
  std::string members = "\"kind\":\"ReadKV\",\"instance\":";
  detail::append_instance(members, instance);
  detail::append_name(members += ",\"key\":", key, "The key");
  auto state = std::make_shared<detail::ReadState<T>>();
  state->what = "Reading key '" + std::string(key) + "' of instance '" + std::string(instance) + "'";
  execution_->schedule(members, state);
  return Handle<std::optional<T>>(std::move(state));
}

template <class T>
void OrchestrationContext::continue_as_new(const T &input, std::string_view version) {
  execution_->check_running();
  if (!execution_->is_main()) {
    throw WrongStatus(
        "continue_as_new ends the orchestration: only its own code can call it, no task that it spawned.");
  }
  throw detail::ContinueAsNew{payload(input, "The input of continue_as_new"), std::string(version)};
}

inline void OrchestrationContext::metric(std::string_view metric_name, double value, MetricKind kind,
                                         const std::map<std::string, std::string> &attributes) {
  std::string text = "{\"name\":";
  detail::append_name(text, metric_name, "The name of the metric");
  if (!std::isfinite(value)) {
    throw InvalidArgument("The value of metric '" + std::string(metric_name) + "' must be finite.");
  }
  text += ",\"kind\":" + Json::of(kind).dump() + ",\"value\":";
  detail::append_double(text, value);
  if (!attributes.empty()) {
    text += ",\"attributes\":";
    detail::encode_to(text, attributes, "The attributes of metric '" + std::string(metric_name) + "'");
  }
  execution_->metric(text + "}");
}

inline std::string OrchestrationContext::new_guid() {
  static constexpr char digits[] = "0123456789abcdef";
  std::uint64_t halves[2] = {execution_->chance(), execution_->chance()};
  halves[0] = (halves[0] & ~std::uint64_t(0xF000)) | 0x4000;
  halves[1] = (halves[1] & ~(std::uint64_t(3) << 62)) | std::uint64_t(2) << 62;
  std::string guid;
  for (int at = 0; at < 32; at++) {
    if (at == 8 || at == 12 || at == 16 || at == 20) guid += '-';
    guid += digits[halves[at / 16] >> (60 - 4 * (at % 16)) & 15];
  }
  return guid;
}

namespace detail {

template <class T>
Task<std::optional<Stored<T>>> within(std::pair<Handle<T>, bool> work, Handle<void> timer) {
  Group group;
  group.add(work);
  group.add(std::pair(timer, false));
  std::size_t winner = co_await wait_first(std::move(group), true);
  if (winner == 1) co_return std::nullopt;
  co_return std::optional<Stored<T>>(taken(work.first));
}

/// A handler's answer: what it returns, awaited if need be.
template <class Result>
Task<std::string> answer_of(Result result, std::string what, std::int64_t most) {
  if constexpr (Work<Result>) {
    if constexpr (std::is_void_v<ResultOf<Result>>) {
      co_await std::move(result);
      co_return "null";
    } else {
      auto value = co_await std::move(result);
      co_return encode_result(value, what, most);
    }
  } else {
    co_return encode_result(result, what, most);
  }
}

/// Calls a handler with an input of its type.
template <class F>
decltype(auto) call_handler(F &function, std::string_view input, std::string_view what) {
  using S = Shape<F, std::monostate>;
  if constexpr (S::inputs == 0) {
    return function();
  } else {
    return function(decode<typename S::Input>(input, what));
  }
}

/// The input, if the validator has nothing against it; what it throws becomes a rejection.
template <class F>
void validate(F &validator, std::string_view input, std::string_view what) {
  try {
    call_handler(validator, input, what);
  } catch (const std::exception &) {
    Failure failure = failure_of(std::current_exception());
    failure.type = call_rejected;
    throw WorkFailed("The call", std::move(failure));
  }
}

inline void reject_call(Call &call, const std::exception_ptr &error) {
  if (call.is_answered()) return;
  try {
    call.reject(failure_of(error));
  } catch (const LimitExceeded &) {
    // A failure that is too large to be sent is told by what was wrong with it.
    call.reject(failure_of(std::current_exception()));
  }
}

/// A handler with its validator, at work on one call after the other.
template <class Handler, class Validator>
Task<void> serve(OrchestrationContext &context, std::int64_t most, Handle<Call> waiting, Handler handler,
                 Validator validator) {
  using Result = typename Signature<Handler>::Result;
  while (true) {
    Call call = co_await waiting;
    std::exception_ptr error;
    try {
      std::string what = "The input of call '" + call.name() + "'",
                  input = call.template input<Json>().dump();
      validate(validator, input, what);
      std::string answer_name = "The answer to call '" + call.name() + "'";
      std::string answer = "null";
      if constexpr (std::is_void_v<Result>) {
        call_handler(handler, input, what);
      } else {
        answer = co_await answer_of(call_handler(handler, input, what), answer_name, most);
      }
      call.answer(Json::parse(answer));
    } catch (...) {
      error = std::current_exception();
    }
    if (error) reject_call(call, error);
    waiting = context.next_call(call.name());
  }
}

}  // namespace detail

template <detail::Work Awaited>
auto OrchestrationContext::wait_for(Awaited work, Milliseconds time) {
  auto started = detail::begun(std::move(work));
  auto until = timer(time);
  return detail::within(std::move(started), std::move(until));
}

template <detail::Function Handler, detail::Function Validator>
void OrchestrationContext::on_call(std::string_view call, Handler handler, Validator validator) {
  auto first = next_call(call);
  auto served = detail::serve(*this, execution_->limits.payload_bytes, std::move(first), std::move(handler),
                              std::move(validator));
  // Nobody awaits it: it ends with the orchestration.
  static_cast<void>(detail::begin_task(*execution_, std::move(served), true));
}

template <detail::Function Handler>
void OrchestrationContext::on_query(std::string_view query, Handler handler) {
  using Result = typename detail::Signature<Handler>::Result;
  static_assert(!detail::IsAwaitable<Result>::value, "A query handler is a plain function: it cannot await.");
  execution_->check_running();
  std::string quoted, named(query);
  detail::append_name(quoted, query, "The name of the query");
  auto most = execution_->limits.payload_bytes;
  auto shared = std::make_shared<Handler>(std::move(handler));
  execution_->queries.insert_or_assign(named, [shared, named, most](std::string_view input) -> std::string {
    std::string what = "The input of query '" + named + "'";
    if constexpr (std::is_void_v<Result>) {
      static_cast<void>(most);
      detail::call_handler(*shared, input, what);
      return "null";
    } else {
      return detail::encode_result(detail::call_handler(*shared, input, what),
                                   "The result of query '" + named + "'", most);
    }
  });
}

}  // namespace perdure

#endif  // PERDURE_CONTEXT_CODE_HPP
