import Glibc
import Synchronization

/// What a body of a thread threw, and the work itself, in a box that a C function can carry.
private final class Work: Sendable {
  let index: Int
  let body: @Sendable (Int) throws -> Void
  let failure = Mutex<(any Error)?>(nil)

  init(index: Int, body: @escaping @Sendable (Int) throws -> Void) {
    self.index = index
    self.body = body
  }

  func run() {
    do {
      try body(index)
    } catch {
      failure.withLock { $0 = error }
    }
  }
}

/// Runs the body on `count` threads at once, with 0, 1, 2... and throws what the first of them threw.
func inParallel(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) throws {
  let works = (0..<count).map { Work(index: $0, body: body) }
  var threads: [pthread_t] = []
  for work in works {
    var thread = pthread_t()
    let box = Unmanaged.passRetained(work)
    let code = pthread_create(&thread, nil, entry, box.toOpaque())
    guard code == 0 else {
      box.release()
      work.run()
      continue
    }
    threads.append(thread)
  }
  for thread in threads { pthread_join(thread, nil) }
  for work in works {
    if let failure = work.failure.withLock({ $0 }) { throw failure }
  }
}

private func entry(_ box: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let box else { return nil }
  Unmanaged<Work>.fromOpaque(box).takeRetainedValue().run()
  return nil
}
