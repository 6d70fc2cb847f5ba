import PerdureModel
package import PerdureStore
import Synchronization

/// The one writer of a store: takes everything that is waiting and makes it durable together.
///
/// While a commit is on its way to the disk the next group collects; so the busier the store, the larger the
/// groups, and a lone write waits for nobody.
package final class Committer: @unchecked Sendable {
  /// What became of an entry: an outcome of its own, or the failure of the whole group.
  package enum Result: Sendable {
    case answered(StoreOutcome)
    case failed(StoreError)
  }

  package struct Job: Sendable {
    package var entry: StoreEntry
    /// Called on the committer's thread once the entry is durable or has failed; must not block.
    package var done: @Sendable (Result) -> Void

    package init(_ entry: StoreEntry, done: @escaping @Sendable (Result) -> Void) {
      self.entry = entry
      self.done = done
    }
  }

  private let store: any Store
  private let metrics: Metrics?
  /// Entries that are waiting or on the way to the disk.
  private let waiting = Atomic(0)
  /// When the oldest of them came, about; 0: there is none.
  private let waitingSinceNS = Atomic<Int64>(0)
  private let queue: WorkQueue<Job>
  private let committed: @Sendable ([(StoreEntry, StoreReceipt)]) -> Void
  private let failed: @Sendable () -> Void
  private let finished: @Sendable (Bool) -> Void

  /// - committed: called after each group with what landed, before the jobs are told.
  /// - failed: called after each group that failed and may have landed all the same, before the jobs are
  ///   told.
  /// - finished: called after each group when all jobs are told, with whether nothing more waits.
  /// - account: holds a virtual clock for each job until then.
  package init(
    store: any Store, metrics: Metrics? = nil,
    committed: @escaping @Sendable ([(StoreEntry, StoreReceipt)]) -> Void,
    failed: @escaping @Sendable () -> Void = {},
    finished: @escaping @Sendable (Bool) -> Void, account: ClockAccount? = nil
  ) {
    self.store = store
    self.metrics = metrics
    queue = WorkQueue(account: account)
    self.committed = committed
    self.failed = failed
    self.finished = finished
  }

  package func start() -> Bool {
    startThread { [self] in run() }
  }

  package func submit(_ jobs: [Job]) {
    if waitingSinceNS.load(ordering: .relaxed) == 0 {
      waitingSinceNS.store(monotonicNowNS(), ordering: .relaxed)
    }
    waiting.add(jobs.count, ordering: .relaxed)
    if !queue.add(contentsOf: jobs) {
      waiting.subtract(jobs.count, ordering: .relaxed)
      for job in jobs { job.done(.failed(StoreError(.closed, "the store is closed"))) }
    }
  }

  /// Finishes what was submitted, then ends.
  package func stop() { queue.close() }

  /// Entries that are not durable yet, and how long the oldest of them has waited. One that came during a
  /// commit counts from the beginning of that.
  var backlog: (count: Int, oldestNS: Int64) {
    let count = max(0, waiting.load(ordering: .relaxed))
    let since = waitingSinceNS.load(ordering: .relaxed)
    return (count, count == 0 || since == 0 ? 0 : max(0, monotonicNowNS() - since))
  }

  private func run() {
    while let jobs = queue.take(Limits.entriesPerCommit, untilMonotonicNS: nil) {
      let begin = monotonicNowNS()
      commit(jobs, begin)
      let left = waiting.subtract(jobs.count, ordering: .relaxed).newValue
      waitingSinceNS.store(left > 0 ? begin : 0, ordering: .relaxed)
      finished(left == 0)
      queue.done(jobs.count)
    }
    store.close()
  }

  private func commit(_ jobs: [Job], _ begin: Int64) {
    do throws(StoreError) {
      let outcomes = try store.commit(jobs.map { $0.entry })
      let tookNS = monotonicNowNS() - begin
      var landed: [(StoreEntry, StoreReceipt)] = []
      landed.reserveCapacity(jobs.count)
      var refusals: [StoreRefusal] = []
      for (job, outcome) in zip(jobs, outcomes) {
        if case .success(let receipt) = outcome {
          landed.append((job.entry, receipt))
        } else if case .failure(let refusal) = outcome {
          refusals.append(refusal)
        }
      }
      metrics?.committed(landed.count, refusals: refusals, tookNS: tookNS)
      committed(landed)
      for (job, outcome) in zip(jobs, outcomes) { job.done(.answered(outcome)) }
    } catch {
      metrics?.failed(error)
      if error.isTransient { failed() }
      for job in jobs { job.done(.failed(error)) }
    }
  }
}
