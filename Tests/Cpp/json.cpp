/// The pure parts: values of JSON, conversions, failures, options. Needs no library.
#include <cmath>
#include <deque>
#include <set>

#include "check.hpp"
#include "perdure/options.hpp"

using perdure::InvalidArgument;
using perdure::Json;

namespace shop {

enum class Color { red, green };
constexpr auto perdure_names(Color) {
  return std::array{std::pair{Color::red, "red"}, std::pair{Color::green, "green"}};
}

struct Line {
  std::string item;
  std::uint8_t count = 0;
  std::optional<Color> color;
  double weight = 1;
  static void fields(auto &line, auto visit) {
    visit("item", line.item);
    visit("count", line.count);
    visit("color", line.color);
    visit("weight", line.weight, 1.0);
  }
};

/// Converted by functions beside it.
struct Money {
  std::int64_t cents = 0;
};
void to_json(Json &json, const Money &money) { json = Json(std::to_string(money.cents) + " ct"); }
void from_json(const Json &json, Money &money) { money.cents = std::stoll(json.as<std::string>()); }

struct Declined : perdure::Fault {
  using Fault::Fault;
};

}  // namespace shop

namespace {

template <class T>
void there_and_back(const T &value, const std::string &text) {
  same(perdure::detail::encode(value, "it"), text, "the text");
  same(perdure::detail::decode<T>(text, "it"), value, "the value");
}

template <class T>
std::string refused(const std::string &text) {
  return thrown<InvalidArgument>([&] { perdure::detail::decode<T>(text, "The input"); });
}

std::string nested(int levels) {
  return std::string(static_cast<std::size_t>(levels), '[') +
         std::string(static_cast<std::size_t>(levels), ']');
}

void values() {
  test("texts that are JSON come out as they went in", [] {
    for (std::string text :
         {"null", "true", "[]", "{}", "[1,[2,{}]]", "\"\"", "1.5", "-1", "9223372036854775807",
          "-9223372036854775808", "18446744073709551615", "123456789012345678901234567890", "1e999",
          "{\"b\":1,\"a\":2}", "\"\\\"\\\\\\n\\r\\t\\u0001\"", "\"\xC3\xA9\xF0\x9F\x98\x80\""}) {
      same(Json::parse(text).dump(), text);
    }
  });
  test("escapes and white space are read", [] {
    same(Json::parse(" { \"a\" : [ 1 , 2 ] } ").dump(), "{\"a\":[1,2]}");
    same(Json::parse("\"\\u00e9\\ud83d\\ude00\\/\\b\\f\"").text(), "\xC3\xA9\xF0\x9F\x98\x80/\b\f");
  });
  test("texts that are no JSON are refused", [] {
    for (std::string text : {"",
                             " ",
                             "nul",
                             "01",
                             "1.",
                             ".5",
                             "+1",
                             "1e",
                             "--1",
                             "0x1",
                             "NaN",
                             "Infinity",
                             "[1,]",
                             "[1",
                             "{\"a\"}",
                             "{\"a\":1,}",
                             "{a:1}",
                             "'a'",
                             "\"a",
                             "\"\\x\"",
                             "\"\\ud800\"",
                             "\"\\ud800\\u0041\"",
                             "\"\\udc00\"",
                             "\"\\u0000\"",
                             "\"\\u12\"",
                             "\"\t\"",
                             "1 2",
                             "[]]",
                             "{\"a\":1,\"a\":2}",
                             "\"\xFF\"",
                             "\"\xC0\x80\"",
                             "\"\xED\xA0\x80\"",
                             "\"\xF4\x90\x80\x80\"",
                             "\"\xE2\x82\"",
                             "]",
                             "[,1]",
                             "{\"a\" 1}",
                             "true false"}) {
      try {
        Json::parse(text);
      } catch (const InvalidArgument &) {
        continue;
      }
      throw Broken("'" + text + "' was taken");
    }
  });
  test("512 levels are taken, 513 are not, and a million neither", [] {
    same(Json::parse(nested(512)).dump(), nested(512));
    contains(thrown<InvalidArgument>([] { Json::parse(nested(513)); }), "512");
    contains(thrown<InvalidArgument>([] { Json::parse(std::string(1'000'000, '[')); }), "512");
    Json deep;
    for (int at = 0; at < 513; at++) deep = Json::array(std::move(deep));
    contains(thrown<InvalidArgument>([&] { static_cast<void>(deep.dump()); }), "512");
  });
  test("what JSON cannot hold is refused with its place", [] {
    auto message = [](const Json &json) {
      return thrown<InvalidArgument>([&] { static_cast<void>(json.dump()); });
    };
    contains(message(Json::object("a", Json::array(1, std::nan("")))), "at a[1] is NaN");
    contains(message(Json(1 / std::numeric_limits<double>::denorm_min())), "infinite");
    contains(message(Json(std::string("a\0b", 3))), "NUL at byte 1");
    contains(message(Json("\xC3")), "not UTF-8");
  });
  test("numbers are equal by value, objects in any order", [] {
    is_true(Json::parse("1.0") == Json(1), "1.0 is not 1");
    is_true(Json::parse("[1,2]") != Json::parse("[2,1]"), "the order of elements does not count");
    is_true(Json::parse("{\"a\":1,\"b\":2}") == Json::parse("{\"b\":2,\"a\":1.0}"),
            "the order of members counts");
    is_true(Json::parse("9223372036854775807") != Json::parse("9223372036854775806"),
            "large numbers are equal");
  });
}

void conversions() {
  test("C++ values there and back", [] {
    there_and_back(true, "true");
    there_and_back(std::int8_t(-128), "-128");
    there_and_back(std::numeric_limits<std::uint64_t>::max(), "18446744073709551615");
    there_and_back(0.1, "0.1");
    there_and_back(std::string("\xC3\xA9\n"), "\"\xC3\xA9\\n\"");
    there_and_back(std::optional<int>(), "null");
    there_and_back(std::vector<bool>{true, false}, "[true,false]");
    there_and_back(std::deque<std::optional<int>>{1, std::nullopt}, "[1,null]");
    there_and_back(std::array<int, 2>{1, 2}, "[1,2]");
    there_and_back(std::set<int>{2, 1}, "[1,2]");
    there_and_back(std::tuple(1, std::string("a"), std::pair(true, 2.5)), "[1,\"a\",[true,2.5]]");
    there_and_back(std::map<std::string, std::vector<int>>{{"a", {1}}, {"b", {}}}, "{\"a\":[1],\"b\":[]}");
    there_and_back(std::unordered_map<std::string, int>{{"b", 1}, {"a", 2}}, "{\"a\":2,\"b\":1}");
    there_and_back(shop::Line{"book", 255, shop::Color::green, 2},
                   "{\"item\":\"book\",\"count\":255,\"color\":\"green\",\"weight\":2}");
    there_and_back(shop::Money{150}, "\"150 ct\"");
  });
  test("absent members take their default", [] {
    auto line = perdure::detail::decode<shop::Line>("{\"item\":\"a\",\"count\":1,\"unknown\":[]}", "it");
    is_true(!line.color && line.weight == 1, "they do not");
  });
  test("integers are checked for their range, and 1.0 is one", [] {
    same(perdure::detail::decode<int>("1.0", "it"), 1);
    contains(refused<std::uint8_t>("256"), "The input must be an integer from 0 to 255, not 256.");
    contains(refused<unsigned>("-1"), "from 0 to");
    contains(refused<int>("1.5"), "not 1.5");
    contains(refused<std::int64_t>("9223372036854775808"), "not 9223372036854775808");
    contains(refused<double>("1e999"), "too large for a double");
    contains(refused<int>("\"1\""), "must be an integer, not a string");
  });
  test("what does not fit is told with its path", [] {
    using Lines = std::vector<shop::Line>;
    contains(refused<Lines>("[{\"item\":1,\"count\":1}]"),
             "The input at [0].item must be a string, not an integer.");
    contains(refused<Lines>("[{\"item\":\"a\"}]"), "at [0].count is missing");
    contains(refused<Lines>("[{\"item\":\"a\",\"count\":1,\"color\":\"blue\"}]"),
             "one of red, green, not blue");
    contains(refused<std::tuple<int, int>>("[1]"), "must have 2 elements, not 1");
    contains(refused<std::map<std::string, int>>("{\"a\":null}"), "at a must be an integer, not null");
    contains(refused<bool>("0"), "must be a boolean");
    contains(refused<Lines>("{"), "is not JSON");
    contains(
        thrown<InvalidArgument>([] { perdure::detail::encode(static_cast<shop::Color>(7), "The color"); }),
        "The color is 7, which has no name.");
  });
}

void failures() {
  using perdure::detail::failure_of;
  test("exceptions become failures, with their causes", [] {
    auto outcome = perdure::attempt([] {
      try {
        throw shop::Declined("expired", {.details = Json::object("card", 7),
                                         .non_retryable = true,
                                         .retry_after = std::chrono::seconds(2)});
      } catch (...) {
        std::throw_with_nested(std::out_of_range("no payment"));
      }
    });
    same(Json::parse(perdure::detail::failure_text(outcome.failure())),
         Json::parse("{\"type\":\"std::out_of_range\",\"message\":\"no "
                     "payment\",\"cause\":{\"type\":\"shop::Declined\","
                     "\"message\":\"expired\",\"details\":{\"card\":7},\"nonRetryable\":true,"
                     "\"retryAfterMS\":2000}}"));
  });
  test("whatever is thrown becomes a failure", [] {
    same(perdure::attempt([] { throw 7; }).failure().type, "int");
    same(perdure::attempt([] { throw "text"; }).failure().message, "text");
    same(perdure::attempt([] { throw perdure::NotFound("gone"); }).failure().type, "NotFound");
    same(perdure::attempt([] { throw std::runtime_error("\xFF\n"); }).failure().message, "\\xff\n");
    auto long_one = perdure::attempt([] { throw std::runtime_error(std::string(100'000, 'x')); }).failure();
    is_true(long_one.message.size() < 17'000, "the message is not cut");
  });
  test("a failure goes over the wire and back", [] {
    perdure::Failure inner("Inner", "in"), outer("Outer", "out");
    outer.cause = std::make_shared<perdure::Failure>(inner);
    outer.stack = "somewhere";
    auto back = perdure::detail::failure_from_text(perdure::detail::failure_text(outer));
    same(back.cause->str(), "Inner: in");
    same(*back.stack, "somewhere");
  });
  test("outcomes say what was thrown", [] {
    auto failed = perdure::attempt([]() -> int { throw perdure::StoreBusy("locked", true); });
    is_true(!failed && failed.is<perdure::StoreError>() && !failed.is<perdure::NotFound>(),
            "the type is wrong");
    is_true(failed.error<perdure::StoreBusy>()->is_transient() && failed.value_or(3) == 3,
            "it is not transient");
    thrown<perdure::StoreBusy>([&] { static_cast<void>(failed.value()); });
    same(*perdure::attempt([] { return 4; }), 4);
  });
  test("cancellations pass those who handle failures", [] {
    bool passed_by = false;
    try {
      try {
        throw perdure::Cancelled("enough");
      } catch (const std::exception &) {
      }
    } catch (const perdure::Cancelled &cancelled) {
      passed_by = cancelled.reason() == "enough";
    }
    is_true(passed_by, "it was caught");
  });
}

void options() {
  using perdure::ActivityOptions;
  using perdure::RetryPolicy;
  auto refused_options = [](const ActivityOptions &options) {
    return thrown<InvalidArgument>([&] { options.wire(); });
  };
  test("options that cannot be are refused by name", [&] {
    using namespace std::chrono_literals;
    contains(refused_options(ActivityOptions().heartbeat(0ms)), "heartbeat must be from 1 to");
    contains(refused_options(ActivityOptions().start_to_close(-1s)), "start_to_close");
    contains(refused_options(ActivityOptions().priority(1001)), "priority must be a whole number from -1000");
    contains(refused_options(ActivityOptions().retry(RetryPolicy().max_attempts(-1))), "max_attempts");
    contains(refused_options(ActivityOptions().retry(RetryPolicy().coefficient(0.5))), "coefficient");
    contains(refused_options(ActivityOptions().retry(RetryPolicy().jitter(std::nan("")))), "jitter");
    contains(thrown<perdure::LimitExceeded>([] { ActivityOptions().tag("").wire(); }), "The tag is empty.");
  });
  test("what is not set is not sent", [] {
    is_true(ActivityOptions().wire().is_null(), "something is");
    same(ActivityOptions().retry(RetryPolicy()).wire().dump(), "{\"retry\":{}}");
  });
}

}  // namespace

int main() {
  values();
  conversions();
  failures();
  options();
  return finish();
}
