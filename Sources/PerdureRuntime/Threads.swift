import Glibc

/// A mutex with a condition, on the heap because both must not move.
package final class Monitor: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  package init() {
    pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(condition, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  package func locked<Value>(_ body: () throws -> Value) rethrows -> Value {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body()
  }

  package func lock() { pthread_mutex_lock(mutex) }
  package func unlock() { pthread_mutex_unlock(mutex) }

  /// false: somebody has the lock, maybe this thread.
  package func tryLocked(_ body: () -> Void) -> Bool {
    guard pthread_mutex_trylock(mutex) == 0 else { return false }
    defer { pthread_mutex_unlock(mutex) }
    body()
    return true
  }

  /// With the lock held: sleeps until signalled or the monotonic moment; false when that has passed.
  package func wait(untilMonotonicNS deadline: Int64?) -> Bool {
    guard let deadline else {
      pthread_cond_wait(condition, mutex)
      return true
    }
    var time = timespec(tv_sec: Int(deadline / 1_000_000_000), tv_nsec: Int(deadline % 1_000_000_000))
    return pthread_cond_timedwait(condition, mutex, &time) != ETIMEDOUT
  }

  package func signal() { pthread_cond_signal(condition) }
  package func broadcast() { pthread_cond_broadcast(condition) }
}

/// Runs `body` on a new detached thread. false: the system has no more threads.
package func startThread(_ body: @escaping @Sendable () -> Void) -> Bool {
  final class Start {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
  var attributes = pthread_attr_t()
  pthread_attr_init(&attributes)
  defer { pthread_attr_destroy(&attributes) }
  pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
  // Signals belong to the host: our threads take none.
  var all = sigset_t()
  var before = sigset_t()
  sigfillset(&all)
  pthread_sigmask(SIG_SETMASK, &all, &before)
  defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
  let start = Unmanaged.passRetained(Start(body))
  var thread = pthread_t()
  let code = pthread_create(
    &thread, &attributes,
    { argument in
      guard let argument else { return nil }
      Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().body()
      return nil
    }, start.toOpaque())
  if code != 0 { start.release() }
  return code == 0
}

/// The threads that make callbacks to hosts: the engine may go on there, which is waited for by nobody.
enum CallingThread {
  private static let key = {
    var key = pthread_key_t()
    return pthread_key_create(&key, nil) == 0 ? key : nil
  }()

  /// This thread is one, for its whole life.
  static func mark() {
    guard let key else { return }
    pthread_setspecific(key, UnsafeRawPointer(bitPattern: 1))
  }

  static var isCurrent: Bool {
    guard let key else { return false }
    return pthread_getspecific(key) != nil
  }
}

/// Nanoseconds on a clock that never jumps.
package func monotonicNowNS() -> Int64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// Waits for one value from another thread.
package final class OneShot<Value: Sendable>: @unchecked Sendable {
  private let monitor = Monitor()
  private var value: Value?

  package init() {}

  package func set(_ value: Value) {
    monitor.locked {
      self.value = value
      monitor.broadcast()
    }
  }

  package func wait() -> Value {
    monitor.locked {
      while true {
        if let value { return value }
        _ = monitor.wait(untilMonotonicNS: nil)
      }
    }
  }
}
