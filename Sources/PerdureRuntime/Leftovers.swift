import Glibc
import PerdureModel
import Synchronization

/// What bursts of work have left over of memory, which malloc keeps until it is asked: after 10,000
/// orchestrations at once more than half of the process.
///
/// To ask takes milliseconds, more in a large process: so it is done after much work, in the first pause
/// behind it, and for at most a thousandth of the time.
package struct Leftovers {
  static let inputsMin = 10_000
  static let pauseMS: Int64 = 250
  static let intervalMS: Int64 = 10_000
  /// After it took one millisecond.
  static let intervalPerMS: Int64 = 1_000

  private var inputs = 0
  private var lastAt: TimestampMS = 0
  private var notBefore: TimestampMS = 0

  /// When to give them back, if nothing happens before. nil: there was too little work.
  var dueAt: TimestampMS? {
    inputs < Self.inputsMin ? nil : max(lastAt &+ Self.pauseMS, notBefore)
  }

  mutating func worked(_ inputs: Int, now: TimestampMS) {
    guard inputs > 0 else { return }
    self.inputs += inputs
    lastAt = now
  }

  /// Whether it is time; they are taken for given back then.
  mutating func areDue(now: TimestampMS) -> Bool {
    guard let dueAt, dueAt <= now else { return false }
    inputs = 0
    notBefore = now &+ Self.intervalMS
    return true
  }

  mutating func gaveBack(tookMS: Int64, now: TimestampMS) {
    notBefore = max(notBefore, now &+ tookMS &* Self.intervalPerMS)
  }

  /// Returns how long it took; 0 while another thread is at it, which does the same for the whole process.
  ///
  /// Two at once would also break glibc where malloc is of another: nothing has set it up before the first
  /// call.
  static func giveBack(by trim: ((Int) -> CInt)? = trim) -> Int64 {
    guard let trim, !isTrimming.exchange(true, ordering: .acquiring) else { return 0 }
    defer { isTrimming.store(false, ordering: .releasing) }
    let beginNS = monotonicNowNS()
    _ = trim(0)
    return (monotonicNowNS() - beginNS) / 1_000_000
  }

  private static let isTrimming = Atomic(false)

  /// In a forked child: another thread of the parent may have been at it.
  package static func beginAnew() { isTrimming.store(false, ordering: .relaxed) }

  /// malloc_trim(3) of glibc, and of a host's own malloc. Others have none.
  static let trim = dlsym(nil, "malloc_trim").map {
    unsafeBitCast($0, to: (@convention(c) (Int) -> CInt).self)
  }
}
