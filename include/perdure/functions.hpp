/// What a function takes and returns, so that it can be registered as it is.
#ifndef PERDURE_FUNCTIONS_HPP
#define PERDURE_FUNCTIONS_HPP

#include <functional>

#include "task.hpp"

namespace perdure::detail {

template <class F>
struct Signature : Signature<decltype(&F::operator())> {};
template <class R, class... A>
struct Signature<R(A...)> {
  using Result = R;
  using Arguments = std::tuple<A...>;
};
template <class R, class... A>
struct Signature<R (*)(A...)> : Signature<R(A...)> {};
template <class R, class... A>
struct Signature<R (*)(A...) noexcept> : Signature<R(A...)> {};
template <class R, class C, class... A>
struct Signature<R (C::*)(A...)> : Signature<R(A...)> {};
template <class R, class C, class... A>
struct Signature<R (C::*)(A...) const> : Signature<R(A...)> {};
template <class R, class C, class... A>
struct Signature<R (C::*)(A...) noexcept> : Signature<R(A...)> {};
template <class R, class C, class... A>
struct Signature<R (C::*)(A...) const noexcept> : Signature<R(A...)> {};

template <class F>
concept Function = requires { typename Signature<std::decay_t<F>>::Result; };

/// How many inputs a function has behind a context, which it may leave out.
template <class F, class Context>
struct Shape {
  using Sign = Signature<std::decay_t<F>>;
  using Arguments = typename Sign::Arguments;
  using Result = typename Sign::Result;
  static constexpr std::size_t count = std::tuple_size_v<Arguments>;
  static constexpr bool has_context = [] {
    if constexpr (count == 0) {
      return false;
    } else {
      return std::same_as<std::remove_cvref_t<std::tuple_element_t<0, Arguments>>, Context>;
    }
  }();
  static constexpr std::size_t inputs = count - (has_context ? 1 : 0);
  static_assert(inputs <= 1, "It takes a context and at most one input; put several values into a struct.");

  template <std::size_t At, bool Has>
  struct InputAt {
    using Type = void;
  };
  template <std::size_t At>
  struct InputAt<At, true> {
    using Type = std::remove_cvref_t<std::tuple_element_t<At, Arguments>>;
  };
  /// void if there is none.
  using Input = typename InputAt<has_context ? 1 : 0, inputs == 1>::Type;
};

/// Calls `function` with what it takes of the context and the input.
template <class F, class Context>
decltype(auto) call_with(F &function, Context &context, std::string_view input, std::string_view what) {
  using S = Shape<F, Context>;
  if constexpr (S::inputs == 0 && S::has_context) {
    return function(context);
  } else if constexpr (S::inputs == 0) {
    return function();
  } else if constexpr (S::has_context) {
    return function(context, decode<typename S::Input>(input, what));
  } else {
    return function(decode<typename S::Input>(input, what));
  }
}

/// JSON text of what a function returned: null for void.
template <class Result>
std::string encode_result(const Result &result, std::string_view what, std::int64_t most) {
  std::string text = encode(result, what);
  check_size(text.size(), most, what);
  return text;
}

}  // namespace perdure::detail

#endif  // PERDURE_FUNCTIONS_HPP
