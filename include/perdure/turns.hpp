/// Answers turn requests, with a bounded number of live coroutines kept between turns. Needs no library.
#ifndef PERDURE_TURNS_HPP
#define PERDURE_TURNS_HPP

#include <list>
#include <mutex>

#include "context.hpp"

namespace perdure::detail {

/// An orchestration as it was registered.
struct OrchestrationCode {
  std::string name, version;
  /// The main task, for the input and to the output as JSON text.
  std::function<Task<std::string>(OrchestrationContext &, std::string, std::int64_t)> run;
};

template <class F>
Task<std::string> run_main(F &function, OrchestrationContext &context, std::string input, std::int64_t most) {
  // In the coroutine, so that an input that does not fit fails the orchestration and not the turn.
  std::string of_it = " of orchestration '" + context.name() + "'";
  using Result = typename Signature<F>::Result::value_type;
  Task<Result> code = call_with(function, context, input, "The input" + of_it);
  if (!code.coroutine()) throw InvalidHandle("The orchestration returned a task that was awaited before.");
  code.coroutine().promise().is_code = true;
  if constexpr (std::is_void_v<Result>) {
    co_await std::move(code);
    co_return "null";
  } else {
    auto result = co_await std::move(code);
    co_return encode_result(result, "The result" + of_it, most);
  }
}

/// The code of a function `Task<R>(OrchestrationContext &, Input)`.
template <class F>
OrchestrationCode make_code(std::string name, std::string version, F function) {
  using S = Shape<F, OrchestrationContext>;
  static_assert(IsAwaitable<typename S::Result>::value, "An orchestration returns a perdure::Task.");
  auto shared = std::make_shared<std::decay_t<F>>(std::move(function));
  return {std::move(name), std::move(version),
          [shared](OrchestrationContext &context, std::string input, std::int64_t most) {
            return run_main(*shared, context, std::move(input), most);
          }};
}

/// An execution with the context that its code sees.
class LiveOrchestration final : public Execution {
 public:
  LiveOrchestration(std::shared_ptr<const OrchestrationCode> code, const TurnRequest &request,
                    const Limits &limits)
      : Execution(request, code->name, code->version, limits), code_(std::move(code)), context_(*this) {}
  ~LiveOrchestration() override { close(); }

 protected:
  std::unique_ptr<Fiber> begin(std::string input, std::shared_ptr<StateBase> &result) override {
    auto state = std::make_shared<State<std::string>>();
    result = state;
    return std::make_unique<TaskFiber<std::string>>(
        code_->run(context_, std::move(input), limits.payload_bytes), std::move(state));
  }

 private:
  std::shared_ptr<const OrchestrationCode> code_;
  OrchestrationContext context_;
};

/// Runs the turns of many instances, those of different instances on several threads at once.
class TurnHost {
 public:
  /// `cached`: live coroutines kept at most, those used last; 0 keeps none.
  TurnHost(std::size_t cached, const Limits &limits) : cached_(cached), limits_(limits) {}

  /// Before the first turn. Throws AlreadyExists for a name and version that are there.
  void add(OrchestrationCode code) {
    auto key = std::pair(code.name, code.version);
    auto shared = std::make_shared<const OrchestrationCode>(std::move(code));
    if (!codes_.emplace(key, std::move(shared)).second) {
      throw AlreadyExists("Orchestration '" + key.first + "' version " + key.second +
                          " is registered twice.");
    }
  }

  /// The turn answer as JSON text. Throws NotFound for an orchestration that is not registered here, and
  /// ProtocolViolation for what is no turn request.
  std::string run(std::string_view text) {
    try {
      TurnRequest request = read_request(text);
      if (request.is_query || request.is_replay) return look(request);
      return step(request);
    } catch (const Misfit &misfit) {
      throw ProtocolViolation(misfit.sentence("The turn request"));
    }
  }

  /// How many live coroutines there are.
  std::size_t size() const {
    std::lock_guard lock(mutex_);
    return live_.size();
  }

  /// Drops all coroutines.
  void drop() {
    std::list<Live> dropped;
    std::lock_guard lock(mutex_);
    by_instance_.clear();
    dropped.swap(live_);
  }
  /// The same, and keeps none from now on.
  void close() {
    {
      std::lock_guard lock(mutex_);
      cached_ = 0;
    }
    drop();
  }

 private:
  using Live = std::unique_ptr<LiveOrchestration>;

  Live make(const TurnRequest &request) const {
    auto found = codes_.find(std::pair(request.orchestration, request.version));
    if (found == codes_.end()) {
      throw NotFound("No orchestration '" + request.orchestration + "' version " + request.version +
                     " is registered in this process.");
    }
    return std::make_unique<LiveOrchestration>(found->second, request, limits_);
  }

  /// Beside a live coroutine: builds the code anew, runs it, and drops everything.
  std::string look(const TurnRequest &request) const {
    Live live = make(request);
    if (request.is_query) {
      TurnRequest all = request;
      all.replayed = std::numeric_limits<std::int64_t>::max();
      return "{\"v\":1,\"query\":{" + live->query(all) + "}}";
    }
    live->run(request);
    std::string answer = "{\"v\":1,\"actions\":[" + live->take_actions() + "]";
    if (!live->end.empty()) answer += ",\"end\":" + live->end;
    return answer + ",\"retained\":false}";
  }

  std::string step(const TurnRequest &request) {
    std::list<Live> node = take(request.instance);
    if (request.from == 0) {
      node.clear();
      node.push_back(make(request));
    } else if (node.empty() || node.front()->number != request.execution ||
               node.front()->after != request.from) {
      return "{\"v\":1,\"miss\":true}";
    }
    LiveOrchestration &live = *node.front();
    live.run(request);
    std::string answer = "{\"v\":1,\"actions\":[" + live.take_actions() + "]";
    if (std::string logs = live.take_logs(); !logs.empty()) answer += ",\"logs\":[" + logs + "]";
    if (std::string metrics = live.take_metrics(); !metrics.empty())
      answer += ",\"metrics\":[" + metrics + "]";
    if (!live.end.empty()) answer += ",\"end\":" + live.end;
    bool retained = live.end.empty() && put_back(node);
    return answer + (retained ? ",\"retained\":true}" : ",\"retained\":false}");
  }

  /// The coroutine of an instance, out of the others, so that nobody else runs it.
  std::list<Live> take(const std::string &instance) {
    std::list<Live> node;
    std::lock_guard lock(mutex_);
    auto found = by_instance_.find(instance);
    if (found != by_instance_.end()) {
      node.splice(node.begin(), live_, found->second);
      by_instance_.erase(found);
    }
    return node;
  }

  /// True if it is kept. Whatever has to go for it is left in `node`, to be dropped without the lock.
  bool put_back(std::list<Live> &node) {
    std::lock_guard lock(mutex_);
    if (cached_ == 0) return false;
    auto &instance = node.front()->instance;
    // The engine may have given this turn up meanwhile and sent another: the later one is kept.
    if (auto other = by_instance_.find(instance); other != by_instance_.end()) {
      if ((*other->second)->turn > node.front()->turn) return false;
      auto old = other->second;
      by_instance_.erase(other);
      node.splice(node.end(), live_, old);
    }
    by_instance_.emplace(instance, node.begin());
    live_.splice(live_.begin(), node, node.begin());
    if (live_.size() > cached_) {
      by_instance_.erase(live_.back()->instance);
      node.splice(node.end(), live_, std::prev(live_.end()));
    }
    return true;
  }

  mutable std::mutex mutex_;
  std::size_t cached_;
  const Limits limits_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<const OrchestrationCode>> codes_;
  /// Those used last come first.
  std::list<Live> live_;
  std::unordered_map<std::string_view, std::list<Live>::iterator> by_instance_;
};

}  // namespace perdure::detail

#endif  // PERDURE_TURNS_HPP
