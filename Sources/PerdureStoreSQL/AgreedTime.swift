internal import Glibc
package import PerdureModel
package import PerdureStore

extension SharedTime {
  /// Now, in milliseconds since 1970, as the engines on the store take it: those that run when the clock of
  /// the system is set back do not go back with it.
  package func now() -> TimestampMS {
    // In the order of `EngineClock`: a pause in between shows less than it is.
    let wallNS = Self.nanoseconds(CLOCK_REALTIME)
    let monotonicNS = Self.nanoseconds(CLOCK_MONOTONIC)
    return (monotonicNS &+ agree(wallNS &- monotonicNS)) / 1_000_000
  }

  private static func nanoseconds(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    // A clock may show anything; this much is far from any overflow.
    return min(max(Int64(time.tv_sec), 0), .max / 2_000_000_000) &* 1_000_000_000 &+ Int64(time.tv_nsec)
  }
}
