/// What orchestrations receive as their first argument.
#ifndef PERDURE_CONTEXT_HPP
#define PERDURE_CONTEXT_HPP

#include "combine.hpp"
#include "state.hpp"

namespace perdure {

/// Where a sub-orchestration was scheduled.
struct Parent {
  std::string instance;
  std::int64_t execution = 0, action = 0;
  static void fields(auto &parent, auto visit) {
    visit("instance", parent.instance);
    visit("execution", parent.execution);
    visit("action", parent.action);
  }
};

/// The durable side of an orchestration. Code must do the same each time that it is run from its history:
/// time, chance and the outside world come from here and from activities only.
///
/// Calls return a handle: the work has begun, `co_await` it when you like. What is over a limit throws
/// LimitExceeded at the call, what cannot be taken InvalidArgument.
class OrchestrationContext {
 public:
  explicit OrchestrationContext(detail::Execution &execution)
      : kv(execution), log(execution), execution_(&execution) {}
  OrchestrationContext(const OrchestrationContext &) = delete;
  OrchestrationContext &operator=(const OrchestrationContext &) = delete;

  /// The key-value state of the instance.
  KeyValue kv;
  OrchestrationLog log;

  const std::string &instance_id() const { return execution_->instance; }
  /// Counts up with each continue_as_new, from 1.
  std::int64_t execution_id() const { return execution_->number; }
  const std::string &name() const { return execution_->name; }
  const std::string &version() const { return execution_->version; }
  std::optional<Parent> parent() const {
    if (!execution_->parent) return std::nullopt;
    return execution_->parent->as<Parent>();
  }
  /// The span of this execution, if the instance is part of a distributed trace.
  const std::optional<std::string> &traceparent() const { return execution_->traceparent; }
  const std::optional<std::string> &tracestate() const { return execution_->tracestate; }
  /// An earlier turn has been here. Good for printing; deciding by it breaks the replay.
  bool is_replaying() const { return execution_->is_replaying; }
  /// The instance was asked to end: `Cancelled` was thrown at its awaits, once.
  bool is_cancel_requested() const { return execution_->is_cancel_requested; }

  // ---- Work ----

  /// Schedules an activity. It runs at least once; its failure is thrown as `ActivityFailed`.
  template <class R = Json, class In>
  Handle<R> activity(std::string_view activity_name, In &&input, const ActivityOptions &options) {
    detail::check_temporary<In>();
    return schedule<R, std::remove_cvref_t<In>>(activity_name, input, options);
  }
  template <class R = Json, class In>
  Handle<R> activity(std::string_view activity_name, In &&input) {
    return activity<R>(activity_name, std::forward<In>(input), ActivityOptions());
  }
  template <class R = Json>
  Handle<R> activity(std::string_view activity_name) {
    return activity<R>(activity_name, nullptr, ActivityOptions());
  }
  /// The same by its typed name.
  template <class R, class In, std::convertible_to<In> Given>
  Handle<R> activity(const Activity<R(In)> &target, Given &&input, const ActivityOptions &options) {
    detail::check_temporary<Given>();
    return schedule<R, std::remove_cvref_t<In>>(target.name, input, options);
  }
  template <class R, class In, std::convertible_to<In> Given>
  Handle<R> activity(const Activity<R(In)> &target, Given &&input) {
    return activity(target, std::forward<Given>(input), ActivityOptions());
  }
  template <class R>
  Handle<R> activity(const Activity<R()> &target, const ActivityOptions &options) {
    return activity<R>(target.name, nullptr, options);
  }
  template <class R>
  Handle<R> activity(const Activity<R()> &target) {
    return activity(target, ActivityOptions());
  }

  /// Runs another orchestration as a child. Its failure or end is thrown as `SubOrchestrationFailed`.
  template <class R = Json, class In>
  Handle<R> sub_orchestration(std::string_view child, In &&input, const ChildOptions &options) {
    detail::check_temporary<In>();
    return start_child<R, std::remove_cvref_t<In>>(child, input, options);
  }
  template <class R = Json, class In>
  Handle<R> sub_orchestration(std::string_view child, In &&input) {
    return sub_orchestration<R>(child, std::forward<In>(input), ChildOptions());
  }
  template <class R = Json>
  Handle<R> sub_orchestration(std::string_view child) {
    return sub_orchestration<R>(child, nullptr, ChildOptions());
  }
  /// The same by its typed name.
  template <class R, class In, std::convertible_to<In> Given>
  Handle<R> sub_orchestration(const Orchestration<R(In)> &child, Given &&input, const ChildOptions &options) {
    detail::check_temporary<Given>();
    return start_child<R, std::remove_cvref_t<In>>(child.name, input, options);
  }
  template <class R, class In, std::convertible_to<In> Given>
  Handle<R> sub_orchestration(const Orchestration<R(In)> &child, Given &&input) {
    return sub_orchestration(child, std::forward<Given>(input), ChildOptions());
  }
  template <class R>
  Handle<R> sub_orchestration(const Orchestration<R()> &child, const ChildOptions &options) {
    return sub_orchestration<R>(child.name, nullptr, options);
  }
  template <class R>
  Handle<R> sub_orchestration(const Orchestration<R()> &child) {
    return sub_orchestration(child, ChildOptions());
  }

  /// Starts an orchestration that goes its own way, and is not cancelled with this one. Returns its id.
  template <class In>
  std::string start_detached(std::string_view orchestration, const In &input, const ChildOptions &options);
  template <class In>
  std::string start_detached(std::string_view orchestration, const In &input) {
    return start_detached(orchestration, input, ChildOptions());
  }
  std::string start_detached(std::string_view orchestration) {
    return start_detached(orchestration, nullptr, ChildOptions());
  }
  template <class R, class In, std::convertible_to<In> Given>
  std::string start_detached(const Orchestration<R(In)> &orchestration, const Given &input) {
    return start_detached<In>(orchestration.name, input, ChildOptions());
  }
  template <class R, class In, std::convertible_to<In> Given>
  std::string start_detached(const Orchestration<R(In)> &orchestration, const Given &input,
                             const ChildOptions &options) {
    return start_detached<In>(orchestration.name, input, options);
  }

  /// A durable timer, never early. One of no time at all fires at once.
  Handle<void> timer(Milliseconds delay) {
    auto ms = std::clamp<std::int64_t>(delay.count(), 0, detail::never_ms);
    return timer_at(execution_->now_ms + std::min(ms, detail::never_ms - execution_->now_ms));
  }
  /// The same, to read well: `co_await ctx.sleep(500ms)`
  Handle<void> sleep(Milliseconds delay) { return timer(delay); }
  /// A durable timer at a time.
  template <class Duration>
  Handle<void> sleep_until(std::chrono::time_point<std::chrono::system_clock, Duration> when) {
    return timer_at(std::clamp<std::int64_t>(detail::epoch_ms(when), 0, detail::never_ms));
  }

  /// What comes of the work, or nothing if it has not ended in time: then it is given up.
  /// `auto approval = co_await ctx.wait_for(ctx.wait_for_event<std::string>("approved"), 24h);`
  template <detail::Work Awaited>
  auto wait_for(Awaited work, Milliseconds time);

  /// Lets a task run beside this one.
  template <class T>
  Handle<T> spawn(Task<T> task) {
    return detail::begin_task(*execution_, std::move(task));
  }
  /// The same for a function object that makes the task, with what it captures:
  /// `ctx.spawn([&ctx, item]() -> Task<int> { co_return co_await ctx.activity<int>("pack", item); })`
  template <class Function, class... Arguments>
    requires std::invocable<Function &, Arguments...>
  auto spawn(Function function, Arguments... arguments) {
    return spawn(detail::hold(std::move(function), std::move(arguments)...));
  }
  /// A task that a cancellation of the orchestration does not reach: whoever awaits it hears of it.
  template <class T>
  Handle<T> shield(Task<T> task) {
    return detail::begin_task(*execution_, std::move(task), true);
  }
  /// Done as soon as the condition is true. It is looked at whenever all else waits, and must only look.
  Handle<void> wait_until(std::function<bool()> condition) {
    auto state = std::make_shared<detail::State<void>>();
    execution_->wait_until(std::move(condition), state);
    return Handle<void>(std::move(state));
  }

  // ---- Messages received ----

  /// The next event of that name, which may have come before. Given up, it takes none.
  template <class T = Json>
  Handle<T> wait_for_event(std::string_view event) {
    return message<T>("WaitForEvent", event, "event");
  }
  /// The next message of the queue, in the order of sending.
  template <class T = Json>
  Handle<T> dequeue(std::string_view queue) {
    return message<T>("Dequeue", queue, "queue");
  }
  /// From now on this instance receives what is published to the topic, across continue_as_new.
  void subscribe(std::string_view topic) { topic_action("SubscribeTopic", topic, {}); }
  /// What was received before stays for `wait_for_topic`.
  void unsubscribe(std::string_view topic) { topic_action("UnsubscribeTopic", topic, {}); }
  /// The next message of a topic that this instance has subscribed to.
  template <class T = Json>
  Handle<T> wait_for_topic(std::string_view topic) {
    return message<T>("WaitForTopic", topic, "topic");
  }

  // ---- Messages sent ----

  /// Sends an event to another instance. Awaited, it throws `MessageRefused` if that is not there.
  /// `keep`: for an instance that is not there yet, wait for its start.
  template <class T = std::nullptr_t>
  Handle<void> raise_event(std::string_view instance, std::string_view event, const T &data = {},
                           bool keep = false) {
    return send("RaiseEvent", instance, event, data, keep, "event");
  }
  /// Sends a message to a queue of another instance.
  template <class T = std::nullptr_t>
  Handle<void> enqueue(std::string_view instance, std::string_view queue, const T &data = {},
                       bool keep = false) {
    return send("Enqueue", instance, queue, data, keep, "queue");
  }
  /// Asks another instance to end, as `Client::cancel` does.
  Handle<void> cancel_instance(std::string_view instance, std::string_view reason = {});
  /// The value of a key of another instance, also of one that has ended.
  template <class T = Json>
  Handle<std::optional<T>> read_kv(std::string_view instance, std::string_view key);
  /// To all instances that are subscribed to the topic at that moment, once each.
  template <class T = std::nullptr_t>
  void publish(std::string_view topic, const T &data = {}) {
    topic_action("Publish", topic,
                 ",\"data\":" + payload(data, "The data of topic '" + std::string(topic) + "'"));
  }

  // ---- Calls and queries ----

  /// The next call of that name, to be answered or rejected by the code.
  Handle<Call> next_call(std::string_view call) {
    auto state = std::make_shared<detail::CallState>();
    state->execution = execution_;
    execution_->wait_for("WaitForCall", call, "call", state);
    return Handle<Call>(std::move(state));
  }
  /// Answers every call of that name with `handler(input)` while the orchestration runs, one after the other.
  /// `handler` returns a value, or a task or a handle, which is awaited; what it throws is thrown in the
  /// caller as `CallFailed`. `validator(input)` refuses a call by throwing: the caller sees `CallRejected`.
  /// Handlers do not keep the orchestration from ending, and answer also while it cleans up after a
  /// cancellation.
  template <detail::Function Handler, detail::Function Validator>
  void on_call(std::string_view call, Handler handler, Validator validator);
  template <detail::Function Handler>
  void on_call(std::string_view call, Handler handler) {
    on_call(call, std::move(handler), [](const Json &) {});
  }
  /// Answers `Client::query` with `handler(input)`: a plain function that looks and changes nothing.
  template <detail::Function Handler>
  void on_query(std::string_view query, Handler handler);

  // ---- State and end ----

  /// What `Client::describe` shows as `custom_status`.
  template <class T>
  void set_custom_status(const T &value) {
    std::string text = detail::encode(value, "The custom status");
    detail::check_size(text.size(), execution_->limits.custom_status_bytes, "The custom status");
    execution_->emit("\"kind\":\"SetCustomStatus\",\"status\":" + text);
  }
  void clear_custom_status() { execution_->emit("\"kind\":\"SetCustomStatus\""); }
  /// The history has passed 80 % of a limit: time for `continue_as_new`.
  bool should_continue_as_new() const { return execution_->is_late; }
  /// Ends this execution and begins the next with an empty history. Does not return. Only from the
  /// orchestration itself: a task that it spawned returns to it first. `version`: empty for the highest.
  template <class T = std::nullptr_t>
  [[noreturn]] void continue_as_new(const T &input = {}, std::string_view version = {});
  /// Guards a change of the code: true for instances that have not come here before the change.
  /// Decided once for each id, and recorded. When no instance goes the old way any more, `deprecate_patch`
  /// takes its place; when none is left that has recorded it, that goes, too.
  bool patched(std::string_view patch) { return execution_->patched(patch); }
  void deprecate_patch(std::string_view patch) { execution_->deprecate_patch(patch); }
  /// A measurement for `Store::metrics` and the log, emitted once and not again by a replay.
  void metric(std::string_view metric_name, double value, MetricKind kind = MetricKind::counter,
              const std::map<std::string, std::string> &attributes = {});

  // ---- Time and chance ----

  /// The time of the event that is being delivered.
  Time now() const { return Time(Milliseconds(execution_->now_ms)); }
  std::int64_t now_ms() const { return execution_->now_ms; }
  /// A number from 0 up to, not including, 1; the same in each replay.
  double random() { return static_cast<double>(execution_->chance() >> 11) * 0x1.0p-53; }
  /// A GUID, version 4; the same in each replay.
  std::string new_guid();

 private:
  template <class R, class In>
  Handle<R> schedule(std::string_view activity_name, const In &input, const ActivityOptions &options);
  template <class R, class In>
  Handle<R> start_child(std::string_view child, const In &input, const ChildOptions &options);
  Handle<void> timer_at(std::int64_t fire_at);
  template <class T>
  Handle<T> message(std::string_view kind, std::string_view wanted, const char *what) {
    auto state = std::make_shared<detail::Answered<T>>();
    execution_->wait_for(kind, wanted, what, state);
    return Handle<T>(std::move(state));
  }
  template <class T>
  Handle<void> send(const char *kind, std::string_view instance, std::string_view to, const T &data,
                    bool keep, const char *what);
  void topic_action(const char *kind, std::string_view topic, std::string_view rest) {
    std::string members = std::string("\"kind\":\"") + kind + "\",\"topic\":";
    detail::append_name(members, topic, "The name of the topic");
    execution_->emit(members.append(rest));
  }
  template <class T>
  std::string payload(const T &value, const std::string &what) const {
    return detail::encode_result(value, what, execution_->limits.payload_bytes);
  }
  template <class In>
  std::string start_members(const char *kind, std::string_view orchestration, const In &input,
                            std::string_view version, std::string_view instance) const;

  detail::Execution *execution_;
};

}  // namespace perdure

#include "context_code.hpp"

#endif  // PERDURE_CONTEXT_HPP
