internal import Glibc

/// The clocks of the machine.
package enum SystemTime {
  /// How far the wall clock (since 1970) is ahead of the monotonic one, and what that shows.
  ///
  /// The wall clock is asked for first: a thread that pauses in between takes it for less than it is, which
  /// the next one mends. The other way round it takes it for more, and that would stay.
  package static func look() -> (offsetNS: Int64, monotonicNS: Int64) {
    let wallNS = nanoseconds(CLOCK_REALTIME)
    let monotonicNS = nanoseconds(CLOCK_MONOTONIC)
    return (wallNS - monotonicNS, monotonicNS)
  }

  /// Of the monotonic clock.
  package static func monotonicNS() -> Int64 { nanoseconds(CLOCK_MONOTONIC) }

  private static func nanoseconds(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    // A clock may show anything; this much is far from any overflow.
    return min(max(Int64(time.tv_sec), 0), .max / 2_000_000_000) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
