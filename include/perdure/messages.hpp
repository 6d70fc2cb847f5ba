/// Turn requests and their events, read without copying what the code does not ask for.
#ifndef PERDURE_MESSAGES_HPP
#define PERDURE_MESSAGES_HPP

#include "scan.hpp"

namespace perdure::detail {

/// What code can see of an event. Views point into the request.
struct Event {
  std::int64_t id = 0, at = 0, action = 0;
  bool is_late = false;
  std::string_view kind;
  /// As JSON text.
  std::string_view input, result, data, failure, parent;
  std::string name, call, reason;
};

/// A turn request; views point into its text.
struct TurnRequest {
  std::int64_t turn = 0, execution = 0, from = 0, replayed = 0;
  std::string instance, orchestration, version, query_name;
  std::optional<std::string> traceparent, tracestate;
  bool is_query = false, is_replay = false;
  /// As JSON text.
  std::string_view events = "[]", patches = "[]", kv = "[]", query_input = "null";
};

/// An optional string: null is the same as absent.
inline std::optional<std::string> optional_string(Scanner &scanner) {
  if (scanner.peek() == '"') return scanner.string();
  scanner.raw();
  return std::nullopt;
}

/// Throws Misfit for what is no turn request.
inline TurnRequest read_request(std::string_view text) {
  TurnRequest request;
  Scanner scanner(text);
  auto query = [&] {
    if (scanner.peek() != '{') return void(scanner.raw());
    request.is_query = true;
    scanner.object([&](std::string_view key) {
      if (key == "name") {
        request.query_name = scanner.string();
      } else if (key == "input") {
        request.query_input = scanner.raw();
      } else {
        scanner.raw();
      }
    });
  };
  auto list = [&](std::string_view &into) {
    std::string_view found = scanner.raw();
    if (found.starts_with('[')) into = found;
  };
  scanner.object([&](std::string_view key) {
    if (key == "turn") return void(request.turn = scanner.integer());
    if (key == "instance") return void(request.instance = scanner.string());
    if (key == "execution") return void(request.execution = scanner.integer());
    if (key == "orchestration") return void(request.orchestration = scanner.string());
    if (key == "version") return void(request.version = scanner.string());
    if (key == "from") return void(request.from = scanner.integer());
    if (key == "replayed") return void(request.replayed = scanner.integer());
    if (key == "events") return list(request.events);
    if (key == "patches") return list(request.patches);
    if (key == "kv") return list(request.kv);
    if (key == "traceparent") return void(request.traceparent = optional_string(scanner));
    if (key == "tracestate") return void(request.tracestate = optional_string(scanner));
    if (key == "replay") return void(request.is_replay = scanner.word() == "true");
    if (key == "query") return query();
    scanner.raw();
  });
  if (request.instance.empty()) scanner.fail("a turn request names an instance");
  return request;
}

/// The event that comes next. Throws Misfit.
inline Event read_event(Scanner &scanner) {
  Event event;
  scanner.object([&](std::string_view key) {
    if (key == "id") return void(event.id = scanner.integer());
    if (key == "at") return void(event.at = scanner.integer());
    if (key == "kind") {
      std::string_view quoted = scanner.raw();
      return void(event.kind = quoted.size() > 2 ? quoted.substr(1, quoted.size() - 2) : quoted);
    }
    if (key == "action") return void(event.action = scanner.integer());
    if (key == "result") return void(event.result = scanner.raw());
    if (key == "data") return void(event.data = scanner.raw());
    if (key == "name") return void(event.name = scanner.string());
    if (key == "input") return void(event.input = scanner.raw());
    if (key == "failure") return void(event.failure = scanner.raw());
    if (key == "call") return void(event.call = scanner.string());
    if (key == "late") return void(event.is_late = scanner.word() == "true");
    if (key == "reason") return void(event.reason = optional_string(scanner).value_or(""));
    if (key == "parent") return void(event.parent = scanner.raw());
    scanner.raw();
  });
  return event;
}

}  // namespace perdure::detail

#endif  // PERDURE_MESSAGES_HPP
