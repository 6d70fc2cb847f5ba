/// Starting, messaging and observing instances. Needs no runtime in its process.
#ifndef PERDURE_CLIENT_HPP
#define PERDURE_CLIENT_HPP

#include <random>

#include "descriptions.hpp"
#include "store.hpp"

namespace perdure {

struct CallOptions {
  /// None: no limit.
  std::optional<Milliseconds> timeout = {};
  /// Names the call: one that is made again under its name waits for the answer of the first. Empty: a new
  /// name.
  std::string call_id = {};
};

/// Blocking client. What changes something is on disk when the call returns. Copies are the same client; it
/// may be used by several threads at once. Not from orchestration code, which is refused.
class Client {
 public:
  explicit Client(const Store &store) {
    dx_client *made = nullptr;
    detail::check(dx_client_new(store.handle(), &made));
    handle_ = std::shared_ptr<dx_client>(made, dx_client_free);
  }
  explicit Client(const std::string &url) : Client(Store(url)) {}

  // ---- Starting ----

  /// Starts an instance, durable on return. Returns its id: that of the options, a random one, or that of the
  /// instance that `policy` or `dedup_key` found. Throws AlreadyExists for an id that is taken, if `policy`
  /// does not say otherwise.
  template <class In = std::nullptr_t>
  std::string start(std::string_view orchestration, const In &input = {},
                    const StartOptions &options = {}) const {
    std::string what = "The input of orchestration '" + std::string(orchestration) + "'";
    return ask(dx_client_start,
               detail::start_text(orchestration, detail::encode(input, what), options))["instance"]
        .text();
  }
  /// The same by its typed name.
  template <class R, class In>
  std::string start(const Orchestration<R(In)> &orchestration, const std::type_identity_t<In> &input,
                    const StartOptions &options = {}) const {
    return start<std::remove_cvref_t<In>>(orchestration.name, input, options);
  }
  template <class R>
  std::string start(const Orchestration<R()> &orchestration, const StartOptions &options = {}) const {
    return start(orchestration.name, nullptr, options);
  }
  /// Starts up to 10,000 instances, made durable together. Each one's id, or why it was not started.
  std::vector<Outcome<std::string>> start_many(const std::vector<StartRequest> &requests) const;

  // ---- Messages ----

  /// Sends an event, durable on return and kept until the instance waits for it. `keep`: if there is no such
  /// instance, keep it for a later start. Returns whether it is kept so. Throws NotFound, or WrongStatus for
  /// an instance that has ended.
  template <class T = std::nullptr_t>
  bool raise_event(std::string_view instance, std::string_view name, const T &data = {},
                   bool keep = false) const {
    return send("event", instance, name, data, keep);
  }
  /// Sends a message to a queue of the instance, as `raise_event` does.
  template <class T = std::nullptr_t>
  bool enqueue(std::string_view instance, std::string_view queue, const T &data = {},
               bool keep = false) const {
    return send("queue", instance, queue, data, keep);
  }
  /// To all instances that are subscribed to the topic, once each. Returns how many.
  template <class T = std::nullptr_t>
  std::int64_t publish(std::string_view topic, const T &data = {}) const {
    std::string payload = detail::encode(data, "The data of topic '" + std::string(topic) + "'");
    detail::check_outside();
    detail::Buffer out;
    detail::check(dx_client_publish(handle(), detail::text_of(topic), detail::text_of(payload), out.out()));
    return detail::answer_of(out.view())["delivered"].as<std::int64_t>();
  }
  /// Calls a handler of the orchestration (`on_call`) and returns its result. The call is durable at once and
  /// goes on after TimedOut, whose details have its id as "call": call again with that `call_id` to wait for
  /// the same answer. Throws CallRejected, CallFailed, or WrongStatus when the instance ends without an
  /// answer.
  template <class R = Json, class In = std::nullptr_t>
  R call(std::string_view instance, std::string_view name, const In &input = {},
         const CallOptions &options = {}) const {
    std::string what = "call '" + std::string(name) + "'",
                id = options.call_id.empty() ? new_id() : options.call_id;
    std::string answer =
        call_text(instance, name, detail::encode(input, "The input of " + what), id, options.timeout);
    return settled<R, CallFailed>(answer, "Call", instance, name);
  }
  /// Asks a query handler of the orchestration (`on_query`), also after its end. Changes nothing. Answered by
  /// a runtime of this process: throws Unsupported when none serves the orchestration. Throws QueryFailed
  /// with what the handler threw.
  template <class R = Json, class In = std::nullptr_t>
  R query(std::string_view instance, std::string_view name, const In &input = {},
          std::optional<Milliseconds> timeout = {}) const {
    std::string what = "The input of query '" + std::string(name) + "'";
    std::string request = Json::object("instance", instance, "name", name).dump();
    request.back() = ',';
    request += "\"input\":" + detail::encode(input, what) + "}";
    std::string answer = wait_for(dx_client_query, request, timeout);
    return settled<R, QueryFailed>(answer, "Query", instance, name);
  }

  // ---- Control: each returns the status of the instance; throws NotFound, or WrongStatus when it does not
  // fit --

  /// Asks the instance to end: `Cancelled` is thrown in its code, which may clean up, for at most `grace` if
  /// that is given.
  std::string cancel(std::string_view instance, std::string_view reason = {},
                     std::optional<Milliseconds> grace = {}) const {
    return control("cancel", instance, reason, grace);
  }
  /// Stops the turns of the instance. Messages are kept, activities that run come to their end.
  std::string suspend(std::string_view instance, std::string_view reason = {}) const {
    return control("suspend", instance, reason);
  }
  /// Lets a suspended instance go on.
  std::string resume(std::string_view instance, std::string_view reason = {}) const {
    return control("resume", instance, reason);
  }
  /// Ends the instance at once: its code hears nothing of it.
  std::string terminate(std::string_view instance, std::string_view reason = {}) const {
    return control("terminate", instance, reason);
  }
  /// Lets a quarantined instance try again, after its cause was removed.
  std::string retry(std::string_view instance, std::string_view reason = {}) const {
    return control("retry", instance, reason);
  }
  /// Removes a finished root instance (any with `force`) and its descendants; returns their ids.
  std::vector<std::string> remove(std::string_view instance, bool force = false) const {
    auto query = Json::object("instance", instance, "force", force).dump();
    return ask(dx_client_delete, query)["deleted"].as<std::vector<std::string>>();
  }

  // ---- Deferred activities ----

  /// Ends an attempt that was deferred (`ActivityContext::defer`), by its token. Throws Stale when the
  /// attempt is over, or was cancelled.
  template <class T = std::nullptr_t>
  void complete_activity(std::string_view token, const T &result = {}) const {
    deferred(dx_client_complete_activity, token, detail::encode(result, "The result"));
  }
  /// The same with a failure: the retry policy of the activity decides what follows.
  void fail_activity(std::string_view token, const Failure &failure) const {
    deferred(dx_client_fail_activity, token, detail::failure_text(failure));
  }
  void fail_activity(std::string_view token, const std::exception_ptr &error) const {
    fail_activity(token, detail::failure_of(error));
  }
  /// A heartbeat of a deferred attempt.
  template <class T = std::nullptr_t>
  void heartbeat_activity(std::string_view token, const T &details = {}) const {
    deferred(dx_client_heartbeat_activity, token, detail::encode(details, "The details"));
  }

  // ---- Observing ----

  /// Throws NotFound for an unknown instance.
  Description describe(std::string_view instance) const {
    return Description::of_wire(ask(dx_client_describe, instance));
  }
  /// The status of the description.
  std::string status(std::string_view instance) const { return describe(instance).status; }
  /// Blocks until the instance has ended, or throws TimedOut.
  Description wait(std::string_view instance, std::optional<Milliseconds> timeout = {}) const {
    return Description::of_wire(detail::answer_of(wait_for(dx_client_wait, instance, timeout)));
  }
  /// Calls `done` when the instance has ended, on a thread of the engine.
  void when_ended(std::string_view instance, std::function<void(Outcome<Description>)> done,
                  std::optional<Milliseconds> timeout = {}) const;
  /// Blocks until the custom status has a version above `after_version`, or the instance has ended.
  Description wait_for_status(std::string_view instance, std::int64_t after_version = 0,
                              std::optional<Milliseconds> timeout = {}) const {
    auto *client = handle();
    auto id = detail::text_of(instance);
    detail::Waiting waiting;
    return Description::of_wire(detail::answer_of(waiting.block([&](dx_wait_fn done, void *to) {
      return dx_client_wait_status(client, id, after_version, detail::timeout_ms(timeout), done, to);
    })));
  }
  /// The output of the instance, once it has completed. Throws OrchestrationFailed with its failure,
  /// OrchestrationCancelled, or TimedOut.
  template <class R = Json>
  R result(std::string_view instance, std::optional<Milliseconds> timeout = {}) const {
    return wait(instance, timeout).template result<R>();
  }
  /// The same, of the type that the orchestration has.
  template <class R, class... In>
  R result(const Orchestration<R(In...)> &, std::string_view instance,
           std::optional<Milliseconds> timeout = {}) const {
    return result<R>(instance, timeout);
  }
  /// The key-value state of an instance; also of one that has ended.
  std::map<std::string, Json> kv(std::string_view instance) const;
  /// One value of it.
  template <class T = Json>
  std::optional<T> get_kv(std::string_view instance, std::string_view key) const {
    auto entries = ask(dx_client_kv, Json::object("instance", instance, "key", key).dump())["entries"];
    if (entries.empty()) return std::nullopt;
    return entries[0]["value"].template as<T>();
  }
  /// All events of an execution (0: the current one), as docs/wire-format.md describes them.
  std::vector<Json> history(std::string_view instance, std::int64_t execution = 0) const;
  /// Calls `event` with the events of an instance as they come, over all its executions, until it ends or
  /// `event` returns false. Each has its "execution" in addition. Begins behind event `after` of `execution`.
  /// Throws TimedOut when none comes for `timeout`: begin anew behind the last one that came.
  void follow(std::string_view instance, const std::function<bool(const Json &)> &event,
              std::int64_t execution = 1, std::int64_t after = 0,
              std::optional<Milliseconds> timeout = {}) const;
  /// All instances that match, fetched page by page while `each` returns true.
  void list(const InstanceFilter &filter, const std::function<bool(const Description &)> &each,
            int page_size = 100) const;
  /// The same as a list.
  std::vector<Description> list(const InstanceFilter &filter = {}) const {
    std::vector<Description> found;
    list(filter, [&](const Description &one) { return found.push_back(one), true; }, 1000);
    return found;
  }

  // ---- Management ----

  /// What operators ask: one operation of many, "Management" in docs/wire-format.md.
  /// `client.manage(Json::object("operation", "why", "instance", id))`
  Json manage(const Json &request) const { return detail::answer_of(manage_text(request)); }
  /// The same as text, as "export" answers.
  std::string manage_text(const Json &request) const {
    std::string text = request.dump();
    detail::check_outside();
    detail::Buffer out;
    detail::check(dx_client_manage(handle(), detail::text_of(text), out.out()));
    return std::string(out.view());
  }

  /// Drops this reference; with the last one, waits that are still open throw Closed.
  void close() { handle_.reset(); }
  /// For C functions; borrowed. Throws InvalidHandle after `close`.
  dx_client *handle() const { return detail::open_handle(handle_, "client"); }

 private:
  template <class Function>
  Json ask(Function function, std::string_view request) const {
    detail::check_outside();
    detail::Buffer out;
    detail::check(function(handle(), detail::text_of(request), out.out()));
    return detail::answer_of(out.view());
  }
  template <class Function>
  std::string wait_for(Function function, std::string_view request,
                       std::optional<Milliseconds> timeout) const {
    auto *client = handle();
    detail::Waiting waiting;
    return waiting.block([&](dx_wait_fn done, void *to) {
      return function(client, detail::text_of(request), detail::timeout_ms(timeout), done, to);
    });
  }
  template <class Function>
  void deferred(Function function, std::string_view token, const std::string &payload) const {
    detail::check_outside();
    detail::check(function(handle(), detail::text_of(token), detail::text_of(payload)));
  }
  template <class T>
  bool send(const char *channel, std::string_view instance, std::string_view name, const T &data,
            bool keep) const {
    std::string what = std::string("The data of ") + channel + " '" + std::string(name) + "'";
    Json wire = Json::object("instance", instance, "channel", channel, "name", name);
    if (keep) wire.set("keep", true);
    std::string request = wire.dump();
    request.back() = ',';
    return ask(dx_client_send, request + "\"data\":" + detail::encode(data, what) + "}")["kept"]
        .template as<bool>();
  }
  template <class R, class Failed>
  static R settled(std::string_view text, const char *kind, std::string_view instance,
                   std::string_view name) {
    Json answer = detail::answer_of(text);
    if (answer["failure"].is_object()) {
      Failure failure = detail::failure_from(answer["failure"]);
      std::string what =
          std::string(kind) + " '" + std::string(name) + "' of instance '" + std::string(instance) + "'";
      if constexpr (std::same_as<Failed, CallFailed>) {
        if (failure.type == detail::call_rejected) throw CallRejected(what, std::move(failure));
      }
      throw Failed(what, std::move(failure));
    }
    if constexpr (!std::is_void_v<R>) return answer["result"].template as<R>();
  }
  std::string call_text(std::string_view instance, std::string_view name, const std::string &input,
                        const std::string &id, std::optional<Milliseconds> timeout) const;
  std::string control(const char *operation, std::string_view instance, std::string_view reason,
                      std::optional<Milliseconds> grace = {}) const {
    Json wire = Json::object("instance", instance, "operation", operation);
    if (!reason.empty()) wire.set("reason", reason);
    if (grace) wire.set("graceMS", detail::wire_ms(*grace, "grace", 0));
    return ask(dx_client_control, wire.dump())["status"].text();
  }
  static std::string new_id();

  std::shared_ptr<dx_client> handle_;
};

}  // namespace perdure

#include "client_code.hpp"

#endif  // PERDURE_CLIENT_HPP
