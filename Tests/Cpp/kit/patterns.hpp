/// The patterns of the conformance kit (docs/kit.md).
#ifndef PERDURE_TESTS_KIT_PATTERNS_HPP
#define PERDURE_TESTS_KIT_PATTERNS_HPP

#include "expressions.hpp"

namespace kit {

/// What `$same` and `$other` have compared, and the comparing.
class Patterns {
 public:
  bool match(const Json &pattern, const Json &found) {
    if (pattern.is_array()) {
      if (!found.is_array() || found.size() != pattern.size()) return false;
      for (std::size_t index = 0; index < pattern.size(); index++) {
        if (!match(pattern[index], found[index])) return false;
      }
      return true;
    }
    if (!pattern.is_object()) return pattern == found;
    if (pattern.size() == 1 && pattern.members()[0].first.starts_with('$')) {
      return special(pattern.members()[0].first, pattern.members()[0].second, found);
    }
    return found.is_object() && found.size() == pattern.size() && has(pattern, found);
  }

 private:
  bool has(const Json &patterns, const Json &found) {
    return std::ranges::all_of(patterns.members(), [&](auto &each) {
      return found.contains(each.first) && match(each.second, found[each.first]);
    });
  }

  bool special(const std::string &name, const Json &argument, const Json &found) {
    if (name == "$any") return !found.is_null();
    if (name == "$has") return found.is_object() && has(argument, found);
    if (name == "$contains")
      return found.is_string() && found.text().find(argument.text()) != std::string::npos;
    if (name == "$oneOf") {
      return std::ranges::any_of(argument.elements(), [&](auto &each) { return match(each, found); });
    }
    if (name == "$same")
      return !found.is_null() && known_.try_emplace(argument.text(), found).first->second == found;
    if (name == "$other") {
      auto known = known_.find(argument.text());
      return !found.is_null() && (known == known_.end() || !(known->second == found));
    }
    throw Unknown("There is no pattern '" + name + "'.");
  }

  std::map<std::string, Json> known_;
};

}  // namespace kit

#endif  // PERDURE_TESTS_KIT_PATTERNS_HPP
