/// The scenarios that all languages share: docs/kit.md.
///
///     kit SCENARIOS FOLDER [NAME]      only the scenarios whose name has this in it
#include <filesystem>
#include <fstream>
#include <sstream>

#include "../check.hpp"
#include "script.hpp"

namespace {

using perdure::Json;

std::filesystem::path folder;
int stores = 0;

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

}  // namespace

int main(int count, char **arguments) {
  if (count < 3) return 2;
  folder = arguments[2];
  std::vector<std::filesystem::path> files;
  for (auto &entry : std::filesystem::directory_iterator(arguments[1])) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  test("there are scenarios", [&] { is_true(files.size() >= 50, "there are few"); });
  for (auto &file : files) {
    std::string name = file.stem().string();
    if (count > 3 && name.find(arguments[3]) == std::string::npos) continue;
    for (bool cache : {true, false}) {
      test(name + (cache ? ", cached" : ", replayed"), [&] {
        Json scenario = read(file);
        run(scenario, cache);
      });
    }
  }
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
