import Glibc
package import PerdureModel
import Synchronization

/// The clock of an open store: the system's, or a virtual one.
///
/// The system's as the engine takes it: it starts at the system's time, runs by the monotonic clock, follows
/// the system's clock when that is ahead, and never goes back. So a clock that jumps back delays nothing that
/// is due.
package final class EngineClock: Sendable {
  private let offsetNS: Atomic<Int64>
  /// nil: time is the system's.
  package let virtual: VirtualClock?

  package init(_ settings: ClockSettings = .system) {
    offsetNS = Atomic(Self.wallNS() - monotonicNowNS())
    virtual =
      switch settings {
      case .system: nil
      case .virtual(let startMS): VirtualClock(at: startMS)
      }
  }

  package func now() -> TimestampMS {
    if let virtual { return virtual.now }
    let monotonic = monotonicNowNS()
    let ahead = Self.wallNS() - monotonic
    let offset = offsetNS.max(ahead, ordering: .relaxed).newValue
    return (monotonic + offset) / 1_000_000
  }

  /// The monotonic moment at which `now()` of the system's clock reaches `time`.
  package func monotonicNS(at time: TimestampMS) -> Int64 {
    // Hosts name times: any number may come.
    let latest = Int64.max / 2
    guard time > 0 else { return 0 }
    guard time < latest / 1_000_000 else { return latest }
    return max(0, time * 1_000_000 &- offsetNS.load(ordering: .relaxed))
  }

  private static func wallNS() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
