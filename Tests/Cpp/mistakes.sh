#!/bin/bash
# Programs that must not compile, and what the compiler must say about them.
#
#     Tests/Cpp/mistakes.sh FOLDER FOR FILES
# Prints `ok NAME` or `FAIL NAME: why`.
set -u
cd "$(dirname "$0")/../.." || exit 2
folder=$1/mistakes
mkdir -p "$folder"
cat >"$folder/all.hpp" <<'END'
#include <future>

#include "perdure/turns.hpp"
using namespace perdure;
struct Order {
  std::string item;
  static void fields(auto &o, auto v) { v("item", o.item); }
};
struct Plain {
  int *what;
};
END
# Compiled once for all of them.
g++ -std=c++20 -Iinclude -x c++-header "$folder/all.hpp" -o "$folder/all.hpp.gch"

refuses() {
  local name=$1 said=$2 code=$3 output
  output=$(g++ -std=c++20 -Iinclude -include "$folder/all.hpp" -fsyntax-only -x c++ - 2>&1 <<<"$code") && {
    echo "FAIL $name: it compiles"
    return
  }
  if grep -qF -- "$said" <<<"$output"; then echo "ok $name"; else echo "FAIL $name: $(head -n 3 <<<"$output")"; fi
}

refuses "awaiting what is not recorded" "can await only what is recorded" \
  'Task<void> f(OrchestrationContext &) { std::future<int> other; co_await other; }'
refuses "a type without JSON" "This type has no JSON" \
  'Task<void> f(OrchestrationContext &ctx) { Plain p{}; co_await ctx.activity("a", p); }'
refuses "a query handler that awaits" "it cannot await" \
  'Task<void> f(OrchestrationContext &ctx) { ctx.on_query("q", [&ctx] { return ctx.activity("a"); }); co_return; }'
refuses "two inputs" "at most one input" \
  'auto f = detail::make_code("n", "1.0.0", [](OrchestrationContext &, int, int) -> Task<void> { co_return; });'
refuses "a result of another type than the name says" "convertible" \
  'Task<int> f(OrchestrationContext &ctx, Activity<std::string(int)> a) { co_return co_await ctx.activity(a, 1); }'
refuses "an aggregate made in place, which GCC destroys twice" "Give it a name" \
  'Task<void> f(OrchestrationContext &ctx) { co_await ctx.activity("a", Order{"book"}); }'
