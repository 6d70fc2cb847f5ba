import PerdureModel
import PerdureReplay

/// Replays that somebody waits for, some of them at hosts at one time. Used by one thread; hosts answer on
/// theirs.
final class ReplayJob: @unchecked Sendable {
  enum Obstacle: Error {
    case timedOut
    /// The runtime has ended.
    case closed
  }

  private let runtime: Runtime
  private let deadlineNS: Int64?
  private let atOnce: Int
  private let monitor = Monitor()
  private var out = 0
  private var isClosed = false
  private var done: [ReplayReport] = []

  /// - timeoutMS: of the whole job; negative for no limit.
  /// - atOnce: replays at hosts at one time.
  init(_ runtime: Runtime, timeoutMS: Int64, atOnce: Int) {
    self.runtime = runtime
    self.atOnce = atOnce
    deadlineNS = timeoutMS < 0 ? nil : monotonicNowNS() + min(timeoutMS, 1 << 40) * 1_000_000
  }

  /// Replays one execution as soon as there is room.
  func add(_ recording: RecordedExecution) throws(Obstacle) {
    try wait { out < atOnce }
    monitor.locked { out += 1 }
    runtime.replay(recording) { report in self.finish(report) }
  }

  /// Waits for those that are at hosts.
  func drain() throws(Obstacle) { try wait { out == 0 } }

  /// Those that are at hosts, and reports that nobody has taken.
  var pending: Int64 { monitor.locked { Int64(out + done.count) } }

  /// Reports since the last call.
  func takeReports() -> [ReplayReport] {
    monitor.locked {
      defer { done = [] }
      return done
    }
  }

  /// The runtime has ended: nobody answers any more.
  func close() {
    monitor.locked {
      isClosed = true
      monitor.broadcast()
    }
  }

  private func finish(_ report: ReplayReport) {
    monitor.locked {
      out -= 1
      done.append(report)
      monitor.broadcast()
    }
  }

  private func wait(_ condition: () -> Bool) throws(Obstacle) {
    let obstacle: Obstacle? = monitor.locked {
      while !condition() {
        if isClosed { return .closed }
        if let deadlineNS, monotonicNowNS() >= deadlineNS { return .timedOut }
        _ = monitor.wait(untilMonotonicNS: deadlineNS)
      }
      return nil
    }
    if let obstacle { throw obstacle }
  }
}
