/// Perdure for C++20: durable execution as a library.
///
/// Header only, over include/dx.h: link with libdx. docs/cpp.md is the guide. Orchestrations are coroutines
/// that return `perdure::Task<R>`, activities are ordinary functions; what is sent between them is JSON.
///
///     perdure/json.hpp, convert.hpp    values of JSON, C++ values to JSON and back
///     perdure/errors.hpp, failure.hpp  what is thrown, `Failure`, `Outcome`, `attempt`
///     perdure/options.hpp              retries, time limits, limits, typed names
///     perdure/task.hpp, combine.hpp    `Task`, `Handle`, `all`, `race`, `any`, `wait_any`
///     perdure/context.hpp, state.hpp   what orchestrations receive
///     perdure/activity.hpp             what activities receive
///     perdure/store.hpp, client.hpp, runtime.hpp
#ifndef DX_HPP
#define DX_HPP

#if !defined(__cplusplus) || __cplusplus < 202002L
#error "dx.hpp needs C++20: compile with -std=c++20"
#endif

#include "perdure/activity.hpp"
#include "perdure/client.hpp"
#include "perdure/runtime.hpp"
#include "perdure/store.hpp"

#endif  // DX_HPP
