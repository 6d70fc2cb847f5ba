internal import PerdureStore
internal import Synchronization

/// The time that the processes on a store agree on: that of the server. A machine whose clock is ahead of it
/// goes by its own.
final class ServerTime: SharedTime {
  /// How far the clock of the server is ahead of the monotonic one of this machine.
  private let aheadNS = Atomic<Int64>(.min)

  func agree(_ offsetNS: Int64) -> Int64 { max(offsetNS, aheadNS.load(ordering: .relaxed)) }

  /// Notes what the server answered just now.
  func note(serverMicroseconds: Int64) {
    let (serverNS, isOverflow) = serverMicroseconds.multipliedReportingOverflow(by: 1_000)
    guard !isOverflow, serverNS > 0, serverNS < .max / 2 else { return }
    aheadNS.store(serverNS - SystemTime.monotonicNS(), ordering: .relaxed)
  }
}
