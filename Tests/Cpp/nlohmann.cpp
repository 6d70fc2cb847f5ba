/// Another JSON library through `perdure::Codec`: nlohmann-json's values, and its own macro for structs.
#include <nlohmann/json.hpp>

#include "check.hpp"
#include "perdure/options.hpp"

namespace shop {
struct Point {
  int x = 0, y = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(Point, x, y)
};
}  // namespace shop

template <>
struct perdure::Codec<nlohmann::json> {
  static std::string write(const nlohmann::json &value) { return value.dump(); }
  static nlohmann::json read(std::string_view text) { return nlohmann::json::parse(text); }
};

/// All types that nlohmann-json can convert, and this header cannot by itself.
template <class T>
  requires std::same_as<T, shop::Point>
struct perdure::Codec<T> {
  static std::string write(const T &value) { return nlohmann::json(value).dump(); }
  static T read(std::string_view text) { return nlohmann::json::parse(text).get<T>(); }
};

int main() {
  using perdure::detail::decode;
  using perdure::detail::encode;
  test("a value of nlohmann-json is a payload", [] {
    nlohmann::json value = {{"a", {1, 2.5, nullptr}}};
    same(encode(value, "it"), "{\"a\":[1,2.5,null]}");
    is_true(decode<nlohmann::json>(encode(value, "it"), "it") == value, "it is another");
    is_true(decode<nlohmann::json>("", "it").is_null(), "no text is not null");
  });
  test("inside of containers, too, and for structs that it converts", [] {
    std::map<std::string, std::vector<shop::Point>> points{{"p", {{1, 2}, {3, 4}}}};
    std::string text = encode(points, "it");
    same(text, "{\"p\":[{\"x\":1,\"y\":2},{\"x\":3,\"y\":4}]}");
    is_true(decode<decltype(points)>(text, "it")["p"][1].y == 4, "it is another");
  });
  test("what it throws is an InvalidArgument with its place", [] {
    contains(thrown<perdure::InvalidArgument>(
                 [] { decode<std::vector<shop::Point>>("[{\"x\":1}]", "The input"); }),
             "The input at [0] cannot be converted:");
    contains(thrown<perdure::InvalidArgument>([] { encode(nlohmann::json("\xFF"), "The input"); }), "UTF-8");
  });
  return finish();
}
