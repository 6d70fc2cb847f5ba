import CDX
import PerdureRuntime
import Synchronization

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
  private typealias Calls = WorkQueue<@Sendable () -> Void>
  nonisolated(unsafe) private static let current = {
    let place = UnsafeMutablePointer<AtomicLazyReference<Calls>>.allocate(capacity: 1)
    place.initialize(to: AtomicLazyReference())
    return place
  }()

  static func prepare() { _ = current }

  /// In a forked child: what the parent has to call is the parent's, and so is the thread.
  static func beginAnew() { current.initialize(to: AtomicLazyReference()) }

  static func run(_ call: @escaping @Sendable () -> Void) { (current.pointee.load() ?? begin()).add(call) }

  private static func begin() -> Calls {
    _ = Forks.count
    let made = Calls()
    let calls = current.pointee.storeIfNil(made)
    if calls === made {
      _ = startThread {
        while let calls = made.take(untilMonotonicNS: nil) { for call in calls { call() } }
      }
    }
    return calls
  }
}
