/// Client: the longer of its functions.
#ifndef PERDURE_CLIENT_CODE_HPP
#define PERDURE_CLIENT_CODE_HPP

#include "client.hpp"

namespace perdure {

inline std::vector<Outcome<std::string>> Client::start_many(const std::vector<StartRequest> &requests) const {
  std::string array = "[";
  for (auto &each : requests) {
    if (array.size() > 1) array += ',';
    array += detail::start_text(each.orchestration, each.input.dump(), each.options);
  }
  Json answers = ask(dx_client_start_many, array + "]");
  std::vector<Outcome<std::string>> outcomes;
  for (auto &answer : answers) {
    auto &error = answer["error"];
    if (!error.is_object()) {
      outcomes.emplace_back(answer["instance"].text());
      continue;
    }
    try {
      detail::throw_code(error["code"].as<int>(), error["message"].text(), false, error["details"].dump());
    } catch (...) {
      outcomes.emplace_back(std::current_exception());
    }
  }
  return outcomes;
}

inline std::string Client::call_text(std::string_view instance, std::string_view name,
                                     const std::string &input, const std::string &id,
                                     std::optional<Milliseconds> timeout) const {
  std::string request = Json::object("instance", instance, "name", name, "call", id).dump();
  request.back() = ',';
  request += "\"input\":" + input + "}";
  try {
    return wait_for(dx_client_call, request, timeout);
  } catch (const TimedOut &error) {
    Json details = detail::answer_of(error.details());
    details.set("call", id);
    throw TimedOut(error.what(), error.is_transient(), details.dump());
  }
}

inline std::string Client::new_id() {
  static constexpr char digits[] = "0123456789abcdef";
  std::random_device source;
  std::string id;
  for (int word = 0; word < 4; word++) {
    std::uint32_t bits = source();
    for (int at = 0; at < 8; at++, bits >>= 4) id += digits[bits & 15];
  }
  return id;
}

inline void Client::when_ended(std::string_view instance, std::function<void(Outcome<Description>)> done,
                               std::optional<Milliseconds> timeout) const {
  auto *client = handle();
  auto id = detail::text_of(instance);
  auto most = detail::timeout_ms(timeout);
  detail::begin_waiting(
      [&](dx_wait_fn called, void *to) { return dx_client_wait(client, id, most, called, to); },
      [done = std::move(done)](Outcome<std::string> answer) {
        done(attempt([&] { return Description::of_wire(detail::answer_of(answer.value())); }));
      });
}

inline std::map<std::string, Json> Client::kv(std::string_view instance) const {
  std::map<std::string, Json> found;
  Json page = ask(dx_client_kv, Json::object("instance", instance).dump());
  for (auto &entry : page["entries"]) found.emplace(entry["key"].text(), entry["value"]);
  return found;
}

inline std::vector<Json> Client::history(std::string_view instance, std::int64_t execution) const {
  std::vector<Json> events;
  while (true) {
    Json query = Json::object("instance", instance);
    if (execution != 0) query.set("execution", execution);
    if (!events.empty()) query.set("after", events.back()["id"]);
    Json page = ask(dx_client_history, query.dump());
    events.insert(events.end(), page["events"].begin(), page["events"].end());
    if (page["hasMore"] != Json(true) || page["events"].empty()) return events;
    // The instance may continue as new between two pages.
    execution = page["execution"].as<std::int64_t>();
  }
}

inline void Client::follow(std::string_view instance, const std::function<bool(const Json &)> &event,
                           std::int64_t execution, std::int64_t after,
                           std::optional<Milliseconds> timeout) const {
  for (bool has_ended = false; !has_ended;) {
    Json query = Json::object("instance", instance, "execution", execution, "after", after);
    Json page = detail::answer_of(wait_for(dx_client_wait_history, query.dump(), timeout));
    std::int64_t found = page["execution"].as<std::int64_t>();
    for (auto &each : page["events"]) {
      std::string kind = each["kind"].text();
      after = each["id"].as<std::int64_t>();
      if (kind == "OrchestrationContinuedAsNew") {
        execution++;
        after = 0;
      } else if (kind == "OrchestrationCompleted" || kind == "OrchestrationFailed" ||
                 kind == "OrchestrationCancelled" || kind == "OrchestrationTerminated") {
        has_ended = true;
      }
      Json with = each;
      with.set("execution", found);
      if (!event(with)) return;
    }
    if (page["events"].empty()) {
      // The execution is over and has no more events (those of old ones may have been removed).
      has_ended = page["currentExecution"].as<std::int64_t>() <= found;
      execution++;
      after = 0;
    }
  }
}

inline void Client::list(const InstanceFilter &filter, const std::function<bool(const Description &)> &each,
                         int page_size) const {
  Json query = filter.wire();
  query.set("limit", page_size);
  while (true) {
    Json page = ask(dx_client_list, query.dump());
    for (auto &one : page["instances"]) {
      if (!each(Description::of_wire(one))) return;
    }
    if (page["next"].is_null()) return;
    query.set("cursor", page["next"]);
  }
}

}  // namespace perdure

#endif  // PERDURE_CLIENT_CODE_HPP
