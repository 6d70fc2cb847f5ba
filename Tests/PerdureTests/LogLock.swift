import Glibc

/// The log is one for the whole process, and so are the suites that look at it: one holds it at a time.
struct LogLock: ~Copyable {
  private let file: Int32

  init() {
    file = open("/tmp/perdure-tests-log-\(getpid()).lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    _ = flock(file, LOCK_EX)
  }

  deinit { _ = close(file) }
}
