/// TestEnvironment: what a test expects, and what is there instead.
#ifndef PERDURE_TESTING_EXPECTATIONS_HPP
#define PERDURE_TESTING_EXPECTATIONS_HPP

#include "environment.hpp"
#include "replay.hpp"

namespace perdure {
namespace detail {

/// Attempts that a message shows.
inline constexpr std::size_t shown_calls = 50;

/// One line for each.
inline std::string call_lines(const std::vector<ActivityCall> &calls) {
  if (calls.empty()) return "\n  (no activity was called)";
  std::string lines;
  for (std::size_t at = 0; at < std::min(calls.size(), shown_calls); at++) {
    auto &call = calls[at];
    lines += "\n  " + call.activity + "(" + call.input.dump() + ") of '" + call.instance + "', attempt " +
             std::to_string(call.attempt);
  }
  if (calls.size() > shown_calls) lines += "\n  and " + std::to_string(calls.size() - shown_calls) + " more";
  return lines;
}

}  // namespace detail

inline std::vector<ActivityCall> TestEnvironment::expect_calls(std::string_view activity,
                                                               std::size_t count) const {
  auto found = calls(activity);
  if (found.size() == count) return found;
  throw ExpectationFailed("'" + std::string(activity) + "' was to be attempted " + std::to_string(count) +
                          " times and was " + std::to_string(found.size()) + " times" +
                          detail::call_lines(calls()));
}

inline void TestEnvironment::expect_inputs(std::string_view activity, const std::vector<Json> &inputs) const {
  Json found = Json::array();
  for (auto &call : calls(activity)) found.push(call.input);
  if (found == Json(inputs)) return;
  throw ExpectationFailed("'" + std::string(activity) + "' was to be attempted with " + Json(inputs).dump() +
                          " and was with " + found.dump() + detail::call_lines(calls()));
}

inline void TestEnvironment::expect_order(const std::vector<std::string> &activities) const {
  std::vector<std::string> found;
  for (auto &call : calls()) {
    if (call.attempt == 1) found.push_back(call.activity);
  }
  if (found == activities) return;
  throw ExpectationFailed("expected " + Json::of(activities).dump() + ", and there were " +
                          Json::of(found).dump() + detail::call_lines(calls()));
}

inline Description TestEnvironment::expect_status(std::string_view instance, std::string_view status) const {
  Description found = client_.describe(instance);
  if (found.status == status) return found;
  throw ExpectationFailed("'" + std::string(instance) + "' was to be " + std::string(status) + ":\n  " +
                          report(instance));
}

inline void TestEnvironment::expect_output_json(std::string_view instance, const Json &output) const {
  Description found = waited(instance);
  if (found.status == "Completed" && found.output == output) return;
  throw ExpectationFailed("'" + std::string(instance) + "' was to end with " + output.dump() + ":\n  " +
                          report(instance));
}

inline Failure TestEnvironment::expect_failure(std::string_view instance, std::string_view type) const {
  Description found = waited(instance);
  if (found.status == "Failed" && found.failure && (type.empty() || found.failure->type == type)) {
    return *found.failure;
  }
  std::string how = type.empty() ? "" : " with " + std::string(type);
  throw ExpectationFailed("'" + std::string(instance) + "' was to fail" + how + ":\n  " + report(instance));
}

inline void TestEnvironment::expect_replay(std::string_view instance, const Definitions &definitions) const {
  Json request = Json::object("operation", "export", "instance", instance, "children", false);
  Json found = replay(client_.manage_text(request), definitions, timeout_);
  if (found["verdict"] == "same") return;
  throw ExpectationFailed(found["message"].text());
}

inline std::string TestEnvironment::report(std::string_view instance) const {
  std::string line = "'" + std::string(instance) + "' ";
  try {
    Description found = client_.describe(instance);
    line += "is " + found.status;
    if (found.status == "Completed") line += " with " + found.output.dump();
    if (found.failure) line += " with " + found.failure->str();
    if (!found.is_ended()) {
      line += ": " + client_.manage(Json::object("operation", "why", "instance", instance))["summary"].text();
    }
    return line;
  } catch (const Error &error) {
    return line + "could not be looked at: " + error.what();
  }
}

inline std::string TestEnvironment::report() const {
  std::string lines;
  for (auto &each : client_.list()) lines += report(each.instance) + "\n";
  if (!lines.empty()) lines.pop_back();
  return lines + detail::call_lines(calls());
}

}  // namespace perdure

#endif  // PERDURE_TESTING_EXPECTATIONS_HPP
