import Glibc

/// Works through numbered tasks on some threads and hands the results over in the order of the tasks.
enum Pool {
  /// - body: runs on any thread.
  /// - take: gets each result, the first task's first; false ends it all.
  static func run<Result: Sendable>(
    _ count: UInt64, jobs: Int, _ body: @escaping @Sendable (UInt64) -> Result,
    take: (UInt64, Result) -> Bool
  ) async {
    await withTaskGroup(of: (UInt64, Result).self) { group in
      var next: UInt64 = 0
      var waiting: [UInt64: Result] = [:]
      var due: UInt64 = 0
      func add() {
        guard next < count else { return }
        let number = next
        next += 1
        group.addTask { (number, body(number)) }
      }
      for _ in 0..<jobs { add() }
      while let (number, result) = await group.next() {
        waiting[number] = result
        // One slow world does not let the others run away.
        while let ready = waiting.removeValue(forKey: due) {
          guard take(due, ready) else { return group.cancelAll() }
          due += 1
        }
        add()
      }
    }
  }
}

/// Says now and then how far a long run is, on standard error.
struct Progress {
  private let began = time(nil)
  private var last = time(nil)

  mutating func say(_ text: @autoclosure () -> String) {
    let now = time(nil)
    guard now - last >= 20 else { return }
    last = now
    fflush(nil)
    let line = Array("\(text()) in \(now - began) s\n".utf8)
    _ = write(STDERR_FILENO, line, line.count)
  }
}
