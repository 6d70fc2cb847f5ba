/// Tests of orchestrations in C++20: virtual time, stubs, recorded histories, simulated crashes.
///
/// Header only, over dx.hpp: link with libdx. It knows no test framework. docs/cpp.md is the guide. All of it
/// is in namespace `perdure`, as one called `testing` would be in the way of GoogleTest's.
///
///     perdure/testing/stubs.hpp        what runs in place of activities: `Stub`, `in_turn`, `never`
///     perdure/testing/environment.hpp  `TestEnvironment`: a store with virtual time, and a runtime on it
///     perdure/testing/expectations.hpp what a test expects of it
///     perdure/testing/replay.hpp       `replay`, `preflight`: histories against the code of today
///     perdure/testing/simulation.hpp   `Simulation` and `World`: what a scenario says and sees
///     perdure/testing/simulate.hpp     `simulate`: a scenario under many schedules of crashes
#ifndef DX_TESTING_HPP
#define DX_TESTING_HPP

#include "dx.hpp"
#include "perdure/testing/environment.hpp"
#include "perdure/testing/replay.hpp"
#include "perdure/testing/simulate.hpp"

#endif  // DX_TESTING_HPP
