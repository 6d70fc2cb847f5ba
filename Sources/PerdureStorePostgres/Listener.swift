internal import Glibc
internal import PerdureStore

/// A thread that sleeps until the server tells of something, and looks now and then whatever it tells.
final class Listener: @unchecked Sendable {
  /// Writes come in flocks: one look tells of all that came during the pause.
  private static let pauseMilliseconds: Int32 = 20
  /// How often it is looked whether somebody is gone.
  private static let beatMilliseconds: Int32 = 125
  /// How often those who listen look for themselves, should a notification be lost.
  private static let netMilliseconds: Int64 = 5_000

  private let watch: NodeWatch
  /// How many nodes were found to be gone.
  private let reap: @Sendable () -> Int
  private let changed: @Sendable () -> Void
  private let stopRead: Int32
  private let stopWrite: Int32
  private var thread: pthread_t = 0

  /// - Throws: `.io` if the system gives no thread.
  init(
    _ watch: NodeWatch, reap: @escaping @Sendable () -> Int, changed: @escaping @Sendable () -> Void
  ) throws(StoreError) {
    self.watch = watch
    self.reap = reap
    self.changed = changed
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0, let readEnd = ends.first, let writeEnd = ends.last else {
      throw StoreError(.io, "The store cannot be watched: error \(errno).")
    }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    stopRead = readEnd
    stopWrite = writeEnd
    let code = pthread_create(
      &thread, nil,
      { context in
        guard let context else { return nil }
        Unmanaged<Listener>.fromOpaque(context).takeRetainedValue().run()
        return nil
      }, Unmanaged.passRetained(self).toOpaque())
    guard code == 0 else {
      Unmanaged.passUnretained(self).release()
      throw StoreError(.io, "The store cannot be watched: error \(code).")
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
    var nextBeat: Int64 = 0
    var nextNet = Self.nowMS() + Self.netMilliseconds
    while true {
      var isNews = (try? watch.look()) ?? false
      if Self.nowMS() >= nextBeat {
        nextBeat = Self.nowMS() + Int64(Self.beatMilliseconds)
        if reap() > 0 { isNews = true }
      }
      if Self.nowMS() >= nextNet { isNews = true }
      if isNews {
        nextNet = Self.nowMS() + Self.netMilliseconds
        changed()
        if wait(Self.pauseMilliseconds, for: -1) { return }
      }
      if wait(Self.beatMilliseconds, for: watch.socket) { return }
    }
  }

  /// True: it is to stop.
  private func wait(_ milliseconds: Int32, for socket: Int32) -> Bool {
    var descriptors = [
      pollfd(fd: stopRead, events: Int16(POLLIN), revents: 0),
      pollfd(fd: socket, events: Int16(POLLIN), revents: 0),
    ]
    _ = poll(&descriptors, nfds_t(descriptors.count), milliseconds)
    return descriptors.first?.revents != 0
  }

  private static func nowMS() -> Int64 { SystemTime.monotonicNS() / 1_000_000 }

  deinit {
    for descriptor in [stopRead, stopWrite] { close(descriptor) }
  }
}
