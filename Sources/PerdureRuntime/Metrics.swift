import PerdureModel
import PerdureStore
import Synchronization

/// What one open store has committed, and what its runtimes do, in numbers: fed with what a group commit has
/// made durable, never with what was tried, so that the counts of events are those of the histories.
package final class Metrics: Sendable {
  private let tally = Mutex(Tally())
  private let since: TimestampMS

  init(since: TimestampMS) { self.since = since }

  /// A group came back.
  ///
  /// - landed: how many entries did.
  /// - refusals: of the others.
  func committed(_ landed: Int, refusals: [StoreRefusal], tookNS: Int64) {
    tally.withLock { tally in
      tally.commits &+= 1
      tally.commitTime.add(tookNS, .moments)
      tally.commitSize.add(Int64(landed &+ refusals.count), .numbers)
      for refusal in refusals { tally.refusals[refusal.metricLabel, default: 0] &+= 1 }
    }
  }

  /// Counts what landed, under one lock. Whoever walks through a group for another reason does both at once:
  /// an entry is dear to copy.
  func counting(_ walk: (inout Tally) -> Void) { tally.withLock { walk(&$0) } }

  /// A group failed as a whole.
  func failed(_ error: StoreError) {
    tally.withLock { $0.errors[error.code, default: 0] &+= 1 }
  }

  /// What happened at hosts since the last call.
  func add(_ samples: [HostSample]) {
    tally.withLock { tally in
      for sample in samples { tally.add(sample) }
    }
  }

  /// - gauges: of now.
  func snapshot(_ gauges: Gauges, now: TimestampMS) -> MetricsSnapshot {
    var snapshot = MetricsSnapshot(at: now, since: since)
    // A copy: whoever counts must not wait until it is written out.
    let tally = tally.withLock { $0 }
    snapshot.families = tally.families(gauges)
    return snapshot
  }
}

/// Something that happened at a host, for the counts.
enum HostSample: Sendable {
  /// A turn was answered, or failed at the host.
  case turn(String, tookNS: Int64)
  /// - waitedMS: since it was scheduled; of first attempts.
  case attemptStarted(String, waitedMS: Int64?)
  /// The host answered.
  case attemptEnded(String, tookNS: Int64)
  /// Orchestration code measured something, in a turn that is on disk.
  case metric(MetricLine)
}

/// What can be looked at, of all runtimes on a store.
package struct Gauges: Hashable, Sendable {
  package var instancesHeld = 0
  package var turnsAtHosts = 0
  package var activitiesRunning = 0
  package var activitiesQueued = 0
  package var writesWaiting = 0
  package var oldestWriteNS: Int64 = 0

  mutating func add(_ other: Gauges) {
    instancesHeld += other.instancesHeld
    turnsAtHosts += other.turnsAtHosts
    activitiesRunning += other.activitiesRunning
    activitiesQueued += other.activitiesQueued
  }
}

extension StoreRefusal {
  var metricLabel: String {
    switch self {
    case .conflict: "conflict"
    case .alreadyExists: "alreadyExists"
    case .notFound: "notFound"
    case .wrongStatus: "wrongStatus"
    case .owned: "owned"
    case .staleClaim: "staleClaim"
    case .isChild: "isChild"
    case .inboxFull: "inboxFull"
    case .failed: "failed"
    }
  }
}
