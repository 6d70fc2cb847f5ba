/// What runs in place of activities, and what was called.
#ifndef PERDURE_TESTING_STUBS_HPP
#define PERDURE_TESTING_STUBS_HPP

#include "../definitions.hpp"

namespace perdure {

/// An activity is neither defined nor stubbed. Its orchestration meets the failure `perdure.NotRegistered`,
/// which is not retried.
class NotRegistered : public Fault {
 public:
  explicit NotRegistered(const std::string &message)
      : Fault(message, {.type = "perdure.NotRegistered", .non_retryable = true}) {}
};

/// What `never` is.
struct Never {};
/// A stub that does not answer: a time limit ends the attempt, or a test that takes its token
/// (`ActivityCall::token`).
inline constexpr Never never;

namespace detail {

/// What can be asked whether it is a `Function` without an error.
template <class T>
concept StubFunction = std::is_function_v<std::remove_pointer_t<T>> || requires { &T::operator(); };

}  // namespace detail

/// What runs in place of an activity. Made of
///
/// - a function of the context and the input, of one of them, or of nothing, as for `Runtime::activity`;
/// - an exception, a `std::exception_ptr` or a `Failure` to fail with;
/// - `never`;
/// - `in_turn(stub, stub...)`: one for each attempt, the last one again and again;
/// - anything else that has JSON: the result.
class Stub {
 public:
  template <class T>
    requires(!std::same_as<std::remove_cvref_t<T>, Stub> &&
             !std::same_as<std::remove_cvref_t<T>, std::vector<Stub>>)
  Stub(T &&given) : code_(code_of(std::forward<T>(given))) {}
  /// See `in_turn`, which says it shorter. Throws InvalidArgument for none.
  explicit Stub(std::vector<Stub> stubs) : stubs_(std::move(stubs)) {
    if (stubs_.empty()) throw InvalidArgument("in_turn needs at least one stub.");
  }

  /// For the header's own use: the one for an attempt, of which `uses` were before it.
  const detail::AnyActivity &code(std::size_t uses) const {
    return stubs_.empty() ? code_ : stubs_[std::min(uses, stubs_.size() - 1)].code(0);
  }

 private:
  template <class T>
  static detail::AnyActivity code_of(T &&given) {
    using Given = std::decay_t<T>;
    if constexpr (std::same_as<Given, Never>) {
      return [](ActivityContext &ctx) -> detail::JsonText { ctx.defer(); };
    } else if constexpr (std::same_as<Given, Failure>) {
      return [failure = Failure(given)](ActivityContext &ctx) -> detail::JsonText {
        throw WorkFailed("Activity '" + ctx.name() + "'", failure);
      };
    } else if constexpr (std::same_as<Given, std::exception_ptr>) {
      return [given](ActivityContext &) -> detail::JsonText { std::rethrow_exception(given); };
    } else if constexpr (std::derived_from<Given, std::exception>) {
      return [given](ActivityContext &) -> detail::JsonText { throw given; };
    } else if constexpr (detail::StubFunction<Given>) {
      return detail::any_activity<Given>(std::forward<T>(given));
    } else {
      std::string text = detail::encode<Given>(given, "The stub");
      return [text](ActivityContext &) -> detail::JsonText { return {text}; };
    }
  }

  detail::AnyActivity code_;
  std::vector<Stub> stubs_;
};

/// A stub for each attempt in turn, the last one again and again:
/// `in_turn("paid", CardDeclined("no"), "paid")`
template <class... Stubs>
Stub in_turn(Stubs &&...stubs) {
  static_assert(sizeof...(stubs) > 0, "in_turn needs at least one stub.");
  return Stub(std::vector<Stub>{Stub(std::forward<Stubs>(stubs))...});
}

/// One attempt of an activity in a test environment, stubbed or not.
struct ActivityCall {
  std::string activity, instance;
  Json input;
  /// Counts from 1.
  std::int64_t attempt = 1;
  /// The idempotency key: the same for each attempt.
  std::string key;
  /// For `Client::complete_activity` and its like.
  std::string token;
  /// When it began, in virtual time.
  Time at;
};

namespace detail {

/// Registered for all activities that nobody defined.
inline constexpr const char *any_activity_name = "perdure.any";

/// Stubs by name, with how often each was used.
class StubTable {
 public:
  void set(const std::string &activity, Stub stub) {
    std::string checked;
    append_name(checked, activity, "The name of the activity");
    stubs_.insert_or_assign(activity, Used{std::move(stub)});
  }
  void remove(const std::string &activity) { stubs_.erase(activity); }
  /// What is to run for the next attempt; an empty function if there is no stub.
  AnyActivity take(const std::string &activity) {
    auto found = stubs_.find(activity);
    return found == stubs_.end() ? AnyActivity() : found->second.stub.code(found->second.uses++);
  }
  void each_name(auto body) const {
    for (auto &[name, used] : stubs_) body(name);
  }

 private:
  struct Used {
    Stub stub;
    std::size_t uses = 0;
  };
  std::map<std::string, Used> stubs_;
};

/// The stubs of a test environment, and its record of attempts. Kept when its runtime is restarted.
class Stubs {
 public:
  explicit Stubs(Store store) : store_(std::move(store)) {}

  void set(const std::string &activity, Stub stub) {
    std::lock_guard lock(mutex_);
    table_.set(activity, std::move(stub));
  }
  void remove(const std::string &activity) {
    std::lock_guard lock(mutex_);
    table_.remove(activity);
  }
  std::vector<ActivityCall> calls(std::string_view activity) const {
    std::vector<ActivityCall> found;
    std::lock_guard lock(mutex_);
    for (auto &call : calls_) {
      if (activity.empty() || call.activity == activity) found.push_back(call);
    }
    return found;
  }
  /// Notes the attempt, and runs its stub, or `original`.
  JsonText run(ActivityContext &context, const AnyActivity &original) {
    ActivityCall call;
    call.activity = context.name();
    call.instance = context.instance_id();
    call.input = decode<Json>(context.input(), "The input of activity '" + context.name() + "'");
    call.attempt = context.attempt();
    call.key = context.idempotency_key();
    call.token = context.token();
    std::unique_lock lock(mutex_);
    call.at = store_.now();
    calls_.push_back(std::move(call));
    AnyActivity stub = table_.take(context.name());
    lock.unlock();
    return stub ? stub(context) : original(context);
  }
  void close() {
    std::lock_guard lock(mutex_);
    store_.close();
  }

 private:
  mutable std::mutex mutex_;
  Store store_;
  StubTable table_;
  std::vector<ActivityCall> calls_;
};

}  // namespace detail
}  // namespace perdure

#endif  // PERDURE_TESTING_STUBS_HPP
