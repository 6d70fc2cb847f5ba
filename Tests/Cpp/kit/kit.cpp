/// The scenarios that all languages share: docs/kit.md.
///
///     kit SCENARIOS FOLDER [NAME]      only the scenarios whose name has this in it
#include <atomic>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "../check.hpp"
#include "script.hpp"

namespace {

using perdure::Json;

std::filesystem::path folder;
std::atomic<int> stores = 0;

void run(const Json &scenario, bool cache) {
  auto file = folder / ("kit" + std::to_string(stores++) + ".sqlite");
  kit::Site site(scenario, "sqlite:" + file.string(), cache);
  kit::Script(site).run();
}

Json read(const std::filesystem::path &path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return Json::parse(text.str());
}

/// A scenario whose third command is wrong.
Json with_command(const Json &command) {
  Json scenario = Json::parse(R"({
    "orchestrations": {"main": [{"activity": "echo", "with": 1, "as": "a"}, {"return": ["$a"]}]},
    "activities": {"echo": [{"return": "$input"}]}
  })");
  Json script = Json::parse(R"([{"start": "main", "instance": "i"},
                                {"wait": "i", "status": "Completed", "output": [1]}])");
  return scenario.set("script", script.push(command));
}

template <class Kind>
void is_noticed(const char *command) {
  test(std::string("what is not so is noticed: ") + command, [&] {
    auto scenario = with_command(Json::parse(command));
    auto message = thrown<Kind>([&] { run(scenario, true); });
    is_true(message.starts_with("command 3, "), message);
  });
}

/// One scenario, in one of the two ways.
struct Run {
  std::filesystem::path file;
  bool cache;

  void operator()() const {
    std::string name = file.stem().string() + (cache ? ", cached" : ", replayed");
    std::string why;
    try {
      Json scenario = read(file);
      run(scenario, cache);
    } catch (...) {
      auto thrown = perdure::attempt([error = std::current_exception()] { std::rethrow_exception(error); });
      why = thrown.failure().str();
    }
    static std::mutex one_line;
    std::lock_guard lock(one_line);
    if (why.empty()) {
      pass(name);
    } else {
      fail(name, why);
    }
    std::fflush(stdout);
  }
};

/// Scenarios are on stores of their own and mostly wait: some at once take no more time than one.
void all_at_once(const std::vector<Run> &runs) {
  std::atomic<std::size_t> next = 0;
  std::vector<std::jthread> workers;
  for (int worker = 0; worker < 4; worker++) {
    workers.emplace_back([&] {
      for (std::size_t index = next++; index < runs.size(); index = next++) runs[index]();
    });
  }
}

}  // namespace

int main(int count, char **arguments) {
  if (count < 3) return 2;
  folder = std::filesystem::path(arguments[2]) / "stores";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  std::vector<Run> runs;
  for (auto &entry : std::filesystem::directory_iterator(arguments[1])) {
    if (entry.path().extension() != ".json") continue;
    if (count > 3 && entry.path().stem().string().find(arguments[3]) == std::string::npos) continue;
    for (bool cache : {true, false}) runs.push_back({entry.path(), cache});
  }
  test("there are scenarios", [&] { is_true(count > 3 || runs.size() >= 100, "there are few"); });
  all_at_once(runs);
  is_noticed<kit::Mismatch>(R"({"expect": "i", "output": [2]})");
  is_noticed<kit::Mismatch>(R"({"expect": "i", "counts": {"ActivityCompleted": 0}})");
  is_noticed<kit::Mismatch>(R"({"wait": "i", "status": "Failed"})");
  is_noticed<kit::Mismatch>(R"({"start": "main", "instance": "i"})");
  is_noticed<kit::Mismatch>(R"({"raise": "go", "to": "i", "error": "notFound"})");
  is_noticed<kit::Mismatch>(R"({"runs": {"echo": 2}})");
  is_noticed<kit::Unknown>(R"({"expect": "i", "colour": "red"})");
  is_noticed<kit::Unknown>(R"({"jump": "i"})");
  return finish();
}
