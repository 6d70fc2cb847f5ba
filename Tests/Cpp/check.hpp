/// Prints `ok NAME` or `FAIL NAME: why`, and the sums at the end.
#ifndef PERDURE_TESTS_CHECK_HPP
#define PERDURE_TESTS_CHECK_HPP

#include <cstdio>
#include <string>

#include "perdure/failure.hpp"

inline int passed = 0, failed = 0;

inline void pass(const std::string &name) {
  passed++;
  std::printf("ok %s\n", name.c_str());
}

inline void fail(const std::string &name, const std::string &why) {
  failed++;
  std::printf("FAIL %s: %s\n", name.c_str(), why.c_str());
}

/// What a check throws when it does not hold.
struct Broken : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline void is_true(bool holds, const std::string &what) {
  if (!holds) throw Broken(what);
}

/// Compares as JSON, so that the message shows both.
template <class Found, class Wanted>
void same(const Found &found, const Wanted &wanted, const std::string &what = "the value") {
  auto one = perdure::Json::of(found), other = perdure::Json::of(wanted);
  if (!(one == other)) throw Broken(what + " is " + one.dump() + ", not " + other.dump());
}

/// The message of the exception of class E that `body` throws.
template <class E, class Body>
std::string thrown(Body body) {
  try {
    body();
  } catch (const E &error) {
    if constexpr (std::derived_from<E, std::exception>) return error.what();
    return "";
  } catch (const std::exception &other) {
    throw Broken("threw " + perdure::detail::type_name(typeid(other)) + ": " + other.what());
  }
  throw Broken("threw nothing, where " + perdure::detail::type_name(typeid(E)) + " was due");
}

inline void contains(const std::string &text, const std::string &part) {
  if (text.find(part) == std::string::npos) throw Broken("'" + text + "' does not say '" + part + "'");
}

template <class Body>
void test(const std::string &name, Body body) {
  try {
    body();
    pass(name);
  } catch (const std::exception &error) {
    fail(name, error.what());
  } catch (...) {
    fail(name, perdure::detail::failure_of(std::current_exception()).str());
  }
  std::fflush(stdout);
}

inline int finish() {
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}

#endif  // PERDURE_TESTS_CHECK_HPP
