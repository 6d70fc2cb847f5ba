/// The other half of headers.cpp.
#include "dx_testing.hpp"

perdure::Task<int> other(perdure::OrchestrationContext &ctx) { co_return co_await ctx.activity<int>("a"); }
