/// The orchestrations of the conformance kit (docs/kit.md), run with coroutines.
#ifndef PERDURE_TESTS_KIT_ORCHESTRATIONS_HPP
#define PERDURE_TESTS_KIT_ORCHESTRATIONS_HPP

#include "expressions.hpp"

namespace kit {

using perdure::Handle;
using perdure::Task;

/// The options of an activity step.
inline perdure::ActivityOptions activity_options(const Json &given) {
  perdure::ActivityOptions options;
  auto duration = [&](const char *name, auto set) {
    if (given.contains(name)) (options.*set)(milliseconds(given[name]));
  };
  duration("scheduleToStartMS", &perdure::ActivityOptions::schedule_to_start);
  duration("startToCloseMS", &perdure::ActivityOptions::start_to_close);
  duration("scheduleToCloseMS", &perdure::ActivityOptions::schedule_to_close);
  duration("heartbeatMS", &perdure::ActivityOptions::heartbeat);
  if (given.contains("tag")) options.tag(given["tag"].text());
  if (given.contains("session")) options.session(given["session"].text());
  if (given.contains("priority")) options.priority(given["priority"].as<int>());
  if (!given.contains("retry")) return options;
  auto &wanted = given["retry"];
  perdure::RetryPolicy retry;
  if (wanted.contains("maxAttempts")) retry.max_attempts(wanted["maxAttempts"].as<int>());
  if (wanted.contains("backoff")) retry.backoff(wanted["backoff"].as<perdure::Backoff>());
  if (wanted.contains("initialIntervalMS")) retry.initial_interval(milliseconds(wanted["initialIntervalMS"]));
  if (wanted.contains("coefficient")) retry.coefficient(wanted["coefficient"].as<double>());
  if (wanted.contains("maxIntervalMS")) retry.max_interval(milliseconds(wanted["maxIntervalMS"]));
  for (auto &type : wanted["nonRetryable"]) retry.non_retryable(type.text());
  return options.retry(retry);
}

/// One run of the code of an orchestration. It lives on the frame of the main task, and its steps in the
/// scenario: both outlive all tasks.
class Orchestration : public Program {
 public:
  explicit Orchestration(perdure::OrchestrationContext &context) : context_(context) {}

  Task<Json> run(const Json &steps, const Json &input) {
    return body(steps, scope_in(nullptr, "input", input));
  }

 private:
  Json function(const std::string &name, const Json &given) override {
    if (name == "$kv") return context_.kv.get(given.text(), Json());
    if (name == "$kvKeys") return Json::of(context_.kv.keys());
    if (name == "$kvAll") return Json::of(context_.kv.all());
    if (name == "$now") return context_.now_ms();
    if (name == "$late") return context_.should_continue_as_new();
    if (name == "$self") return self(given.text());
    return Program::function(name, given);
  }

  Json self(const std::string &what) const {
    if (what == "instance") return context_.instance_id();
    if (what == "execution") return context_.execution_id();
    if (what == "name") return context_.name();
    if (what == "version") return context_.version();
    if (what != "parent") throw Unknown("Code does not know its '" + what + "'.");
    auto parent = context_.parent();
    return parent ? Json(parent->instance) : Json();
  }

  std::string text(const Json &expression, const ScopePtr &scope) {
    return value(expression, scope).as<std::string>();
  }

  // ---- Blocks ----

  /// A block that `return` ends.
  Task<Json> body(const Json &steps, ScopePtr scope) {
    Json last;
    try {
      last = co_await block(steps, scope);
    } catch (const Return &end) {
      last = end.value;
    }
    co_return last;
  }

  Task<Json> block(const Json &steps, ScopePtr scope) {
    Json last;
    for (auto &step : steps) {
      last = co_await perform(step, scope);
      if (step.contains("as")) scope->set(step["as"].text(), last);
    }
    co_return last;
  }

  Task<Json> perform(const Json &step, ScopePtr scope) {
    Json last;
    if (auto done = immediate(step, scope)) {
      last = *done;
    } else if (auto work = answered(step, scope)) {
      last = co_await *work;
    } else if (auto request = requested(step, scope)) {
      co_await *request;
    } else if (auto task = composed(step, scope)) {
      last = co_await std::move(*task);
    } else {
      throw Unknown("There is no step " + step.dump() + " of orchestrations.");
    }
    co_return last;
  }

  // ---- Work and messages ----

  /// What is awaited for its value.
  std::optional<Handle<Json>> answered(const Json &step, const ScopePtr &scope) {
    if (step.contains("activity")) {
      auto options = activity_options(step["options"]);
      return context_.activity(step["activity"].text(), value(step["with"], scope), options);
    }
    if (step.contains("child")) {
      auto options = start_options(step, scope);
      if (step.contains("closePolicy")) options.close_policy(step["closePolicy"].as<perdure::ClosePolicy>());
      return context_.sub_orchestration(step["child"].text(), value(step["with"], scope), options);
    }
    if (step.contains("event")) return context_.wait_for_event(step["event"].text());
    if (step.contains("queue")) return context_.dequeue(step["queue"].text());
    if (step.contains("topic")) return context_.wait_for_topic(step["topic"].text());
    return std::nullopt;
  }

  /// What is awaited until it is done.
  std::optional<Handle<void>> requested(const Json &step, const ScopePtr &scope) {
    bool keep = is_true_value(step["keep"]);
    if (step.contains("sleep")) return context_.sleep(milliseconds(step["sleep"]));
    if (step.contains("raise")) {
      auto data = value(step["with"], scope);
      return context_.raise_event(text(step["to"], scope), step["raise"].text(), data, keep);
    }
    if (step.contains("enqueue")) {
      auto data = value(step["with"], scope);
      return context_.enqueue(text(step["to"], scope), step["enqueue"].text(), data, keep);
    }
    if (step.contains("cancelInstance")) {
      return context_.cancel_instance(text(step["cancelInstance"], scope), step["reason"].text());
    }
    return std::nullopt;
  }

  perdure::ChildOptions start_options(const Json &step, const ScopePtr &scope) {
    perdure::ChildOptions options;
    if (step.contains("version")) options.version(step["version"].text());
    if (step.contains("instance")) options.instance(text(step["instance"], scope));
    return options;
  }

  Task<Json> next_call(const Json &step) {
    auto waiting = context_.next_call(step["nextCall"].text());
    perdure::Call call = co_await waiting;
    calls_.insert_or_assign(step["as"].text(), call);
    co_return call.input();
  }

  perdure::Call &call(const Json &variable) {
    auto found = calls_.find(variable.text());
    if (found == calls_.end()) throw Unknown("No call is named " + variable.dump() + ".");
    return found->second;
  }

  Task<Json> read_kv(const Json &step, ScopePtr scope) {
    auto reading = context_.read_kv(text(step["of"], scope), step["readKV"].text());
    std::optional<Json> found = co_await reading;
    co_return found.value_or(Json());
  }

  void serve(const Json &step, const ScopePtr &scope) {
    auto handler = [this, &step, scope](const Json &input) {
      return body(step["do"], scope_in(scope, "input", input));
    };
    auto validator = [this, &step, scope](const Json &input) {
      if (!step.contains("check")) return;
      if (is_true_value(value(step["check"], scope_in(scope, "input", input)))) return;
      throw std::runtime_error(step["why"].text());
    };
    context_.on_call(step["serve"].text(), handler, validator);
  }

  void answer_query(const Json &step, const ScopePtr &scope) {
    context_.on_query(step["onQuery"].text(), [this, &step, scope](const Json &input) {
      return value(step["gives"], scope_in(scope, "input", input));
    });
  }

  // ---- Composition ----

  std::optional<Task<Json>> composed(const Json &step, const ScopePtr &scope) {
    if (step.contains("nextCall")) return next_call(step);
    if (step.contains("readKV")) return read_kv(step, scope);
    if (step.contains("all")) return all(branches(step["all"], scope));
    if (step.contains("each")) return all(each(step, scope));
    if (step.contains("race")) return race(branches(step["race"], scope));
    if (step.contains("timeout")) return timeout(step, scope);
    if (step.contains("during")) return during(step, scope);
    if (step.contains("if")) return block(chosen(step, scope), scope);
    if (step.contains("repeat")) return repeated(step, scope);
    if (step.contains("while")) return while_true(step, scope);
    if (step.contains("try")) return attempt(step, scope);
    return std::nullopt;
  }

  std::vector<Task<Json>> branches(const Json &blocks, const ScopePtr &scope) {
    std::vector<Task<Json>> tasks;
    for (auto &steps : blocks) tasks.push_back(block(steps, scope_in(scope)));
    return tasks;
  }

  std::vector<Task<Json>> each(const Json &step, const ScopePtr &scope) {
    std::vector<Task<Json>> tasks;
    Json elements = value(step["each"], scope);
    for (auto &element : elements) {
      tasks.push_back(block(step["do"], scope_in(scope, step["item"].text(), element)));
    }
    return tasks;
  }

  Task<Json> all(std::vector<Task<Json>> tasks) {
    Json::Array values = co_await perdure::all(std::move(tasks));
    co_return Json(std::move(values));
  }

  Task<Json> race(std::vector<Task<Json>> tasks) {
    auto [index, winner] = co_await perdure::race(std::move(tasks));
    co_return Json::object("index", index, "value", winner);
  }

  Task<Json> timeout(const Json &step, ScopePtr scope) {
    auto task = block(step["do"], scope_in(scope));
    auto in_time = context_.wait_for(std::move(task), milliseconds(step["timeout"]));
    std::optional<Json> found = co_await std::move(in_time);
    if (!found) throw perdure::Fault("time ran out", {.type = "kit.Timeout"});
    co_return *found;
  }

  Task<Json> during(const Json &step, ScopePtr scope) {
    auto beside = context_.spawn(block(step["during"], scope_in(scope)));
    auto done = co_await perdure::attempt(block(step["do"], scope_in(scope)));
    beside.cancel();
    // What came of it is dropped.
    static_cast<void>(co_await perdure::attempt(beside));
    co_return done.value();
  }

  // ---- Control ----

  Task<Json> repeated(const Json &step, ScopePtr scope) {
    std::int64_t count = whole(value(step["repeat"], scope));
    for (std::int64_t index = 0; index < count; index++) {
      if (step.contains("item")) scope->set(step["item"].text(), index);
      co_await block(step["do"], scope);
    }
    co_return Json();
  }

  Task<Json> while_true(const Json &step, ScopePtr scope) {
    while (is_true_value(value(step["while"], scope))) co_await block(step["do"], scope);
    co_return Json();
  }

  Task<Json> attempt(const Json &step, ScopePtr scope) {
    Json last;
    std::exception_ptr error;
    try {
      last = co_await handled(step, scope);
    } catch (...) {
      error = std::current_exception();
    }
    co_await block(step["finally"], scope);
    if (error) std::rethrow_exception(error);
    co_return last;
  }

  Task<Json> handled(const Json &step, ScopePtr scope) {
    Json last;
    std::exception_ptr error;
    try {
      last = co_await block(step["try"], scope);
    } catch (...) {
      error = std::current_exception();
    }
    if (!error) co_return last;
    if (step.contains("cancelled") && context_.is_cancel_requested() && is_cancellation(error)) {
      last = co_await block(step["cancelled"], scope);
      if (!is_true_value(step["survives"])) std::rethrow_exception(error);
      co_return last;
    }
    auto &handler = step["catch"];
    Json failure = described(error);
    if (!takes(handler, failure)) std::rethrow_exception(error);
    if (handler.contains("error")) scope->set(handler["error"].text(), failure);
    last = co_await block(handler["do"], scope);
    co_return last;
  }

  static bool is_cancellation(const std::exception_ptr &error) {
    try {
      std::rethrow_exception(error);
    } catch (const perdure::Cancelled &) {
      return true;
    } catch (...) {
      return false;
    }
  }

  static bool takes(const Json &handler, const Json &failure) {
    if (!handler.is_object() || failure.is_null()) return false;
    auto &types = handler["types"].elements();
    return !handler.contains("types") || std::ranges::find(types, failure["type"]) != types.end();
  }

  // ---- What needs no wait ----

  std::optional<Json> immediate(const Json &step, const ScopePtr &scope) {
    if (auto done = simple(step, scope)) return done;
    if (auto done = stated(step, scope)) return done;
    if (step.contains("detached")) {
      auto options = start_options(step, scope);
      return context_.start_detached(step["detached"].text(), value(step["with"], scope), options);
    } else if (step.contains("subscribe")) {
      context_.subscribe(step["subscribe"].text());
    } else if (step.contains("unsubscribe")) {
      context_.unsubscribe(step["unsubscribe"].text());
    } else if (step.contains("publish")) {
      context_.publish(step["publish"].text(), value(step["with"], scope));
    } else if (step.contains("answer")) {
      call(step["answer"]).answer(value(step["with"], scope));
    } else if (step.contains("reject")) {
      call(step["reject"]).reject(step["why"].text());
    } else if (step.contains("serve")) {
      serve(step, scope);
    } else if (step.contains("onQuery")) {
      answer_query(step, scope);
    } else if (step.contains("continueAsNew")) {
      context_.continue_as_new(value(step["continueAsNew"], scope), step["version"].text());
    } else {
      return std::nullopt;
    }
    return Json();
  }

  std::optional<Json> stated(const Json &step, const ScopePtr &scope) {
    if (step.contains("status")) {
      context_.set_custom_status(value(step["status"], scope));
    } else if (step.contains("kvSet")) {
      context_.kv.set(text(step["kvSet"], scope), value(step["to"], scope));
    } else if (step.contains("kvClear")) {
      context_.kv.clear(text(step["kvClear"], scope));
    } else if (step.contains("kvClearAll")) {
      context_.kv.clear_all();
    } else if (step.contains("kvPruneBefore")) {
      perdure::Time before(milliseconds(value(step["kvPruneBefore"], scope)));
      return context_.kv.prune_before(before);
    } else if (step.contains("patched")) {
      return context_.patched(step["patched"].text());
    } else if (step.contains("deprecatePatch")) {
      context_.deprecate_patch(step["deprecatePatch"].text());
    } else if (step.contains("random")) {
      return context_.random();
    } else if (step.contains("guid")) {
      return context_.new_guid();
    } else if (step.contains("log")) {
      context_.log.info(step["log"].text());
    } else if (step.contains("metric")) {
      context_.metric(step["metric"].text(), step["by"].as<double>());
    } else {
      return std::nullopt;
    }
    return Json();
  }

  perdure::OrchestrationContext &context_;
  std::map<std::string, perdure::Call> calls_;
};

}  // namespace kit

#endif  // PERDURE_TESTS_KIT_ORCHESTRATIONS_HPP
