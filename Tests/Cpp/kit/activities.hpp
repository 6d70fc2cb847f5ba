/// The activities of the conformance kit (docs/kit.md), and what all activities of a scenario share.
#ifndef PERDURE_TESTS_KIT_ACTIVITIES_HPP
#define PERDURE_TESTS_KIT_ACTIVITIES_HPP

#include <set>

#include "expressions.hpp"

namespace kit {

/// The longest that anything may take.
inline constexpr std::chrono::seconds longest(20);

/// Marks, releases, counts and tokens. They outlive the runtimes of their scenario.
class Board {
 public:
  /// How often an activity of this name has begun, with this time.
  std::int64_t begin(const std::string &activity) {
    std::lock_guard lock(mutex_);
    return ++runs_[activity];
  }
  std::int64_t runs(const std::string &activity) {
    std::lock_guard lock(mutex_);
    return runs_[activity];
  }
  void mark(const std::string &name) {
    std::lock_guard lock(mutex_);
    marks_[name]++;
    changed_.notify_all();
  }
  /// Waits until there are so many marks, and returns how many there are.
  std::int64_t wait_mark(const std::string &name, std::int64_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, longest, [&] { return marks_[name] >= count; });
    return marks_[name];
  }
  void release(const std::string &name) {
    std::lock_guard lock(mutex_);
    released_.insert(name);
    changed_.notify_all();
  }
  /// Waits until the name is released; false if the attempt is cancelled.
  bool hold(const std::string &name, std::stop_token cancelled) {
    std::unique_lock lock(mutex_);
    return changed_.wait(lock, std::move(cancelled), [&] { return released_.contains(name); });
  }
  void wait_for_stop(std::stop_token cancelled) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, std::move(cancelled), [] { return false; });
  }
  void set_token(const std::string &activity, const std::string &token) {
    std::lock_guard lock(mutex_);
    tokens_[activity] = token;
    changed_.notify_all();
  }
  /// That with which the activity last deferred; waits for the first one.
  std::string token(const std::string &activity) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, longest, [&] { return tokens_.contains(activity); });
    return tokens_[activity];
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::string, std::int64_t> runs_, marks_;
  std::map<std::string, std::string> tokens_;
  std::set<std::string> released_;
};

/// One run of the code of an activity.
class Attempt : public Program {
 public:
  Attempt(perdure::ActivityContext &context, Board &board) : context_(context), board_(board) {}

  Json run(const Json &steps, const Json &input) {
    auto scope = std::make_shared<Scope>();
    Json options = context_.options();
    scope->add("input", input);
    scope->add("attempt", context_.attempt());
    scope->add("run", board_.begin(context_.name()));
    scope->add("heartbeat", context_.last_heartbeat().value_or(Json()));
    scope->add("key", context_.idempotency_key());
    scope->add("tag", options["tag"]);
    scope->add("session", options["session"]);
    try {
      return block(steps, scope);
    } catch (const Return &end) {
      return end.value;
    }
  }

 private:
  Json block(const Json &steps, const ScopePtr &scope) {
    Json last;
    for (std::size_t index = 0; index < steps.size(); index++) {
      auto &step = steps[index];
      // The script may ask for the token as soon as it sees the mark before.
      if (steps[index + 1].contains("defer")) board_.set_token(context_.name(), context_.token());
      last = perform(step, scope);
      if (step.contains("as")) scope->set(step["as"].text(), last);
    }
    return last;
  }

  Json perform(const Json &step, const ScopePtr &scope) {
    if (auto done = simple(step, scope)) return *done;
    auto name = [&](const char *operation) { return value(step[operation], scope).text(); };
    if (step.contains("if")) {
      return block(chosen(step, scope), scope);
    } else if (step.contains("heartbeat")) {
      context_.heartbeat(value(step["heartbeat"], scope));
    } else if (step.contains("mark")) {
      board_.mark(name("mark"));
    } else if (step.contains("hold")) {
      board_.mark(name("hold"));
      if (!board_.hold(name("hold"), context_.stop_token())) {
        throw perdure::Fault("nobody wants it any more", {.type = "kit.Cancelled"});
      }
    } else if (step.contains("untilCancelled")) {
      board_.wait_for_stop(context_.stop_token());
      board_.mark(name("untilCancelled"));
    } else if (step.contains("defer")) {
      board_.set_token(context_.name(), context_.token());
      context_.defer();
    } else {
      throw Unknown("There is no step " + step.dump() + " of activities.");
    }
    return nullptr;
  }

  perdure::ActivityContext &context_;
  Board &board_;
};

}  // namespace kit

#endif  // PERDURE_TESTS_KIT_ACTIVITIES_HPP
