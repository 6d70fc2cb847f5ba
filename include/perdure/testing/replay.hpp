/// Recorded histories, and open instances, against the code of today.
#ifndef PERDURE_TESTING_REPLAY_HPP
#define PERDURE_TESTING_REPLAY_HPP

#include <fstream>
#include <sstream>

#include "../runtime.hpp"

namespace perdure {
namespace detail {

/// The text of a file, or what is JSON already.
inline std::string recorded_text(const std::string &history) {
  std::size_t begin = history.find_first_not_of(" \t\r\n");
  if (begin != std::string::npos && history[begin] == '{') return history;
  std::ifstream file(history, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file) throw InvalidArgument("The file '" + history + "' with a recorded history cannot be read.");
  return text.str();
}

}  // namespace detail

/// Replays a recorded history against code, without a store; activities are not run:
///
///     auto report = perdure::replay("tests/order-7.jsonl", code);
///     assert(report["verdict"] == "same");
///
/// `history`: a file or the text of an exported instance, or of one execution ("Recorded history" of
/// docs/wire-format.md). Returns a "Replay report": its `message` says in a sentence where they part. Throws
/// InvalidArgument for what is no history, and TimedOut.
inline Json replay(const std::string &history, const Definitions &definitions,
                   std::optional<Milliseconds> timeout = std::chrono::minutes(1)) {
  std::string recorded = detail::recorded_text(history);
  Store store("memory:");
  Runtime runtime(store, {.replay_only = true});
  return runtime.add(definitions).start().replay(recorded, timeout);
}
/// The same with one execution as a value.
template <std::same_as<Json> Execution>
Json replay(const Execution &history, const Definitions &definitions,
            std::optional<Milliseconds> timeout = std::chrono::minutes(1)) {
  return replay(history.dump(), definitions, timeout);
}

/// Replays every open instance of a store, as it stands, against code. Runs and changes nothing; the runtimes
/// of the store may go on meanwhile. `request`: "Preflight request". Returns a "Preflight report": `isClean`
/// says whether this code can take over all that is open.
inline Json preflight(const Store &store, const Definitions &definitions,
                      const Json &request = Json::object(), std::optional<Milliseconds> timeout = {}) {
  Runtime runtime(store, {.replay_only = true});
  return runtime.add(definitions).start().preflight(request, timeout);
}

}  // namespace perdure

#endif  // PERDURE_TESTING_REPLAY_HPP
