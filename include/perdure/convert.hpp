/// C++ values to JSON and back: booleans, integers (with range checks), double, std::string, optional, pair,
/// tuple, vector, array, deque, list, set, map, unordered_map, `Json`, and your own types by one of these:
///
/// - Structs: a static member that visits the fields,
///
///       struct Order {
///         std::string item;
///         double patience = 60;
///         static void fields(auto &order, auto visit) {
///           visit("item", order.item);               // must be there, unless it is a std::optional
///           visit("patience", order.patience, 60.0);  // 60 if it is absent
///         }
///       };
///
/// - Enums: `constexpr auto perdure_names(Color) { return std::array{std::pair{Color::red, "red"}, ...}; }`
/// - Anything: functions beside the type, `void to_json(perdure::Json &json, const T &value)` and
///   `void from_json(const perdure::Json &json, T &value)`.
/// - Types of other JSON libraries: a specialisation of `perdure::Codec`.
#ifndef PERDURE_CONVERT_HPP
#define PERDURE_CONVERT_HPP

#include <array>
#include <map>
#include <ranges>
#include <tuple>
#include <unordered_map>

#include "json.hpp"

namespace perdure {

/// Specialise it for a type whose text is made and read elsewhere:
///
///     template <> struct perdure::Codec<nlohmann::json> {
///       static std::string write(const nlohmann::json &value) { return value.dump(); }
///       static nlohmann::json read(std::string_view text) { return nlohmann::json::parse(text); }
///     };
///
/// What it throws becomes an InvalidArgument.
template <class T>
struct Codec {};

namespace detail {

template <class T>
concept HasCodec = requires(const T &value, std::string_view text) {
  { Codec<T>::write(value) } -> std::convertible_to<std::string>;
  { Codec<T>::read(text) } -> std::convertible_to<T>;
};
template <class T>
concept HasToJson = requires(Json &json, const T &value) { to_json(json, value); };
template <class T>
concept HasFromJson = requires(const Json &json, T &value) { from_json(json, value); };
template <class T>
concept HasNames = std::is_enum_v<T> && requires(T value) { perdure_names(value).size(); };
template <class T>
concept Number =
    std::floating_point<T> ||
    (std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char> && !std::same_as<T, wchar_t> &&
     !std::same_as<T, char8_t> && !std::same_as<T, char16_t> && !std::same_as<T, char32_t>);
template <class T>
concept Text = std::convertible_to<const T &, std::string_view> && !std::same_as<T, std::nullptr_t>;
template <class T>
concept Unordered = requires { typename T::hasher; };
template <class T>
concept Map = requires {
  typename T::key_type;
  typename T::mapped_type;
} && Text<typename T::key_type>;
template <class T>
concept Sequence = std::ranges::input_range<T> && !Map<T> && !Text<T> && !Unordered<T>;

struct Ignored {
  template <class... Rest>
  void operator()(std::string_view, const auto &, const Rest &...) const {}
};
template <class T>
concept HasFields = std::is_class_v<T> && requires(T &value) { T::fields(value, Ignored()); };

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <class T>
struct IsTuple : std::false_type {};
template <class... T>
struct IsTuple<std::tuple<T...>> : std::true_type {};
template <class A, class B>
struct IsTuple<std::pair<A, B>> : std::true_type {};
template <class T>
struct IsArray : std::false_type {};
template <class T, std::size_t N>
struct IsArray<std::array<T, N>> : std::true_type {};
template <class>
inline constexpr bool never = false;

template <class T>
Json make_json(const T &value);
template <class T>
T make_value(const Json &json);

/// What a foreign codec throws, as ours.
template <class Body>
auto foreign(Body &&body) {
  try {
    return body();
  } catch (const Misfit &) {
    throw;
  } catch (const std::exception &error) {
    throw Misfit{{}, std::string("cannot be converted: ") + error.what()};
  }
}

struct FieldWriter {
  Json::Object *members;

  template <class T, class... Default>
  void operator()(std::string_view name, const T &field, const Default &...) const {
    if constexpr (IsOptional<T>::value) {
      if (!field) return;
    }
    under([&] { return "." + std::string(name); },
          [&] { members->emplace_back(std::string(name), make_json(field)); });
  }
};

struct FieldReader {
  const Json *json;

  template <class T>
  void operator()(std::string_view name, T &field) const {
    auto *found = json->find(name);
    if constexpr (!IsOptional<T>::value) {
      if (found == nullptr) throw Misfit{"." + std::string(name), "is missing"};
    }
    if (found != nullptr) {
      under([&] { return "." + std::string(name); }, [&] { field = make_value<T>(*found); });
    }
  }
  template <class T, class Default>
  void operator()(std::string_view name, T &field, const Default &absent) const {
    if (json->contains(name)) {
      (*this)(name, field);
    } else {
      field = T(absent);
    }
  }
};

template <class T>
Json make_enum_name(T value) {
  for (auto &[each, name] : perdure_names(value)) {
    if (each == value) return Json(std::string_view(name));
  }
  throw Misfit{{}, "is " + std::to_string(static_cast<long long>(value)) + ", which has no name"};
}

template <class T>
Json make_map(const T &map) {
  Json::Object members;
  for (auto &[key, value] : map) {
    std::string name{std::string_view(key)};
    auto step = [&] { return "." + name; };
    Json made = under(step, [&] { return make_json(value); });
    members.emplace_back(name, std::move(made));
  }
  // The order of a hash table differs from run to run, and an input must not.
  if constexpr (Unordered<T>) {
    std::sort(members.begin(), members.end(), [](auto &one, auto &two) { return one.first < two.first; });
  }
  return Json(std::move(members));
}

template <class T>
Json make_sequence(const T &sequence) {
  Json::Array elements;
  for (const auto &each : sequence) {
    auto step = [&] { return "[" + std::to_string(elements.size()) + "]"; };
    // std::vector<bool> has elements of a type of its own.
    elements.push_back(under(step, [&] { return make_json<std::ranges::range_value_t<T>>(each); }));
  }
  return Json(std::move(elements));
}

template <class T>
Json make_json(const T &value) {
  if constexpr (std::same_as<T, Json>) {
    return value;
  } else if constexpr (HasCodec<T>) {
    return JsonAccess::read(foreign([&] { return std::string(Codec<T>::write(value)); }));
  } else if constexpr (HasToJson<T>) {
    Json json;
    to_json(json, value);
    return json;
  } else if constexpr (HasFields<T>) {
    Json::Object members;
    T::fields(value, FieldWriter{&members});
    return Json(std::move(members));
  } else if constexpr (HasNames<T>) {
    return make_enum_name(value);
  } else if constexpr (std::same_as<T, std::nullptr_t> || std::same_as<T, std::monostate>) {
    return Json();
  } else if constexpr (std::same_as<T, bool> || Number<T>) {
    return Json(value);
  } else if constexpr (Text<T>) {
    return Json(std::string_view(value));
  } else if constexpr (IsOptional<T>::value) {
    return value ? make_json(*value) : Json();
  } else if constexpr (IsTuple<T>::value) {
    return std::apply([](const auto &...each) { return Json(Json::Array{make_json(each)...}); }, value);
  } else if constexpr (Map<T>) {
    return make_map(value);
  } else if constexpr (Sequence<T>) {
    return make_sequence(value);
  } else {
    static_assert(never<T>,
                  "This type has no JSON: give it `fields`, `to_json`, `perdure_names` or a Codec.");
  }
}

[[noreturn]] inline void wrong_kind(const char *wanted, const Json &json) {
  throw Misfit{{}, std::string("must be ") + wanted + ", not " + json.kind()};
}

template <class T>
T make_number(const Json &json) {
  if (!json.is_number()) wrong_kind(std::floating_point<T> ? "a number" : "an integer", json);
  if constexpr (std::floating_point<T>) {
    auto found = JsonAccess::number(json);
    if (!found) throw Misfit{{}, "is " + json.dump() + ", which is too large for a double"};
    return static_cast<T>(*found);
  } else {
    if (auto found = JsonAccess::signed_integer(json); found && std::in_range<T>(*found)) {
      return static_cast<T>(*found);
    }
    if (auto found = JsonAccess::unsigned_integer(json); found && std::in_range<T>(*found)) {
      return static_cast<T>(*found);
    }
    throw Misfit{{},
                 "must be an integer from " + std::to_string(std::numeric_limits<T>::min()) + " to " +
                     std::to_string(std::numeric_limits<T>::max()) + ", not " + json.dump()};
  }
}

template <class T>
T make_enum(const Json &json) {
  std::string known;
  for (auto &[each, name] : perdure_names(T())) {
    if (json.is_string() && json.text() == name) return each;
    known += (known.empty() ? "" : ", ") + std::string(name);
  }
  throw Misfit{{}, "must be one of " + known + ", not " + (json.is_string() ? json.text() : json.kind())};
}

template <class T>
T make_map_value(const Json &json) {
  if (!json.is_object()) wrong_kind("an object", json);
  T map;
  for (auto &[name, value] : json.members()) {
    auto step = [&, &key = name] { return "." + key; };
    map.emplace(name, under(step, [&, &item = value] { return make_value<typename T::mapped_type>(item); }));
  }
  return map;
}

template <class T>
T make_sequence_value(const Json &json) {
  if (!json.is_array()) wrong_kind("an array", json);
  T sequence{};
  std::size_t at = 0;
  if constexpr (IsArray<T>::value) {
    if (json.size() != sequence.size()) {
      throw Misfit{
          {},
          "must have " + std::to_string(sequence.size()) + " elements, not " + std::to_string(json.size())};
    }
  }
  for (auto &each : json.elements()) {
    auto step = [&] { return "[" + std::to_string(at) + "]"; };
    auto value = under(step, [&] { return make_value<std::ranges::range_value_t<T>>(each); });
    if constexpr (IsArray<T>::value) {
      sequence[at] = std::move(value);
    } else {
      sequence.insert(sequence.end(), std::move(value));
    }
    at++;
  }
  return sequence;
}

template <class T, std::size_t... At>
T make_tuple_value(const Json &json, std::index_sequence<At...>) {
  if (!json.is_array()) wrong_kind("an array", json);
  if (json.size() != sizeof...(At)) {
    throw Misfit{
        {}, "must have " + std::to_string(sizeof...(At)) + " elements, not " + std::to_string(json.size())};
  }
  return T{under([] { return "[" + std::to_string(At) + "]"; },
                 [&] { return make_value<std::tuple_element_t<At, T>>(json[At]); })...};
}

template <class T>
T make_value(const Json &json) {
  if constexpr (std::same_as<T, Json>) {
    return json;
  } else if constexpr (HasCodec<T>) {
    std::string text;
    JsonAccess::write(json, text);
    return foreign([&] { return T(Codec<T>::read(text)); });
  } else if constexpr (HasFromJson<T>) {
    T value{};
    from_json(json, value);
    return value;
  } else if constexpr (HasFields<T>) {
    if (!json.is_object()) wrong_kind("an object", json);
    T value{};
    T::fields(value, FieldReader{&json});
    return value;
  } else if constexpr (HasNames<T>) {
    return make_enum<T>(json);
  } else if constexpr (std::same_as<T, std::nullptr_t> || std::same_as<T, std::monostate>) {
    return T();
  } else if constexpr (std::same_as<T, bool>) {
    if (!json.is_bool()) wrong_kind("a boolean", json);
    return *JsonAccess::boolean(json);
  } else if constexpr (Number<T>) {
    return make_number<T>(json);
  } else if constexpr (std::same_as<T, std::string>) {
    if (!json.is_string()) wrong_kind("a string", json);
    return json.text();
  } else if constexpr (IsOptional<T>::value) {
    if (json.is_null()) return std::nullopt;
    return make_value<typename T::value_type>(json);
  } else if constexpr (IsTuple<T>::value) {
    return make_tuple_value<T>(json, std::make_index_sequence<std::tuple_size_v<T>>());
  } else if constexpr (Map<T>) {
    return make_map_value<T>(json);
  } else if constexpr (Sequence<T>) {
    return make_sequence_value<T>(json);
  } else {
    static_assert(never<T>,
                  "This type has no JSON: give it `fields`, `from_json`, `perdure_names` or a Codec.");
  }
}

/// Appends the JSON text of a value. `what` names it in errors: "The input of activity 'charge'". Throws
/// InvalidArgument with the path to the part that JSON or the store cannot hold.
template <class T>
void encode_to(std::string &out, const T &value, std::string_view what) {
  try {
    if constexpr (Text<T> && !HasCodec<T> && !HasToJson<T> && !HasFields<T>) {
      append_quoted(out, std::string_view(value));
    } else if constexpr (std::same_as<T, bool>) {
      out += value ? "true" : "false";
    } else if constexpr (Number<T> && std::integral<T>) {
      append_integer(out, value);
    } else if constexpr (std::same_as<T, Json>) {
      JsonAccess::write(value, out);
    } else {
      JsonAccess::write(make_json(value), out);
    }
  } catch (const Misfit &misfit) {
    throw InvalidArgument(misfit.sentence(what));
  }
}

template <class T>
std::string encode(const T &value, std::string_view what) {
  std::string out;
  encode_to(out, value, what);
  return out;
}

/// A value of JSON text; empty text is null. Throws InvalidArgument, with the path to what does not fit.
template <class T>
T decode(std::string_view text, std::string_view what) {
  try {
    if constexpr (HasCodec<T>) {
      return foreign([&] { return T(Codec<T>::read(text.empty() ? "null" : text)); });
    } else {
      return make_value<T>(text.empty() ? Json() : JsonAccess::read(text));
    }
  } catch (const Misfit &misfit) {
    throw InvalidArgument(misfit.sentence(what));
  }
}

}  // namespace detail

template <class T>
Json Json::of(const T &value) {
  try {
    return detail::make_json(value);
  } catch (const detail::Misfit &misfit) {
    throw InvalidArgument(misfit.sentence("The value"));
  }
}

template <class T>
T Json::as() const {
  try {
    return detail::make_value<T>(*this);
  } catch (const detail::Misfit &misfit) {
    throw InvalidArgument(misfit.sentence("The value"));
  }
}

}  // namespace perdure

#endif  // PERDURE_CONVERT_HPP
