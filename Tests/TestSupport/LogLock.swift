import Glibc

/// The log is one for the whole process, and so are the suites that look at it: one holds it at a time.
package struct LogLock: ~Copyable {
  private let file: Int32

  /// Must not block: the threads of tasks are few, and who holds the lock needs one to go on.
  package init() async {
    let file = open("/tmp/perdure-tests-log-\(getpid()).lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    while flock(file, LOCK_EX | LOCK_NB) != 0 { try? await Task.sleep(for: .milliseconds(5)) }
    self.file = file
  }

  deinit { _ = close(file) }
}
