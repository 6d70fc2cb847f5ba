/// Runs a scenario once: the host of the library's simulation, on the caller's thread.
#ifndef PERDURE_TESTING_REHEARSAL_HPP
#define PERDURE_TESTING_REHEARSAL_HPP

#include "simulation.hpp"

namespace perdure::detail {

/// An invariant that does not hold.
struct BrokenInvariant {
  std::string invariant, message;
  /// What it threw, if it did.
  std::exception_ptr error = {};
};

/// What an attempt has of a runtime in a simulation.
struct RehearsedHost : AttemptHost {
  Client client() override {
    throw Unsupported("In a simulation there is no client: let the activity use the Simulation itself.");
  }
  void report(const std::string &problem) override { std::fprintf(stderr, "perdure: %s\n", problem.c_str()); }
};

/// An attempt whose answer is handed in by the next step.
class RehearsedAttempt final : public Attempt {
 public:
  RehearsedAttempt(std::int64_t token, std::string_view task, std::shared_ptr<AttemptHost> host)
      : Attempt(std::move(host)), token_(token), task_(task) {}

  std::string_view task() const override { return task_; }
  void complete(std::string_view result) override { answer_ = ",\"result\":" + std::string(result); }
  void defer() override { answer_ = ",\"deferred\":true"; }
  void heartbeat(std::string_view details) override { heartbeat_ = details; }
  bool is_cancelled() const override { return false; }
  void on_cancel(std::stop_source &) override {}

  /// The members of the answers that are about it.
  std::string answer() const {
    std::string text = ",\"activities\":[{\"token\":" + std::to_string(token_) + answer_ + "}]";
    return heartbeat_.empty() ? text : text + ",\"heartbeat\":" + heartbeat_;
  }

 protected:
  void fail_with(std::string_view failure) override { answer_ = ",\"failure\":" + std::string(failure); }

 private:
  std::int64_t token_;
  std::string_view task_;
  std::string answer_, heartbeat_;
};

/// One piece of "Simulation work"; views point into its text.
struct RehearsalWork {
  std::int64_t token = 0;
  /// Of a turn, of an activity; empty if it is none.
  std::string_view request, task;
  /// As JSON text; empty if they are not there.
  std::string_view committed, ended, refused;
  bool is_restart = false;

  explicit RehearsalWork(std::string_view text) {
    Scanner scanner(text);
    auto handed = [&](std::string_view name, std::string_view &into) {
      scanner.object([&](std::string_view key) {
        if (key == "token") return void(token = scanner.integer());
        std::string_view found = scanner.raw();
        if (key == name) into = found;
      });
    };
    scanner.object([&](std::string_view key) {
      if (key == "turn") return handed("request", request);
      if (key == "activity") return handed("task", task);
      std::string_view found = scanner.raw();
      if (key == "restarted") is_restart = found == "true";
      if (key == "committed") committed = found;
      if (key == "ended") ended = found;
      if (key == "refused") refused = found;
    });
  }
};

/// One run of a scenario. `config`: members of "Simulation config" beside those that the run says.
class Rehearsal {
 public:
  Rehearsal(Simulation &run, Json config)
      : run_(run), host_(std::make_shared<RehearsedHost>()), turns_(10'000, Limits()) {
    Json orchestrations = Json::array(), activities = Json::array();
    std::set<std::string> names;
    for (auto &code : run.definitions_.orchestrations()) {
      orchestrations.push(Json::object("name", code.name, "version", code.version));
      turns_.add(code);
    }
    for (auto &each : run.definitions_.activities()) names.insert(each.first);
    run.stubs_.each_name([&](auto &name) { names.insert(name); });
    for (auto &name : names) activities.push(Json::object("name", name));
    config.set("orchestrations", orchestrations).set("activities", activities);
    config.set("observe", !run.always_.empty());
    std::string text = config.dump();
    text.back() = ',';
    text += "\"script\":[" + std::exchange(run.lines_, {}) + "]}";
    dx_simulation *made = nullptr;
    check(dx_simulation_new(text_of(text), &made));
    handle_ = std::shared_ptr<dx_simulation>(made, dx_simulation_free);
    while (step()) {
    }
    if (!broken) judge();
  }
  Rehearsal(const Rehearsal &) = delete;

  /// The library's account of it: "Simulation end".
  Json ended;
  /// What did not hold.
  std::optional<BrokenInvariant> broken;

 private:
  bool step() {
    Buffer out;
    check(dx_simulation_step(handle_.get(), text_of(answers_), out.out()));
    RehearsalWork work(out.view());
    for (auto &refused : answer_of(work.refused)) {
      host_->report("The engine refused an answer: " + refused["message"].text());
    }
    answers_ = "{\"v\":1";
    if (!work.request.empty()) {
      answers_ += turn(work);
    } else if (!work.task.empty()) {
      answers_ += activity(work);
    } else if (!work.ended.empty()) {
      ended = answer_of(work.ended);
      return false;
    } else if (work.is_restart) {
      turns_.drop();
    } else if (!work.committed.empty() && !broken) {
      // The run goes on: its end tells what had been decided.
      Json committed = answer_of(work.committed);
      std::vector<Json> instances;
      for (auto &each : committed["instances"]) {
        instances.push_back(Json::object("description", each));
      }
      hold(run_.always_, World(std::move(instances), Json()));
    }
    if (!run_.lines_.empty()) answers_ += ",\"script\":[" + std::exchange(run_.lines_, {}) + "]";
    answers_ += '}';
    return true;
  }
  std::string turn(const RehearsalWork &work) {
    std::string answer;
    try {
      answer = ",\"answer\":" + turns_.run(work.request);
    } catch (...) {
      answer = ",\"failure\":" + failure_text(failure_of(std::current_exception()));
    }
    return ",\"turns\":[{\"token\":" + std::to_string(work.token) + answer + "}]";
  }
  std::string activity(const RehearsalWork &work) {
    RehearsedAttempt attempt(work.token, work.task, host_);
    AnyActivity code = [this](ActivityContext &context) {
      if (AnyActivity stub = run_.stubs_.take(context.name())) return stub(context);
      // The library hands out what was registered with it only.
      return run_.definitions_.activities().at(context.name()).run(context);
    };
    run_attempt(code, attempt);
    return attempt.answer();
  }

  // ---- Invariants ----

  void judge() {
    std::string waiting;
    for (auto &each : ended["instances"]) {
      auto &description = each["description"];
      std::string instance = description["instance"].text();
      if (description["status"].text() == "Quarantined") {
        std::string failure = failure_from(description["failure"]).str();
        broken = {"no instance is quarantined", "'" + instance + "': " + failure};
        return;
      }
      if (each["waits"].empty() || run_.all_may_wait_ || run_.patient_.contains(instance)) continue;
      waiting += (waiting.empty() ? "'" : "; '") + instance + "' waits for ";
      for (std::size_t at = 0; at < each["waits"].size(); at++) {
        waiting.append(at > 0 ? ", " : "").append(each["waits"][at].text());
      }
    }
    if (!waiting.empty()) {
      auto &why = ended["why"].text();
      broken = {"every instance ends", why.empty() ? waiting : why + "; " + waiting};
      return;
    }
    World world(ended["instances"].elements(), ended);
    hold(run_.always_, world);
    if (!broken) hold(run_.checks_, world);
  }
  /// Notes the first that does not hold.
  void hold(const std::vector<Invariant> &invariants, const World &world) {
    for (auto &[name, holds] : invariants) {
      try {
        if (holds(world)) continue;
        broken = {name, "it does not hold"};
      } catch (...) {
        broken = {name, failure_of(std::current_exception()).str(), std::current_exception()};
      }
      return;
    }
  }

  Simulation &run_;
  std::shared_ptr<RehearsedHost> host_;
  TurnHost turns_;
  std::shared_ptr<dx_simulation> handle_;
  std::string answers_;
};

}  // namespace perdure::detail

#endif  // PERDURE_TESTING_REHEARSAL_HPP
