/// Compiled alone with every compiler at hand: each header needs nothing before it, and dx_testing.hpp is
/// complete. Linked with headers_too.cpp, so that everything in them may be in several files of one program.
#include "perdure/combine.hpp"
#include "perdure/context.hpp"
#include "perdure/convert.hpp"
#include "perdure/json.hpp"
#include "perdure/testing/simulate.hpp"
#include "perdure/turns.hpp"
// After its parts, to see that they go with it.
#include "dx_testing.hpp"

perdure::Task<int> other(perdure::OrchestrationContext &ctx);

int main() {
  // Names everything that is linked from the header; runs without a store.
  perdure::detail::TurnHost host(1, {});
  host.add(perdure::detail::make_code("other", "1.0.0", other));
  return host.size() == 0 ? 0 : 1;
}
