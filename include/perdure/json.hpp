/// Values of JSON, for payloads whose shape the code does not know beforehand.
#ifndef PERDURE_JSON_HPP
#define PERDURE_JSON_HPP

#include <algorithm>
#include <concepts>
#include <cstdlib>
#include <variant>
#include <vector>

#include "scan.hpp"

namespace perdure {

/// A value of JSON. Integers of 64 bits and longer ones stay exact; members keep their order.
class Json {
 public:
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;

  Json() = default;
  Json(std::nullptr_t) {}
  template <std::same_as<bool> Bool>
  Json(Bool value) : value_(value) {}
  template <std::integral Integer>
    requires(!std::same_as<Integer, bool>)
  Json(Integer value) {
    if constexpr (std::is_signed_v<Integer>) {
      value_ = static_cast<std::int64_t>(value);
    } else if (value <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      value_ = static_cast<std::int64_t>(value);
    } else {
      value_ = static_cast<std::uint64_t>(value);
    }
  }
  template <std::floating_point Float>
  Json(Float value) : value_(static_cast<double>(value)) {}
  Json(const char *text) : value_(std::string(text)) {}
  Json(std::string text) : value_(std::move(text)) {}
  Json(std::string_view text) : value_(std::string(text)) {}
  Json(Array elements) : value_(std::move(elements)) {}
  Json(Object members) : value_(std::move(members)) {}

  /// `Json::array(1, "two", nullptr)`. (No braces: GCC 12 cannot compile them inside of coroutines.)
  template <class... Elements>
  static Json array(Elements &&...elements) {
    Array list;
    list.reserve(sizeof...(elements));
    (list.push_back(Json(std::forward<Elements>(elements))), ...);
    return Json(std::move(list));
  }
  /// `Json::object("item", "book", "price", 20)`: names and values in turn.
  template <class... Members>
  static Json object(Members &&...members) {
    static_assert(sizeof...(members) % 2 == 0, "Give names and values in turn.");
    Json made{Object()};
    made.set_all(std::forward<Members>(members)...);
    return made;
  }
  /// Strict JSON. Throws InvalidArgument, with the place, for anything else: also for a member that comes
  /// twice, more than 512 levels, NUL, half surrogate pairs and text that is not UTF-8.
  static Json parse(std::string_view text);
  /// What `to_json`, `fields` or a `Codec` make of any value (convert.hpp).
  template <class T>
  static Json of(const T &value);

  /// As text without white space. Throws InvalidArgument for what JSON cannot hold: NaN, infinities, text
  /// that is not UTF-8 or has a NUL, more than 512 levels.
  std::string dump() const;

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  bool is_bool() const { return std::holds_alternative<bool>(value_); }
  bool is_string() const { return std::holds_alternative<std::string>(value_); }
  bool is_array() const { return std::holds_alternative<Array>(value_); }
  bool is_object() const { return std::holds_alternative<Object>(value_); }
  bool is_number() const { return !is_null() && !is_bool() && !is_string() && !is_array() && !is_object(); }
  /// Of the value, for messages: "an integer", "an object".
  const char *kind() const {
    static constexpr const char *names[] = {"null",     "a boolean", "an integer", "an integer", "a number",
                                            "a number", "a string",  "an array",   "an object"};
    return names[value_.index()];
  }

  /// As another type (convert.hpp). Throws InvalidArgument, with the path to what does not fit.
  template <class T>
  T as() const;

  /// Of an array or object; 0 for everything else.
  std::size_t size() const {
    if (auto *elements = std::get_if<Array>(&value_)) return elements->size();
    if (auto *members = std::get_if<Object>(&value_)) return members->size();
    return 0;
  }
  bool empty() const { return size() == 0; }
  /// The elements; none if it is no array.
  const Array &elements() const {
    static const Array none;
    auto *found = std::get_if<Array>(&value_);
    return found ? *found : none;
  }
  /// The members, in their order; none if it is no object.
  const Object &members() const {
    static const Object none;
    auto *found = std::get_if<Object>(&value_);
    return found ? *found : none;
  }
  /// The text of a string; empty if it is none.
  const std::string &text() const {
    static const std::string none;
    auto *found = std::get_if<std::string>(&value_);
    return found ? *found : none;
  }
  auto begin() const { return elements().begin(); }
  auto end() const { return elements().end(); }

  /// The member of that name; null if there is none.
  const Json *find(std::string_view name) const {
    for (auto &[key, value] : members()) {
      if (key == name) return &value;
    }
    return nullptr;
  }
  bool contains(std::string_view name) const { return find(name) != nullptr; }
  /// The member of that name, or null.
  const Json &operator[](std::string_view name) const {
    static const Json none;
    auto *found = find(name);
    return found ? *found : none;
  }
  /// The element, or null beyond the last.
  const Json &operator[](std::size_t index) const {
    static const Json none;
    return index < elements().size() ? elements()[index] : none;
  }
  const Json &operator[](const char *name) const { return (*this)[std::string_view(name)]; }
  const Json &operator[](int index) const { return (*this)[static_cast<std::size_t>(index)]; }
  /// Sets a member; null becomes an object. Throws InvalidArgument for a value of another kind.
  Json &set(std::string_view name, Json value) {
    if (is_null()) value_ = Object();
    auto *members = std::get_if<Object>(&value_);
    if (members == nullptr) throw InvalidArgument(std::string("A member of ") + kind() + " cannot be set.");
    for (auto &[key, old] : *members) {
      if (key == name) {
        old = std::move(value);
        return *this;
      }
    }
    members->emplace_back(std::string(name), std::move(value));
    return *this;
  }
  /// Adds an element; null becomes an array. Throws InvalidArgument for a value of another kind.
  Json &push(Json value) {
    if (is_null()) value_ = Array();
    auto *elements = std::get_if<Array>(&value_);
    if (elements == nullptr) throw InvalidArgument(std::string("Nothing can be added to ") + kind() + ".");
    elements->push_back(std::move(value));
    return *this;
  }

  /// Numbers are equal by value (1 and 1.0 are), objects in any order of their members.
  friend bool operator==(const Json &one, const Json &other) { return one.equals(other); }

 private:
  /// A number that neither 64 bits nor a double hold: its digits.
  struct Digits {
    std::string text;
  };
  using Value = std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, Digits, std::string,
                             Array, Object>;

  void set_all() {}
  template <class Value, class... Rest>
  void set_all(std::string_view name, Value &&value, Rest &&...rest) {
    set(name, Json(std::forward<Value>(value)));
    set_all(std::forward<Rest>(rest)...);
  }
  bool equals(const Json &other) const;
  void write(std::string &out, int level) const;
  static Json read(detail::Scanner &scanner, int level);
  static Json read_object(detail::Scanner &scanner, int level);
  static Json read_word(detail::Scanner &scanner);
  friend struct JsonAccess;

  Value value_;
};

/// For conversions: the number inside, and the text with errors that can still be placed.
struct JsonAccess {
  static std::optional<std::int64_t> signed_integer(const Json &json) {
    if (auto *found = std::get_if<std::int64_t>(&json.value_)) return *found;
    if (auto *found = std::get_if<double>(&json.value_)) {
      constexpr double most = 9007199254740992.0;  // Beyond 2^53 a double may stand for several integers.
      if (*found >= -most && *found <= most &&
          *found == static_cast<double>(static_cast<std::int64_t>(*found))) {
        return static_cast<std::int64_t>(*found);
      }
    }
    return std::nullopt;
  }
  static std::optional<std::uint64_t> unsigned_integer(const Json &json) {
    if (auto *found = std::get_if<std::uint64_t>(&json.value_)) return *found;
    auto found = signed_integer(json);
    if (found && *found >= 0) return static_cast<std::uint64_t>(*found);
    return std::nullopt;
  }
  static std::optional<double> number(const Json &json) {
    if (auto *found = std::get_if<double>(&json.value_)) return *found;
    if (auto *found = std::get_if<std::int64_t>(&json.value_)) return static_cast<double>(*found);
    if (auto *found = std::get_if<std::uint64_t>(&json.value_)) return static_cast<double>(*found);
    if (auto *found = std::get_if<Json::Digits>(&json.value_)) {
      double value = std::strtod(found->text.c_str(), nullptr);
      if (value - value == 0) return value;
    }
    return std::nullopt;
  }
  static std::optional<bool> boolean(const Json &json) {
    auto *found = std::get_if<bool>(&json.value_);
    return found ? std::optional(*found) : std::nullopt;
  }
  static void write(const Json &json, std::string &out) { json.write(out, 0); }
  static Json read(std::string_view text) {
    detail::Scanner scanner(text);
    Json json = Json::read(scanner, 0);
    scanner.end();
    return json;
  }
};

inline Json Json::parse(std::string_view text) {
  try {
    return JsonAccess::read(text);
  } catch (const detail::Misfit &misfit) {
    throw InvalidArgument(misfit.sentence("The text"));
  }
}

inline std::string Json::dump() const {
  std::string out;
  try {
    write(out, 0);
  } catch (const detail::Misfit &misfit) {
    throw InvalidArgument(misfit.sentence("The value"));
  }
  return out;
}

inline Json Json::read(detail::Scanner &scanner, int level) {
  char next = scanner.peek();
  if (next == '"') return Json(scanner.string());
  if (next != '{' && next != '[') return read_word(scanner);
  if (level >= detail::deepest) scanner.fail("more than 512 levels");
  if (next == '{') return read_object(scanner, level + 1);
  Array elements;
  scanner.array([&] { elements.push_back(read(scanner, level + 1)); });
  return Json(std::move(elements));
}

inline Json Json::read_object(detail::Scanner &scanner, int level) {
  Object members;
  scanner.object([&](std::string_view name) {
    std::string key(name);
    members.emplace_back(std::move(key), read(scanner, level));
  });
  std::vector<std::string_view> names;
  names.reserve(members.size());
  for (auto &member : members) names.push_back(member.first);
  std::sort(names.begin(), names.end());
  auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end())
    scanner.fail("the member '" + std::string(*twice) + "' comes twice, in an object that ends");
  return Json(std::move(members));
}

namespace detail {

/// Whether it is a number as JSON writes them: no sign "+", no leading zeros, digits around a point.
inline bool is_number(std::string_view text) {
  std::size_t at = 0;
  auto digits = [&] {
    std::size_t begin = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') at++;
    return at - begin;
  };
  auto is = [&](char c) { return at < text.size() && text[at] == c; };
  if (is('-')) at++;
  bool zero = is('0');
  std::size_t whole = digits();
  if (whole == 0 || (zero && whole > 1)) return false;
  if (is('.') && (at++, digits() == 0)) return false;
  if (is('e') || is('E')) {
    at++;
    if (is('+') || is('-')) at++;
    if (digits() == 0) return false;
  }
  return at == text.size();
}

}  // namespace detail

inline Json Json::read_word(detail::Scanner &scanner) {
  std::string_view word = scanner.word();
  if (word == "null") return Json();
  if (word == "true") return Json(true);
  if (word == "false") return Json(false);
  if (!detail::is_number(word))
    scanner.fail("a value was expected, not '" + std::string(word.substr(0, 20)) + "',");
  const char *begin = word.data(), *end = begin + word.size();
  Json json;
  if (word.find_first_of(".eE") == std::string_view::npos) {
    std::int64_t number = 0;
    if (std::from_chars(begin, end, number).ec == std::errc()) return Json(number);
    std::uint64_t larger = 0;
    if (word[0] != '-' && std::from_chars(begin, end, larger).ec == std::errc()) return Json(larger);
  } else {
    double number = 0;
    if (std::from_chars(begin, end, number).ec == std::errc()) return Json(number);
  }
  json.value_ = Digits{std::string(word)};
  return json;
}

inline void Json::write(std::string &out, int level) const {
  if (auto *text = std::get_if<std::string>(&value_)) return detail::append_quoted(out, *text);
  if (auto *number = std::get_if<std::int64_t>(&value_)) return detail::append_integer(out, *number);
  if (auto *number = std::get_if<std::uint64_t>(&value_)) return detail::append_integer(out, *number);
  if (auto *number = std::get_if<double>(&value_)) return detail::append_double(out, *number);
  if (auto *digits = std::get_if<Digits>(&value_)) return void(out += digits->text);
  if (auto *boolean = std::get_if<bool>(&value_)) return void(out += *boolean ? "true" : "false");
  if (is_null()) return void(out += "null");
  if (level >= detail::deepest) throw detail::Misfit{{}, "is nested more than 512 levels deep"};
  bool first = true;
  if (auto *list = std::get_if<Array>(&value_)) {
    out += '[';
    for (std::size_t at = 0; at < list->size(); at++) {
      if (at > 0) out += ',';
      detail::under([&] { return "[" + std::to_string(at) + "]"; },
                    [&] { (*list)[at].write(out, level + 1); });
    }
    out += ']';
    return;
  }
  out += '{';
  for (auto &[name, value] : members()) {
    if (!std::exchange(first, false)) out += ',';
    detail::append_quoted(out, name);
    out += ':';
    detail::under([&] { return "." + name; }, [&] { value.write(out, level + 1); });
  }
  out += '}';
}

inline bool Json::equals(const Json &other) const {
  if (is_number() && other.is_number()) {
    auto one = JsonAccess::signed_integer(*this), two = JsonAccess::signed_integer(other);
    if (one || two) return one == two;
    auto large = JsonAccess::unsigned_integer(*this), larger = JsonAccess::unsigned_integer(other);
    if (large || larger) return large == larger;
    auto *digits = std::get_if<Digits>(&value_), *others = std::get_if<Digits>(&other.value_);
    if (digits || others) return digits && others && digits->text == others->text;
    return JsonAccess::number(*this) == JsonAccess::number(other);
  }
  if (value_.index() != other.value_.index()) return false;
  if (is_string()) return text() == other.text();
  if (is_bool()) return JsonAccess::boolean(*this) == JsonAccess::boolean(other);
  if (is_array()) return elements() == other.elements();
  if (size() != other.size()) return false;
  for (auto &[name, value] : members()) {
    auto *found = other.find(name);
    if (found == nullptr || !(*found == value)) return false;
  }
  return true;
}

}  // namespace perdure

#endif  // PERDURE_JSON_HPP
