package import PerdureModel

/// What the processes on one store agree on about time: how far their clock is ahead of the monotonic one of
/// the machine.
///
/// Each process takes part with its own idea, and all go by the highest. So what one of them wrote is due for
/// the others at the same moment, also for one that begins after the wall clock was set back.
package protocol SharedTime: Sendable {
  /// Answers the highest that this process and the others told of.
  ///
  /// - offsetNS: of this process. One that cannot be told to the others (a full disk) counts here alone.
  func agree(_ offsetNS: Int64) -> Int64
}

extension SharedTime {
  /// Now, in milliseconds since 1970, as the engines on the store take it: those that run when the clock of
  /// the system is set back do not go back with it.
  package func now() -> TimestampMS {
    let (offsetNS, monotonicNS) = SystemTime.look()
    return (monotonicNS &+ agree(offsetNS)) / 1_000_000
  }
}
