/// What came of a simulation.
#ifndef PERDURE_TESTING_REPORT_HPP
#define PERDURE_TESTING_REPORT_HPP

#include <ostream>

#include "rehearsal.hpp"

namespace perdure {

/// What goes wrong in a run, by the name of the decision: what happens there ("crashBefore", "lost"...), or
/// so many milliseconds.
using Schedule = std::map<std::string, Json>;

namespace detail {

/// Instances whose history a report shows, and events of each.
inline constexpr std::size_t shown_instances = 5, shown_events = 60;

/// As JSON, cut to what a line can take.
inline std::string short_text(const Json &value) {
  std::string told = value.dump();
  if (told.size() <= 80) return told;
  std::size_t end = 77;
  while (end > 0 && (static_cast<unsigned char>(told[end]) & 0xC0) == 0x80) end--;
  return told.substr(0, end) + "...";
}

/// The last events of an instance, one line each.
inline std::vector<std::string> event_lines(const Json &history) {
  std::vector<std::string> lines;
  std::size_t begin = history.size() > shown_events ? history.size() - shown_events : 0;
  for (std::size_t at = begin; at < history.size(); at++) {
    auto &event = history[at];
    auto since = event["at"].as<std::int64_t>() - history[0]["at"].as<std::int64_t>();
    char place[64];
    std::snprintf(place, sizeof place, "%3lld %10.3f s  ",
                  static_cast<long long>(event["id"].as<std::int64_t>()), static_cast<double>(since) / 1000);
    std::string line = place + event["kind"].text();
    for (auto &[name, value] : event.members()) {
      if (name == "id" || name == "at" || name == "kind" || name == "after") continue;
      line += " " + name + "=" + short_text(value);
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace detail

/// The shortest schedule that was found under which an invariant does not hold.
struct SimulationFailure {
  std::string invariant, message;
  /// That found it; none: no chance was needed.
  std::optional<std::int64_t> seed;
  /// What goes wrong, for `simulate(scenario, {.schedule = ...})`.
  Schedule schedule;
  /// The same for a reader.
  std::vector<std::string> lines;
  /// The events of each instance, for a reader.
  std::map<std::string, std::vector<std::string>> histories;
  /// What the invariant threw, if it did.
  std::exception_ptr error;

  /// `ended`: the "Simulation end" of the run in which `broken` was found.
  SimulationFailure(const Json &ended, const std::optional<detail::BrokenInvariant> &broken,
                    std::optional<std::int64_t> found)
      : seed(found) {
    if (broken) invariant = broken->invariant, message = broken->message, error = broken->error;
    for (auto &each : ended["decisions"]) {
      schedule.emplace(each["name"].text(), each["choice"]);
      lines.push_back(each["line"].text());
    }
    for (auto &each : ended["instances"]) {
      if (histories.size() == detail::shown_instances) break;
      histories.emplace(each["description"]["instance"].text(), detail::event_lines(each["history"]));
    }
  }

  /// The call that runs this schedule again.
  std::string reproduce() const {
    std::string told;
    for (auto &[name, choice] : schedule) {
      told += (told.empty() ? "{" : ", {") + Json(name).dump() + ", " + choice.dump() + "}";
    }
    return "perdure::simulate(scenario, {.schedule = perdure::Schedule{" + told + "}})";
  }
  std::string str() const {
    std::string found = seed ? "with seed " + std::to_string(*seed) : "without any chance";
    std::string text = invariant + ": " + message + "\nFound " + found + ". The shortest schedule:\n";
    for (auto &line : lines) text += "  " + line + "\n";
    if (lines.empty()) text += "  (nothing goes wrong)\n";
    text += "Again:\n  " + reproduce();
    for (auto &[instance, events] : histories) {
      text += "\nHistory of '" + instance + "':";
      for (auto &event : events) text += "\n  " + event;
    }
    return text;
  }
  friend std::ostream &operator<<(std::ostream &out, const SimulationFailure &failure) {
    return out << failure.str();
  }
};

/// What came of a simulation.
struct SimulationReport {
  /// All runs, those that made a failing schedule short among them.
  std::int64_t runs = 0;
  /// Places in the quiet run where a process can die or an attempt can get lost.
  std::int64_t points = 0;
  /// Random schedules that were run.
  std::int64_t seeds = 0;
  double seconds = 0;
  std::optional<SimulationFailure> failure = {};
  /// Of the last run: two runs of one seed or schedule agree on it.
  std::string trace = {};

  bool ok() const { return !failure; }
  /// Throws SimulationFailed.
  void throw_if_failed() const;
  std::string str() const {
    char took[32];
    std::snprintf(took, sizeof took, "%.1f s: ", seconds);
    return std::to_string(runs) + " runs (" + std::to_string(points) + " points of failure, " +
           std::to_string(seeds) + " seeds) in " + took + (failure ? failure->str() : "all is well");
  }
  friend std::ostream &operator<<(std::ostream &out, const SimulationReport &report) {
    return out << report.str();
  }
};

/// An invariant does not hold under some schedule.
class SimulationFailed : public Error {
 public:
  explicit SimulationFailed(SimulationReport report)
      : Error(report.str()), report_(std::make_shared<const SimulationReport>(std::move(report))) {}
  const SimulationReport &report() const noexcept { return *report_; }

 private:
  std::shared_ptr<const SimulationReport> report_;
};

inline void SimulationReport::throw_if_failed() const {
  if (failure) throw SimulationFailed(*this);
}

}  // namespace perdure

#endif  // PERDURE_TESTING_REPORT_HPP
