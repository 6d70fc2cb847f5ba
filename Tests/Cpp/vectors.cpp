/// Tests/Vectors/turns, which every language runs, with the sample orchestrations of docs/wire-format.md.
///
///     vectors FOLDER
#include <filesystem>
#include <fstream>
#include <sstream>

#include "check.hpp"
#include "samples.hpp"

using perdure::Json;

namespace {

Json read(const std::filesystem::path &path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return Json::parse(text.str());
}

/// `found` without what the vectors do not compare: logs, and of failures the stack and causes of our own.
Json comparable(const Json &found, const Json &wanted) {
  Json out = found.is_array() ? Json::array() : Json::object();
  if (found.is_array()) {
    for (std::size_t at = 0; at < found.size(); at++) out.push(comparable(found[at], wanted[at]));
    return out;
  }
  if (!found.is_object()) return found;
  for (auto &[name, value] : found.members()) {
    if (name == "logs" || name == "stack" || (name == "cause" && !wanted.contains("cause"))) continue;
    out.set(name, comparable(value, wanted[name]));
  }
  return out;
}

void run(const Json &vector) {
  perdure::detail::TurnHost host(10, perdure::Limits());
  samples::each([&](const char *name, auto function) {
    host.add(perdure::detail::make_code(name, "1.0.0", function));
  });
  for (std::size_t at = 0; at < vector["steps"].size(); at++) {
    auto &step = vector["steps"][at];
    Json answer = Json::parse(host.run(step["request"].dump()));
    same(comparable(answer, step["answer"]), comparable(step["answer"], step["answer"]),
         "step " + std::to_string(at));
  }
}

}  // namespace

int main(int count, char **arguments) {
  std::set<std::string> covered, known;
  samples::each([&](const char *name, auto) { known.insert(name); });
  std::vector<std::filesystem::path> paths;
  for (auto &entry : std::filesystem::directory_iterator(count > 1 ? arguments[1] : "Tests/Vectors/turns")) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  for (auto &path : paths) {
    Json vector = read(path);
    covered.insert(vector["sample"].text());
    test(vector["name"].text(), [&] { run(vector); });
  }
  test("there are vectors for every sample", [&] { same(covered, known); });
  return finish();
}
