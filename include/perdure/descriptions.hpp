/// What a client sends and gets: start options, filters, descriptions.
#ifndef PERDURE_DESCRIPTIONS_HPP
#define PERDURE_DESCRIPTIONS_HPP

#include "context.hpp"

namespace perdure {

/// What a taken id means to a start.
enum class StartPolicy {
  /// Throws AlreadyExists.
  fail,
  /// The instance that is there is as good.
  use_existing,
  /// One that has ended gives way, with its descendants.
  restart_if_finished,
  /// Whatever is there is terminated and gives way.
  terminate_and_restart
};
constexpr auto perdure_names(StartPolicy) {
  return std::array{std::pair{StartPolicy::fail, "fail"}, std::pair{StartPolicy::use_existing, "useExisting"},
                    std::pair{StartPolicy::restart_if_finished, "restartIfFinished"},
                    std::pair{StartPolicy::terminate_and_restart, "terminateAndRestart"}};
}

struct StartOptions {
  /// The id; empty: a random one.
  std::string instance = {};
  /// Empty: the highest that is registered.
  std::string version = {};
  StartPolicy policy = StartPolicy::fail;
  /// Not before this time; or not before so long from now.
  std::optional<Time> start_at = {};
  std::optional<Milliseconds> delay = {};
  /// -1000...1000, higher first.
  std::optional<int> priority = {};
  /// Text by name, shown by descriptions.
  std::map<std::string, std::string> attributes = {};
  /// Any JSON, shown by descriptions.
  Json memo = {};
  /// A start with a key that an instance has comes to that instance, whatever its id.
  std::string dedup_key = {};
  /// The place in a distributed trace that it is started from, as W3C headers have it.
  std::string traceparent = {};
  std::string tracestate = {};
};

/// One element of `Client::start_many`.
struct StartRequest {
  std::string orchestration;
  Json input = {};
  StartOptions options = {};
};

/// What is known of an instance. Times in milliseconds since 1970.
struct Description {
  std::string instance, orchestration, version;
  /// Pending, Running, Suspended, Completed, Failed, Cancelled, Terminated or Quarantined.
  std::string status;
  std::int64_t execution = 0;
  std::optional<Parent> parent;
  Json custom_status;
  std::int64_t custom_status_version = 0;
  Json output;
  std::optional<Failure> failure;
  /// Why it waits for something that is not work: no runtime serves its name, its code and history differ...
  std::string pending_reason;
  /// Why it was suspended, as `Client::suspend` was told.
  std::string suspend_reason;
  std::optional<std::int64_t> start_at;
  std::int64_t priority = 0;
  std::map<std::string, std::string> attributes;
  Json memo;
  std::string dedup_key;
  std::int64_t created_at = 0, updated_at = 0;
  std::optional<std::int64_t> ended_at;
  std::int64_t event_count = 0;

  bool is_ended() const {
    return status == "Completed" || status == "Failed" || status == "Cancelled" || status == "Terminated";
  }
  /// The output of a completed instance. Throws OrchestrationFailed or OrchestrationCancelled.
  template <class R = Json>
  R result() const {
    if (status == "Failed") throw OrchestrationFailed(instance, failure ? *failure : Failure());
    if (status != "Completed") throw OrchestrationCancelled(instance, status);
    if constexpr (!std::is_void_v<R>) {
      return detail::decode<R>(output.dump(), "The result of instance '" + instance + "'");
    }
  }

  /// From docs/wire-format.md, "description".
  static Description of_wire(const Json &wire) {
    Description made;
    made.instance = wire["instance"].text();
    made.orchestration = wire["orchestration"].text();
    made.version = wire["version"].text();
    made.status = wire["status"].text();
    made.execution = wire["execution"].as<std::int64_t>();
    made.parent = wire["parent"].as<std::optional<Parent>>();
    made.custom_status = wire["customStatus"];
    made.custom_status_version = wire["customStatusVersion"].as<std::optional<std::int64_t>>().value_or(0);
    made.output = wire["output"];
    if (wire["failure"].is_object()) made.failure = detail::failure_from(wire["failure"]);
    made.pending_reason = wire["pendingReason"].text();
    made.suspend_reason = wire["suspendReason"].text();
    made.start_at = wire["startAt"].as<std::optional<std::int64_t>>();
    made.priority = wire["priority"].as<std::optional<std::int64_t>>().value_or(0);
    made.attributes =
        wire["attributes"].as<std::optional<std::map<std::string, std::string>>>().value_or(made.attributes);
    made.memo = wire["memo"];
    made.dedup_key = wire["dedupKey"].text();
    made.created_at = wire["createdAt"].as<std::int64_t>();
    made.updated_at = wire["updatedAt"].as<std::int64_t>();
    made.ended_at = wire["endedAt"].as<std::optional<std::int64_t>>();
    made.event_count = wire["eventCount"].as<std::optional<std::int64_t>>().value_or(0);
    return made;
  }
};

/// Those instances that match all that is given; without anything, all.
struct InstanceFilter {
  std::string orchestration = {}, version = {};
  /// Any of these; empty: all.
  std::vector<std::string> status = {};
  /// Of the instance id.
  std::string prefix = {};
  /// Only the children of this instance.
  std::string parent = {};
  /// From the first moment on, before the second.
  std::optional<Time> created_from = {}, created_to = {}, updated_from = {}, updated_to = {}, ended_from = {},
                      ended_to = {};
  /// All must be the same; at most 32.
  std::map<std::string, std::string> attributes = {};
  /// Only those that nobody called.
  bool roots_only = false;
  /// Of creation; default the oldest first.
  bool newest_first = false;

  /// As a "list-query" of docs/wire-format.md, also for `Client::manage`.
  Json wire() const {
    Json query = Json::object();
    auto text = [&](const char *key, const std::string &value) {
      if (!value.empty()) query.set(key, value);
    };
    auto time = [&](const char *key, const std::optional<Time> &value) {
      if (value) query.set(key, value->time_since_epoch().count());
    };
    text("orchestration", orchestration);
    text("version", version);
    if (!status.empty()) query.set("status", Json::of(status));
    text("instancePrefix", prefix);
    text("parent", parent);
    time("createdFrom", created_from), time("createdTo", created_to);
    time("updatedFrom", updated_from), time("updatedTo", updated_to);
    time("endedFrom", ended_from), time("endedTo", ended_to);
    if (!attributes.empty()) query.set("attributes", Json::of(attributes));
    if (roots_only) query.set("rootsOnly", true);
    if (newest_first) query.set("order", "newest");
    return query;
  }
};

namespace detail {

/// A start request; `input`: JSON text.
inline std::string start_text(std::string_view orchestration, std::string_view input,
                              const StartOptions &options) {
  if (options.start_at && options.delay) throw InvalidArgument("Give start_at or delay, not both.");
  Json wire = Json::object("orchestration", orchestration);
  auto text = [&](const char *key, const std::string &value) {
    if (!value.empty()) wire.set(key, value);
  };
  text("instance", options.instance);
  text("version", options.version);
  if (options.policy != StartPolicy::fail) wire.set("policy", Json::of(options.policy));
  if (options.start_at) wire.set("startAt", options.start_at->time_since_epoch().count());
  if (options.delay) wire.set("delayMS", wire_ms(*options.delay, "delay", 0));
  if (options.priority) wire.set("priority", whole(*options.priority, "priority", -1000, 1000));
  if (!options.attributes.empty()) wire.set("attributes", Json::of(options.attributes));
  if (!options.memo.is_null()) wire.set("memo", options.memo);
  text("dedupKey", options.dedup_key);
  text("traceparent", options.traceparent);
  text("tracestate", options.tracestate);
  std::string request = wire.dump();
  request.back() = ',';
  return request.append("\"input\":").append(input.empty() ? "null" : input).append("}");
}

}  // namespace detail
}  // namespace perdure

#endif  // PERDURE_DESCRIPTIONS_HPP
