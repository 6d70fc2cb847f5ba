/// A store with a runtime for one scenario, and how instances on it look: docs/kit.md.
#ifndef PERDURE_TESTS_KIT_SITE_HPP
#define PERDURE_TESTS_KIT_SITE_HPP

#include <thread>

#include "activities.hpp"
#include "orchestrations.hpp"
#include "patterns.hpp"

namespace kit {

/// Something is not as the scenario says.
struct Mismatch : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline void require_that(bool holds, const std::string &otherwise) {
  if (!holds) throw Mismatch(otherwise);
}

inline std::string joined(const std::vector<std::string> &parts) {
  std::string text;
  for (auto &part : parts) text += (text.empty() ? "" : "; ") + part;
  return text;
}

/// Looks until `wrong()` finds nothing.
template <class Wrong>
void eventually(Wrong wrong) {
  auto deadline = std::chrono::steady_clock::now() + longest;
  for (auto found = wrong(); !found.empty(); found = wrong()) {
    require_that(std::chrono::steady_clock::now() < deadline, joined(found));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

class Site {
 public:
  Site(const Json &scenario, const std::string &url, bool cache)
      : scenario_(scenario), url_(url), cache_(cache), code_(&scenario) {
    open();
  }

  /// `how`: what `begin` and `restart` say.
  void begin(const Json &how) {
    if (how.contains("code")) code_ = &scenario_["code"][how["code"].text()];
    runtime_ = std::make_unique<perdure::Runtime>(
        *store_, options(how.contains("runtime") ? how["runtime"] : scenario_["runtime"]));
    for (auto &[key, steps] : (*code_)["orchestrations"].members()) {
      auto code = [steps = &steps](perdure::OrchestrationContext &ctx, Json input) -> Task<Json> {
        Orchestration program(ctx);
        Json output = co_await program.run(*steps, input);
        co_return output;
      };
      auto end = std::min(key.find('@'), key.size());
      runtime_->orchestration(key.substr(0, end), code, end < key.size() ? key.substr(end + 1) : "1.0.0");
    }
    for (auto &[name, steps] : (*code_)["activities"].members()) {
      runtime_->activity(name, [this, steps = &steps](perdure::ActivityContext &ctx, const Json &input) {
        return Attempt(ctx, board).run(*steps, input);
      });
    }
    runtime_->start();
  }
  void stop() {
    if (runtime_) runtime_->stop(Milliseconds(0));
    runtime_.reset();
  }
  void restart(const Json &how) {
    client_.reset();
    stop();
    store_.reset();
    open();
    begin(how);
  }

  const Json &scenario() const { return scenario_; }
  perdure::Client &client() { return *client_; }
  const perdure::Store &store() const { return *store_; }

  // ---- Looking ----

  void wait(const std::string &instance, const Json &state) {
    eventually([&] {
      // What has ended stays as it is, so that it need not be looked at again.
      auto row = find(instance);
      bool has_ended = row && row->is_ended();
      auto wrong = differences(instance, state);
      require_that(!has_ended || wrong.empty(), joined(wrong));
      return wrong;
    });
  }
  void expect(const std::string &instance, const Json &state) {
    auto wrong = differences(instance, state);
    require_that(wrong.empty(), joined(wrong));
  }
  /// What a failure has beside the members that are expected.
  static std::vector<std::string> differences(const Json &expected, const perdure::Failure &failure,
                                              Patterns &patterns) {
    Json found = Json::object("type", failure.type, "message", failure.message, "details",
                              failure.details.value_or(Json()), "nonRetryable", failure.non_retryable);
    std::vector<std::string> wrong;
    for (auto &[key, pattern] : expected.members()) {
      if (key == "cause") continue;
      if (!found.contains(key)) throw Unknown("failures have no '" + key + "'");
      if (!patterns.match(pattern, found[key]))
        wrong.push_back("failure." + key + " is " + found[key].dump());
    }
    if (!expected.contains("cause")) return wrong;
    if (failure.cause == nullptr) return {"there is no cause"};
    for (auto &each : differences(expected["cause"], *failure.cause, patterns))
      wrong.push_back("cause: " + each);
    return wrong;
  }

  Board board;
  /// What `$same` and `$other` know.
  Patterns patterns;

 private:
  void open() {
    perdure::StoreOptions options;
    if (scenario_.contains("limits")) options.limits = scenario_["limits"].as<perdure::Limits>();
    store_.emplace(url_, options);
    client_.emplace(*store_);
  }

  perdure::RuntimeOptions options(const Json &given) const {
    perdure::RuntimeOptions options;
    options.cache = cache_;
    options.stop_grace = Milliseconds(0);
    for (auto &[key, value] : given.members()) {
      if (key == "activitySlots") {
        options.activity_slots = value.as<int>();
      } else if (key == "activityTags") {
        options.any_tag = value.is_string();
        if (value.is_array()) options.activity_tags = value.as<std::vector<std::string>>();
      } else if (key == "untaggedActivities") {
        options.untagged_activities = value.as<bool>();
      } else if (key == "nondeterminism") {
        options.fail_on_nondeterminism = value == Json("fail");
      } else {
        throw Unknown("runtimes have no '" + key + "'");
      }
    }
    return options;
  }

  std::optional<perdure::Description> find(const std::string &instance) {
    try {
      return client_->describe(instance);
    } catch (const perdure::NotFound &) {
      return std::nullopt;
    }
  }

  /// What is not as the members of `state` say.
  std::vector<std::string> differences(const std::string &instance, const Json &state) {
    bool is_there = state["exists"] != Json(false);
    auto row = find(instance);
    if (!row)
      return is_there ? std::vector<std::string>{"there is no such instance"} : std::vector<std::string>();
    if (!is_there) return {"it exists"};
    auto known = patterns;
    std::vector<std::string> wrong;
    for (auto &[key, pattern] : state.members()) {
      if (key == "wait" || key == "expect" || key == "in" || key == "failure") continue;
      Json found = member(key, *row, state);
      if (!known.match(pattern, found)) wrong.push_back(key + " is " + found.dump());
    }
    if (state.contains("failure")) {
      if (!row->failure) return {"there is no failure"};
      for (auto &each : differences(state["failure"], *row->failure, known)) wrong.push_back(each);
    }
    if (wrong.empty()) patterns = known;
    return wrong;
  }

  Json member(const std::string &key, const perdure::Description &row, const Json &state) {
    auto text = [](const std::string &found) { return found.empty() ? Json() : Json(found); };
    if (key == "status") return row.status;
    if (key == "output") return row.output;
    if (key == "customStatus") return row.custom_status;
    if (key == "customStatusVersion") return row.custom_status_version;
    if (key == "execution") return row.execution;
    if (key == "version") return text(row.version);
    if (key == "parent") return row.parent ? Json(row.parent->instance) : Json();
    if (key == "attributes") return Json::of(row.attributes);
    if (key == "memo") return row.memo;
    if (key == "priority") return row.priority;
    if (key == "pendingReason") return text(row.pending_reason);
    if (key == "suspendReason") return text(row.suspend_reason);
    if (key == "kv") return Json::of(client_->kv(row.instance));
    if (key == "children") return client_->list({.parent = row.instance}).size();
    if (key != "history" && key != "counts") throw Unknown("instances have no '" + key + "'");
    std::vector<std::string> kinds;
    for (auto &event : client_->history(row.instance, state.contains("in") ? whole(state["in"]) : 0)) {
      kinds.push_back(event["kind"].text());
    }
    if (key == "history") return Json::of(kinds);
    Json counts = Json::object();
    for (auto &each : state["counts"].members())
      counts.set(each.first, std::ranges::count(kinds, each.first));
    return counts;
  }

  const Json &scenario_;
  std::string url_;
  bool cache_;
  const Json *code_;
  std::optional<perdure::Store> store_;
  std::optional<perdure::Client> client_;
  std::unique_ptr<perdure::Runtime> runtime_;
};

}  // namespace kit

#endif  // PERDURE_TESTS_KIT_SITE_HPP
