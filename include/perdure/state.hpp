/// The key-value state of an instance, calls that clients wait for, and the log of an orchestration.
#ifndef PERDURE_STATE_HPP
#define PERDURE_STATE_HPP

#include "functions.hpp"

namespace perdure {

/// `ctx.kv`: durable with the next commit, readable by clients and other instances, kept after the end.
class KeyValue {
 public:
  explicit KeyValue(detail::Execution &execution) : execution_(&execution) {}
  KeyValue(const KeyValue &) = delete;
  KeyValue &operator=(const KeyValue &) = delete;

  /// The value of the key, if it has one.
  template <class T = Json>
  std::optional<T> get(std::string_view key) const {
    execution_->check_running();
    auto found = execution_->kv.find(key);
    if (found == execution_->kv.end()) return std::nullopt;
    return detail::decode<T>(found->second.first, "The value of key '" + std::string(key) + "'");
  }
  template <class T>
  T get(std::string_view key, T absent) const {
    auto found = get<T>(key);
    return found ? std::move(*found) : std::move(absent);
  }
  /// Throws LimitExceeded for too many keys, or a key or value that is too large.
  template <class T>
  void set(std::string_view key, const T &value) {
    std::string members = "\"kind\":\"SetKV\",\"key\":";
    detail::append_name(members, key, "The key");
    std::string what = "The value of key '" + std::string(key) + "'", text = detail::encode(value, what);
    auto &entries = execution_->kv;
    auto most = execution_->limits.kv_keys;
    detail::check_size(text.size(), execution_->limits.kv_value_bytes, what);
    if (!entries.contains(key) && entries.size() >= static_cast<std::uint64_t>(most)) {
      throw LimitExceeded(std::to_string(entries.size()) + " keys are set; the limit is " +
                          std::to_string(most) + " per instance.");
    }
    execution_->emit(members.append(",\"value\":").append(text));
    entries.insert_or_assign(std::string(key), std::pair(std::move(text), execution_->now_ms));
  }
  /// All keys, in the order of their bytes.
  std::vector<std::string> keys() const {
    std::vector<std::string> found;
    for (auto &[key, entry] : execution_->kv) found.push_back(key);
    return found;
  }
  /// All keys with their values.
  std::map<std::string, Json> all() const {
    std::map<std::string, Json> found;
    for (auto &[key, entry] : execution_->kv) found.emplace(key, Json::parse(entry.first));
    return found;
  }
  bool contains(std::string_view key) const { return execution_->kv.contains(key); }
  std::size_t size() const { return execution_->kv.size(); }
  /// Removes the key, if it is there.
  void clear(std::string_view key) {
    std::string members = "\"kind\":\"ClearKV\",\"key\":";
    detail::append_name(members, key, "The key");
    execution_->emit(members);
    if (auto found = execution_->kv.find(key); found != execution_->kv.end()) execution_->kv.erase(found);
  }
  void clear_all() {
    execution_->emit("\"kind\":\"ClearAllKV\"");
    execution_->kv.clear();
  }
  /// Removes the keys that were set before `time`, by the time of the events. Returns how many.
  template <class Duration>
  std::size_t prune_before(std::chrono::time_point<std::chrono::system_clock, Duration> time) {
    std::vector<std::string> old;
    for (auto &[key, entry] : execution_->kv) {
      if (entry.second < detail::epoch_ms(time)) old.push_back(key);
    }
    for (auto &key : old) clear(key);
    return old.size();
  }

 private:
  detail::Execution *execution_;
};

/// A call that a client waits for. Exactly one `answer` or `reject`.
class Call {
 public:
  /// For the header's own use.
  Call(detail::Execution &execution, std::string_view id, std::string name, std::string_view input)
      : content_(std::make_shared<Content>(
            Content{&execution, std::string(id), std::move(name), std::string(input)})) {}

  const std::string &id() const { return content_->id; }
  const std::string &name() const { return content_->name; }
  /// What the caller gave. Throws InvalidArgument when it does not fit.
  template <class T = Json>
  T input() const {
    return detail::decode<T>(content_->input, "The input of call '" + name() + "'");
  }
  bool is_answered() const { return content_->is_answered; }

  /// What `Client::call` returns.
  template <class T = std::nullptr_t>
  void answer(const T &result = {}) {
    std::string what = "The answer to call '" + name() + "'";
    settle("\"result\":" + detail::encode_result(result, what, content_->execution->limits.payload_bytes));
  }
  /// What `Client::call` throws, as CallRejected.
  void reject(std::string_view reason) { reject(Failure{detail::call_rejected, detail::clean(reason)}); }
  /// What `Client::call` throws.
  void reject(const Failure &failure) {
    std::string text = detail::failure_text(failure);
    detail::check_size(text.size(), content_->execution->limits.payload_bytes, "The failure");
    settle("\"failure\":" + text);
  }

 private:
  struct Content {
    detail::Execution *execution;
    std::string id, name, input;
    bool is_answered = false;
  };
  void settle(const std::string &outcome) {
    if (content_->is_answered) {
      throw WrongStatus("Call '" + id() + "' was answered before; each call has one answer.");
    }
    std::string members = "\"kind\":\"AnswerCall\",\"call\":";
    detail::append_text(members, id(), "The id of the call");
    content_->execution->emit(members.append(",").append(outcome));
    content_->is_answered = true;
  }
  std::shared_ptr<Content> content_;
};

/// `ctx.log`: lines that are written once, not again when the code is replayed.
class OrchestrationLog {
 public:
  explicit OrchestrationLog(detail::Execution &execution) : execution_(&execution) {}
  OrchestrationLog(const OrchestrationLog &) = delete;
  OrchestrationLog &operator=(const OrchestrationLog &) = delete;
  void debug(std::string_view message) { execution_->log("debug", message); }
  void info(std::string_view message) { execution_->log("info", message); }
  void warn(std::string_view message) { execution_->log("warn", message); }
  void error(std::string_view message) { execution_->log("error", message); }

 private:
  detail::Execution *execution_;
};

namespace detail {

struct CallState : State<Call> {
  void complete(std::string_view data, std::string_view call) override {
    std::string name = what.size() > 7 ? what.substr(6, what.size() - 7) : what;
    this->set(Call(*this->execution, call, std::move(name), data));
  }
};

/// The value of a key of another instance.
template <class T>
struct ReadState : State<std::optional<T>> {
  void complete(std::string_view data, std::string_view) override {
    Json answer = decode<Json>(data, this->what);
    auto *value = answer.find("value");
    this->set(value ? std::optional<T>(decode<T>(value->dump(), "The value of key")) : std::nullopt);
  }
};

}  // namespace detail
}  // namespace perdure

#endif  // PERDURE_STATE_HPP
