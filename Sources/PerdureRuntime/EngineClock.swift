import Glibc
package import PerdureModel
package import PerdureStore
import Synchronization

/// The clock of an open store: the system's, or a virtual one.
///
/// The system's as the engine takes it: it starts at the system's time, runs by the monotonic clock, follows
/// the system's clock when that is ahead, and never goes back. So a clock that jumps back delays nothing that
/// is due. All processes on a store go by the one that is furthest ahead, so that none waits for what another
/// one found due.
package final class EngineClock: Sendable {
  private let offsetNS: Atomic<Int64>
  /// nil: time is the system's.
  package let virtual: VirtualClock?

  private let shared: (any SharedTime)?
  /// What the others have heard of.
  private let agreedNS: Atomic<Int64>
  /// When they are asked again, in monotonic time.
  private let nextLookNS: Atomic<Int64>
  /// What is worth a write. The two clocks run at one speed: they part by jumps.
  private static let jumpNS: Int64 = 50_000_000
  private static let lookEveryNS: Int64 = 1_000_000_000

  /// - shared: how to agree with other processes; nil: there are none.
  package init(_ settings: ClockSettings = .system, shared: (any SharedTime)? = nil) {
    let (own, monotonic) = SystemTime.look()
    if case .system = settings { self.shared = shared } else { self.shared = nil }
    let agreed = self.shared?.agree(own) ?? own
    offsetNS = Atomic(max(own, agreed))
    agreedNS = Atomic(agreed)
    nextLookNS = Atomic(monotonic + Self.lookEveryNS)
    virtual =
      switch settings {
      case .system: nil
      case .virtual(let startMS): VirtualClock(at: startMS)
      }
  }

  package func now() -> TimestampMS {
    if let virtual { return virtual.now }
    let (own, monotonic) = SystemTime.look()
    let offset = agree(offsetNS.max(own, ordering: .relaxed).newValue, monotonic)
    return (monotonic + offset) / 1_000_000
  }

  /// Tells the others of a jump at once, and listens to them now and then.
  private func agree(_ offset: Int64, _ monotonic: Int64) -> Int64 {
    guard let shared else { return offset }
    let next = nextLookNS.load(ordering: .relaxed)
    let isNews = offset > agreedNS.load(ordering: .relaxed) &+ Self.jumpNS
    guard monotonic >= next || isNews else { return offset }
    let (isMine, _) = nextLookNS.compareExchange(
      expected: next, desired: monotonic + Self.lookEveryNS, ordering: .relaxed)
    guard isMine else { return offset }
    let agreed = shared.agree(offset)
    agreedNS.store(agreed, ordering: .relaxed)
    return offsetNS.max(agreed, ordering: .relaxed).newValue
  }

  /// The monotonic moment at which `now()` of the system's clock reaches `time`.
  package func monotonicNS(at time: TimestampMS) -> Int64 {
    // Hosts name times: any number may come.
    let latest = Int64.max / 2
    guard time > 0 else { return 0 }
    guard time < latest / 1_000_000 else { return latest }
    return max(0, time * 1_000_000 &- offsetNS.load(ordering: .relaxed))
  }
}
