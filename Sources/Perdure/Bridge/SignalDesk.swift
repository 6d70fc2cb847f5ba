import Dispatch
import Glibc
import Synchronization

/// Who waits for a signal that tells the process to end.
///
/// A handler may do next to nothing: it writes one byte to a pipe, and gives the signal back its own effect,
/// so that a second Ctrl-C ends a process that does not come to its end.
enum SignalDesk {
  private struct State {
    var waiting: [Int: AsyncStream<Void>.Continuation] = [:]
    var next = 0
    /// What the signals did before somebody waited for them.
    var earlier: [Int32: __sighandler_t?] = [:]
    /// Reads the pipe; it lives as long as the process.
    var source: (any DispatchSourceRead)?
  }

  private static let state = Mutex(State())
  private static let pipeEnd = Atomic<Int32>(-1)

  /// Somebody who waits.
  struct Waiting: Sendable {
    fileprivate let stream: AsyncStream<Void>
    fileprivate let continuation: AsyncStream<Void>.Continuation

    /// Returns with the first of the signals, or when the task is cancelled.
    func wait() async { for await _ in stream {} }

    /// Nobody waits any more.
    func end() { continuation.finish() }
  }

  /// From here on these signals are kept for whoever waits, until its `end`.
  ///
  /// - Throws: `DXError` when the process has no more files.
  static func listen(for signals: [Int32]) throws -> Waiting {
    let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
    let waiting = Waiting(stream: stream, continuation: continuation)
    if signals.isEmpty { return waiting }
    try state.withLock { state in
      if state.source == nil { state.source = try openPipe() }
      let number = state.next
      state.next += 1
      state.waiting[number] = continuation
      for each in signals {
        let before = signal(each, handler)
        if state.earlier[each] == nil { state.earlier[each] = .some(before) }
      }
      continuation.onTermination = { _ in leave(number) }
    }
    return waiting
  }

  /// With the last one the signals have their earlier effect again.
  private static func leave(_ number: Int) {
    state.withLock { state in
      state.waiting[number] = nil
      guard state.waiting.isEmpty else { return }
      for (each, before) in state.earlier { signal(each, before) }
      state.earlier = [:]
    }
  }

  private static func openPipe() throws -> any DispatchSourceRead {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0, let read = ends.first, let write = ends.last else {
      throw DXError(.internal, "No pipe for signals could be made: \(String(cString: strerror(errno))).")
    }
    for end in ends {
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
    }
    pipeEnd.store(write, ordering: .releasing)
    let source = DispatchSource.makeReadSource(fileDescriptor: read, queue: .global())
    source.setEventHandler {
      var bytes = [UInt8](repeating: 0, count: 16)
      _ = Glibc.read(read, &bytes, bytes.count)
      // Outside the lock: ending a stream makes it leave.
      for each in state.withLock({ Array($0.waiting.values) }) { each.finish() }
    }
    source.resume()
    return source
  }

  private static let handler: @convention(c) (Int32) -> Void = { number in
    let kept = errno
    signal(number, SIG_DFL)
    var byte: UInt8 = 1
    _ = write(pipeEnd.load(ordering: .acquiring), &byte, 1)
    errno = kept
  }
}
