package import PerdureModel

/// What the retention rules let go. The store says when it is worth looking again; without rules it never is.
extension Dispatcher {
  struct Sweeping {
    /// nil: not before somebody asks for it.
    var dueAt: TimestampMS?
    var isUnderWay = false
  }

  /// There may be something to remove, or a new rule, from that moment on.
  package mutating func sweepWanted(at moment: TimestampMS, now: TimestampMS) {
    sweeping.dueAt = soonest(sweeping.dueAt, moment)
    pump(now)
  }

  mutating func pumpSweep(_ now: TimestampMS) {
    guard let dueAt = sweeping.dueAt, dueAt <= now, !sweeping.isUnderWay else { return }
    sweeping = Sweeping(dueAt: nil, isUnderWay: true)
    write(.sweep(limit: Limits.sweptPerWrite))
  }

  mutating func swept(_ outcome: WriteOutcome, _ now: TimestampMS) {
    sweeping.isUnderWay = false
    switch outcome {
    case .swept(let next):
      // A store with much to remove has other things to do in between.
      sweeping.dueAt = soonest(sweeping.dueAt, next.map { max($0, now &+ Limits.sweepBreakMS) })
    case .failed: sweeping.dueAt = soonest(sweeping.dueAt, now &+ Limits.failedSweepMS)
    default: break
    }
  }
}
