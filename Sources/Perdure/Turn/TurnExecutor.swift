import Glibc
import Synchronization

/// Runs the tasks of one instance, inline and in order, on the thread that runs its turn.
///
/// `async let`, task groups, nonisolated functions and default actors inherit it as their preferred executor.
/// Work that comes back from elsewhere (`Task { }`, `Task.sleep`, the main actor) arrives on a thread that
/// does not run a turn: such a job is foreign, and its arrival proves that the code awaited something that no
/// history can repeat.
///
///     state      who enqueues            what happens to the job
///     -------    --------------------    ------------------------------------------------------------
///     parked     anybody                 foreign: kept for eviction, noted
///     draining   the draining thread     appended, run in order
///     draining   another thread          foreign: kept for eviction, noted
///     retired    anybody                 the global pool runs it, so that the evicted tasks can end
///
/// Code that never blocks (a loop around `Task.yield`) would drain for ever: after `jobsPerDrain` jobs the
/// rest are left, and their tasks hang.
final class TurnExecutor: TaskExecutor, @unchecked Sendable {
  /// The thread that drains, 0 while parked.
  private let owner = Atomic<UInt>(0)
  /// Only touched by the owner.
  private var ready: [UnownedJob] = []
  /// Only touched by the owner. The code made more jobs out of one event than any code needs.
  private(set) var isEndless = false
  static let jobsPerDrain = 500_000
  private let foreign = Mutex(Foreign())

  private struct Foreign {
    var isRetired = false
    var jobs: [UnownedJob] = []
    var count = 0
  }

  /// The calling thread runs a turn of this instance right now.
  var isCurrent: Bool { owner.load(ordering: .relaxed) == UInt(pthread_self()) }

  /// Jobs that arrived from elsewhere so far; above zero, the code is not deterministic.
  var foreignJobs: Int { foreign.withLock { $0.count } }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    if isCurrent {
      ready.append(job)
      return
    }
    let isRetired = foreign.withLock {
      $0.count &+= 1
      if !$0.isRetired { $0.jobs.append(job) }
      return $0.isRetired
    }
    if isRetired { globalConcurrentExecutor.enqueue(job) }
  }

  /// Makes the calling thread the owner, performs `body`, and runs what became ready until nothing is left.
  func run(_ body: () -> Void) {
    let before = owner.exchange(UInt(pthread_self()), ordering: .acquiringAndReleasing)
    defer { owner.store(before, ordering: .releasing) }
    body()
    drain()
  }

  private func drain() {
    let me = asUnownedTaskExecutor()
    var next = 0
    while next < ready.count {
      if next >= Self.jobsPerDrain {
        isEndless = true
        break
      }
      let job = ready[next]
      next &+= 1
      job.runSynchronously(on: me)
    }
    ready.removeAll(keepingCapacity: !isEndless)
  }

  /// The last drain: also runs the foreign jobs, so that the tasks behind them can end, and sends later ones
  /// to the global pool. `body` must have made sure that no durable call waits any more.
  func retire(_ body: () -> Void) {
    let jobs = foreign.withLock {
      $0.isRetired = true
      let jobs = $0.jobs
      $0.jobs = []
      return jobs
    }
    run {
      body()
      ready.append(contentsOf: jobs)
    }
  }
}
