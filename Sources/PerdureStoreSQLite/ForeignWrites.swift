internal import CSQLite
internal import Glibc
internal import PerdureStore

/// A thread that sleeps until the log of the store is written to, and then asks whether somebody else wrote;
/// or until a process lets go of the file of the locks, as it does when it dies, and then asks who is gone.
///
/// Our own writes wake it too, so it looks at most fifty times a second. Where the system cannot watch files
/// a slow look every few seconds is the net.
final class ForeignWrites: @unchecked Sendable {
  private static let pauseMicroseconds: UInt32 = 20_000
  private static let netMilliseconds: Int32 = 5_000
  /// A process that dies closes its files a little before its locks are gone.
  private static let looksForTheDead = 3

  private let log: String
  /// Answers whether there is something to tell. The argument: also whether somebody died.
  private let look: @Sendable (Bool) -> Bool
  private let changed: @Sendable () -> Void
  private let stopRead: Int32
  private let stopWrite: Int32
  private let watch: Int32
  private var thread: pthread_t = 0

  /// - Parameter locks: the file that every process on the store has open as long as it lives.
  init(
    log: String, locks: String, look: @escaping @Sendable (Bool) -> Bool,
    changed: @escaping @Sendable () -> Void
  ) throws(StoreError) {
    self.log = log
    self.look = look
    self.changed = changed
    var readEnd: Int32 = -1
    var writeEnd: Int32 = -1
    guard perdure_pipe(&readEnd, &writeEnd) == 0 else {
      throw StoreError(.io, "The log \(log) cannot be watched: \(ResultCode.systemMessage(errno)).")
    }
    stopRead = readEnd
    stopWrite = writeEnd
    watch = perdure_watch_open()
    if watch >= 0 {
      _ = perdure_watch_add(watch, log)
      _ = perdure_watch_add_closing(watch, locks)
    }
    let code = pthread_create(
      &thread, nil,
      { context in
        guard let context else { return nil }
        Unmanaged<ForeignWrites>.fromOpaque(context).takeRetainedValue().run()
        return nil
      }, Unmanaged.passRetained(self).toOpaque())
    guard code == 0 else {
      Unmanaged.passUnretained(self).release()
      throw StoreError(.io, "The log \(log) cannot be watched: \(ResultCode.systemMessage(code)).")
    }
  }

  /// After this no call comes any more; one that is under way is waited for, unless it is the caller itself.
  func stop() {
    var byte: UInt8 = 0
    _ = write(stopWrite, &byte, 1)
    if pthread_equal(pthread_self(), thread) != 0 {
      pthread_detach(thread)
    } else {
      pthread_join(thread, nil)
    }
  }

  private func run() {
    var lastLook = Self.seconds()
    var patience = Self.netMilliseconds
    var looksForTheDead = 0
    while true {
      var descriptors = [
        pollfd(fd: stopRead, events: Int16(POLLIN), revents: 0),
        pollfd(fd: watch, events: Int16(POLLIN), revents: 0),
      ]
      let ready = poll(&descriptors, nfds_t(descriptors.count), patience)
      if descriptors.first?.revents != 0 { return }
      if ready > 0 {
        // Writes come in flocks: one look tells of all that came during the pause.
        if isStopped(afterMilliseconds: Int32(Self.pauseMicroseconds / 1_000)) { return }
        if drain() { looksForTheDead = Self.looksForTheDead }
      }
      let now = Self.seconds()
      let isNet = now - lastLook >= Int(Self.netMilliseconds / 1_000)
      if isNet { lastLook = now }
      if look(isNet || looksForTheDead > 0) { changed() }
      looksForTheDead = max(0, looksForTheDead - 1)
      // The log is written before it is synced, and a commit that is synced shows in memory only, which wakes
      // nobody: after a write comes another look, and another, less and less often.
      patience = ready > 0 ? Int32(Self.pauseMicroseconds / 1_000) : min(patience &* 2, Self.netMilliseconds)
    }
  }

  private func isStopped(afterMilliseconds pause: Int32) -> Bool {
    var stop = pollfd(fd: stopRead, events: Int16(POLLIN), revents: 0)
    return poll(&stop, 1, pause) > 0
  }

  /// Whether somebody let go of the file of the locks.
  private func drain() -> Bool {
    let isClosed = perdure_watch_take(watch) != 0
    // A log that was made anew has lost its watch; adding one that exists changes nothing.
    _ = perdure_watch_add(watch, log)
    return isClosed
  }

  private static func seconds() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
    return time.tv_sec
  }

  deinit {
    for descriptor in [stopRead, stopWrite, watch] where descriptor >= 0 { close(descriptor) }
  }
}
