/// Runs a scenario under many schedules, and makes a failing one short.
#ifndef PERDURE_TESTING_SIMULATE_HPP
#define PERDURE_TESTING_SIMULATE_HPP

#include "rehearsal.hpp"
#include "report.hpp"

namespace perdure {

struct SimulateOptions {
  /// Random schedules.
  std::int64_t seeds = 300;
  /// Runs that seed only.
  std::optional<std::int64_t> seed = {};
  /// Runs that schedule only; an empty one lets nothing go wrong.
  std::optional<Schedule> schedule = {};
  /// Attempts of activities fail, too, with failures of type `perdure.Injected`.
  bool fail_activities = false;
  /// A run that takes more steps (default 20,000) or more virtual time (400 days) is broken off.
  std::optional<std::int64_t> max_steps = {};
  std::optional<Milliseconds> max_time = {};

  /// As docs/wire-format.md has it. Throws InvalidArgument.
  Json wire() const {
    Json wire = Json::object("failActivities", fail_activities);
    if (max_steps) wire.set("maxSteps", detail::whole(*max_steps, "max_steps", 1, 10'000'000));
    if (max_time) wire.set("maxMS", detail::wire_ms(*max_time, "max_time"));
    return wire;
  }
};

using Scenario = std::function<void(Simulation &)>;

namespace detail {

/// Runs that making a schedule short may take.
inline constexpr int shrinking_runs = 400;

/// The runs of one call of `simulate`.
class Campaign {
 public:
  Campaign(const Scenario &scenario, Json config) : scenario_(scenario), config_(std::move(config)) {}

  SimulationReport report;

  /// Runs the scenario once. `how`: members of the config in addition.
  std::unique_ptr<Rehearsal> run(const char *member = nullptr, const Json &value = {}) {
    report.runs++;
    Json config = config_;
    if (member != nullptr) config.set(member, value);
    Simulation run;
    scenario_(run);
    auto rehearsal = std::make_unique<Rehearsal>(run, config);
    report.trace = rehearsal->ended["trace"].text();
    return rehearsal;
  }

  /// Each of these notes the failure that it finds.
  void attempt(const char *member, const Json &value, std::optional<std::int64_t> seed = {}) {
    note(run(member, value), seed);
  }
  void sweep(std::int64_t seeds) {
    auto quiet = run();
    Json points = quiet->ended["points"];
    note(std::move(quiet), {});
    if (report.failure) return;
    if (auto replayed = run("cache", "off"); replayed->broken) {
      report.failure = SimulationFailure(replayed->ended, replayed->broken, {});
      return;
    }
    for (auto &point : points) report.points += static_cast<std::int64_t>(point["choices"].size());
    for (auto &point : points) {
      for (auto &choice : point["choices"]) {
        attempt("schedule", Json::object(point["name"].text(), choice));
        if (report.failure) return;
      }
    }
    for (std::int64_t seed = 1; seed <= seeds && !report.failure; seed++) {
      report.seeds++;
      attempt("seed", seed, seed);
    }
  }

 private:
  void note(std::unique_ptr<Rehearsal> found, std::optional<std::int64_t> seed);

  const Scenario &scenario_;
  Json config_;
};

/// The decisions of a run, in their order: as a schedule they give the same run.
inline Json decisions_of(const Rehearsal &run) {
  Json schedule = Json::object();
  for (auto &each : run.ended["decisions"]) schedule.set(each["name"].text(), each["choice"]);
  return schedule;
}

/// Takes decisions away, in halves and one by one, and makes delays smaller, as long as the same invariant
/// fails.
class Shrinking {
 public:
  Shrinking(Campaign &campaign, std::unique_ptr<Rehearsal> found)
      : campaign_(campaign), best_(std::move(found)), invariant_(best_->broken->invariant) {}

  std::unique_ptr<Rehearsal> shortest() {
    remove();
    round();
    return std::move(best_);
  }

 private:
  bool fails(const Json &schedule) {
    if (left_ <= 0) return false;
    left_--;
    auto rehearsal = campaign_.run("schedule", schedule);
    if (!rehearsal->broken || rehearsal->broken->invariant != invariant_) return false;
    best_ = std::move(rehearsal);
    return true;
  }
  void remove() {
    for (std::size_t size = decisions_of(*best_).size(); size > 0; size /= 2) {
      Json all = decisions_of(*best_);
      size = std::min(size, all.size());
      for (std::size_t at = 0; at < all.size(); at += size) {
        std::set<std::string_view> gone;
        for (std::size_t one = at; one < std::min(at + size, all.size()); one++) {
          gone.insert(all.members()[one].first);
        }
        Json now = decisions_of(*best_), rest = Json::object();
        for (auto &[name, choice] : now.members()) {
          if (!gone.contains(name)) rest.set(name, choice);
        }
        // Two runs of one schedule take the same decisions, if they are reached at all.
        if (rest.size() < now.size()) fails(rest);
      }
    }
  }
  void round() {
    Json all = decisions_of(*best_);
    for (auto &[name, choice] : all.members()) {
      if (!choice.is_number()) continue;
      // The smallest that fails, if those above it do.
      for (std::int64_t least = 0, most = choice.as<std::int64_t>(); most - least > 1 && left_ > 0;) {
        std::int64_t middle = least + (most - least) / 2;
        Json schedule = decisions_of(*best_);
        (fails(schedule.set(name, middle)) ? most : least) = middle;
      }
    }
  }

  Campaign &campaign_;
  std::unique_ptr<Rehearsal> best_;
  std::string invariant_;
  int left_ = shrinking_runs;
};

inline void Campaign::note(std::unique_ptr<Rehearsal> found, std::optional<std::int64_t> seed) {
  if (!found->broken) return;
  auto shortest = Shrinking(*this, std::move(found)).shortest();
  report.failure = SimulationFailure(shortest->ended, shortest->broken, seed);
}

}  // namespace detail

/// Runs `scenario` under many schedules, in virtual time, and checks what it asks to be checked:
///
///     auto report = perdure::simulate([](perdure::Simulation &run) {
///       auto &charges = run.state<std::vector<int>>();
///       run.orchestration("order", order);
///       run.activity("charge", [&charges](int price) { charges.push_back(price); });
///       run.start("order", 42, {.instance = "order-1"});
///       run.check("it is paid once", [&charges] { return charges.size() == 1; });
///     });
///     report.throw_if_failed();
///
/// First without trouble; then with every turn replayed from its history; then with the process dying at each
/// commit, before and after it landed, and with each result of an activity lost, one at a time; then under
/// `seeds` random schedules of crashes, repeated attempts, delayed messages and slow activities. The first
/// failure ends it, and is made as short as it gets.
///
/// Throws InvalidArgument for options out of range, and what the scenario throws.
inline SimulationReport simulate(const Scenario &scenario, const SimulateOptions &options = {}) {
  detail::check_outside();
  check_library();
  if (!scenario) throw InvalidArgument("A scenario is a function of a Simulation.");
  if (options.seed && options.schedule) throw InvalidArgument("Give seed or schedule, not both.");
  detail::Campaign campaign(scenario, options.wire());
  auto begun = std::chrono::steady_clock::now();
  if (options.schedule) {
    Json schedule = Json::object();
    for (auto &[name, choice] : *options.schedule) schedule.set(name, choice);
    campaign.attempt("schedule", schedule);
  } else if (options.seed) {
    auto seed = detail::whole(*options.seed, "seed", 0, detail::never_ms);
    campaign.attempt("seed", seed, seed);
  } else {
    campaign.sweep(detail::whole(options.seeds, "seeds", 0, 10'000'000));
  }
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  campaign.report.seconds = took.count();
  return std::move(campaign.report);
}

}  // namespace perdure

#endif  // PERDURE_TESTING_SIMULATE_HPP
