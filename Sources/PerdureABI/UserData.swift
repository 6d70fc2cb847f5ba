import CDX
import PerdureRuntime

/// A host's pointer and the call that ends its life: `release` is called exactly once, when the last callback
/// that could use the pointer is gone, on a thread that is in no dx_ call.
final class UserData: @unchecked Sendable {
  let pointer: UnsafeMutableRawPointer?
  private let release: dx_release_fn?

  init(_ pointer: UnsafeMutableRawPointer?, _ release: dx_release_fn?) {
    self.pointer = pointer
    self.release = release
  }

  deinit {
    guard let release else { return }
    let call = ReleaseCall(release: release, pointer: pointer)
    CallbackThread.run { call.release(call.pointer) }
  }
}

private struct ReleaseCall: @unchecked Sendable {
  let release: dx_release_fn
  let pointer: UnsafeMutableRawPointer?
}

/// One thread for callbacks that are neither turns, activities nor waits: it starts with the first.
enum CallbackThread {
  private static let calls: WorkQueue<@Sendable () -> Void> = {
    let queue = WorkQueue<@Sendable () -> Void>()
    _ = startThread {
      while let calls = queue.take(untilMonotonicNS: nil) { for call in calls { call() } }
    }
    return queue
  }()

  static func run(_ call: @escaping @Sendable () -> Void) { calls.add(call) }
}
