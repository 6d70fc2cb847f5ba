/// What both languages of the conformance kit (docs/kit.md) have: expressions, variables, failures.
#ifndef PERDURE_TESTS_KIT_EXPRESSIONS_HPP
#define PERDURE_TESTS_KIT_EXPRESSIONS_HPP

#include <dx.hpp>

namespace kit {

using perdure::Json;
using perdure::Milliseconds;

/// The scenario has something that this runner does not know.
struct Unknown : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// `return`: ends the program with a value. No `std::exception`, so that what handles failures lets it pass.
struct Return {
  Json value;
};

inline std::int64_t whole(const Json &json) { return json.as<std::int64_t>(); }
inline Milliseconds milliseconds(const Json &json) { return Milliseconds(whole(json)); }
inline bool is_true_value(const Json &json) { return json == Json(true); }

/// Throws what arrives as this failure.
[[noreturn]] inline void throw_failure(const Json &failure) {
  perdure::FaultOptions options;
  options.type = failure["type"].text();
  if (!failure["details"].is_null()) options.details = failure["details"];
  options.non_retryable = is_true_value(failure["nonRetryable"]);
  if (failure.contains("retryAfterMS")) options.retry_after = milliseconds(failure["retryAfterMS"]);
  perdure::Fault fault(failure["message"].text(), std::move(options));
  if (!failure["cause"].is_object()) throw fault;
  try {
    throw_failure(failure["cause"]);
  } catch (...) {
    std::throw_with_nested(fault);
  }
}

/// An error as `catch` names it; null for one that `catch` does not take.
inline Json described(const std::exception_ptr &error) {
  auto named = [](const std::string &type, const std::string &message, const std::optional<Json> &details,
                  bool is_final) {
    return Json::object("type", type, "message", message, "details", details.value_or(Json()), "nonRetryable",
                        is_final);
  };
  try {
    std::rethrow_exception(error);
  } catch (const perdure::WorkFailed &work) {
    auto &failure = work.failure();
    return named(failure.type, failure.message, failure.details, failure.non_retryable);
  } catch (const perdure::LimitExceeded &limit) {
    return named("perdure.LimitExceeded", limit.what(), std::nullopt, true);
  } catch (const perdure::Fault &fault) {
    auto &options = fault.options();
    return named(options.type, fault.what(), options.details, options.non_retryable);
  } catch (...) {
    return nullptr;
  }
}

/// An element or a member; null for none.
inline Json at(const Json &container, const Json &key) {
  return container.is_array() ? container[key.as<std::size_t>()] : container[key.text()];
}

/// Variables, and those of the scope around them.
class Scope {
 public:
  explicit Scope(std::shared_ptr<Scope> outer = nullptr) : outer_(std::move(outer)) {}

  /// Changes the variable where it is known, or makes it here.
  void set(const std::string &name, Json value) {
    Scope *known = find(name);
    (known ? known : this)->variables_.insert_or_assign(name, std::move(value));
  }
  /// Makes the variable here.
  void add(const std::string &name, Json value) { variables_.insert_or_assign(name, std::move(value)); }

  /// `name.member.0`; null for what is not there.
  Json get(const std::string &path) {
    std::size_t end = std::min(path.find('.'), path.size());
    Scope *known = find(path.substr(0, end));
    Json value = known ? known->variables_.at(path.substr(0, end)) : Json();
    while (end < path.size()) {
      std::size_t begin = end + 1;
      end = std::min(path.find('.', begin), path.size());
      std::string key = path.substr(begin, end - begin);
      value = at(value, value.is_array() ? Json::parse(key) : Json(key));
    }
    return value;
  }

 private:
  Scope *find(const std::string &name) {
    for (Scope *scope = this; scope != nullptr; scope = scope->outer_.get()) {
      if (scope->variables_.contains(name)) return scope;
    }
    return nullptr;
  }

  std::shared_ptr<Scope> outer_;
  std::map<std::string, Json> variables_;
};
using ScopePtr = std::shared_ptr<Scope>;

inline ScopePtr scope_in(const ScopePtr &outer) { return std::make_shared<Scope>(outer); }
inline ScopePtr scope_in(const ScopePtr &outer, const std::string &name, Json value) {
  auto scope = scope_in(outer);
  scope->add(name, std::move(value));
  return scope;
}

inline std::int64_t size_of(const Json &value) {
  if (!value.is_string()) return static_cast<std::int64_t>(value.size());
  // Characters, not bytes.
  return std::ranges::count_if(value.text(), [](char c) { return (c & 0xC0) != 0x80; });
}

inline Json add(const Json &numbers) {
  std::int64_t sum = 0;
  for (auto &each : numbers) sum += whole(each);
  return sum;
}

inline Json concat(const Json &parts) {
  std::string text;
  for (auto &part : parts) text += part.is_string() ? part.text() : std::to_string(whole(part));
  return text;
}

inline Json repeat(const Json &parts) {
  std::string text;
  for (std::int64_t count = whole(parts[1]); count > 0; count--) text += parts[0].text();
  return text;
}

inline Json append(const Json &parts) {
  Json list = parts[0];
  for (std::size_t index = 1; index < parts.size(); index++) list.push(parts[index]);
  return list;
}

/// What the languages of orchestrations and activities have in common.
class Program {
 public:
  virtual ~Program() = default;

  Json value(const Json &expression, const ScopePtr &scope) {
    if (expression.is_string()) {
      auto &text = expression.text();
      return text.starts_with('$') ? scope->get(text.substr(1)) : expression;
    }
    if (expression.is_array()) {
      Json::Array elements;
      for (auto &each : expression) elements.push_back(value(each, scope));
      return elements;
    }
    if (!expression.is_object()) return expression;
    if (expression.size() == 1 && expression.members()[0].first.starts_with('$')) {
      auto &[name, argument] = expression.members()[0];
      return name == "$literal" ? argument : function(name, value(argument, scope));
    }
    Json::Object members;
    for (auto &[key, each] : expression.members()) members.emplace_back(key, value(each, scope));
    return members;
  }

 protected:
  virtual Json function(const std::string &name, const Json &given) {
    if (name == "$add") return add(given);
    if (name == "$concat") return concat(given);
    if (name == "$repeat") return repeat(given);
    if (name == "$append") return append(given);
    if (name == "$at") return at(given[0], given[1]);
    if (name == "$size") return size_of(given);
    if (name == "$eq") return given[0] == given[1];
    if (name == "$lt") return whole(given[0]) < whole(given[1]);
    if (name == "$not") return !is_true_value(given);
    if (name == "$and") return std::ranges::all_of(given.elements(), is_true_value);
    throw Unknown("There is no expression '" + name + "'.");
  }

  /// Does `value`, `let`, `return` and `fail`; none if the step is something else.
  std::optional<Json> simple(const Json &step, const ScopePtr &scope) {
    if (step.contains("value")) return value(step["value"], scope);
    if (step.contains("let")) {
      Json made = value(step["be"], scope);
      scope->set(step["let"].text(), made);
      return made;
    }
    if (step.contains("return")) throw Return{value(step["return"], scope)};
    if (step.contains("fail")) throw_failure(value(step["fail"], scope));
    return std::nullopt;
  }

  /// The branch of an `if` that is to be done.
  const Json &chosen(const Json &step, const ScopePtr &scope) {
    return step[is_true_value(value(step["if"], scope)) ? "then" : "else"];
  }
};

}  // namespace kit

#endif  // PERDURE_TESTS_KIT_EXPRESSIONS_HPP
