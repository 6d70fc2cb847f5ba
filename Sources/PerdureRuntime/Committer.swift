import PerdureModel
package import PerdureStore

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
  private let queue: WorkQueue<Job>
  private let committed: @Sendable ([(StoreEntry, StoreReceipt)]) -> Void
  private let finished: @Sendable () -> Void

  /// - committed: called after each group with what landed, before the jobs are told.
  /// - finished: called after each group when all jobs are told.
  /// - account: holds a virtual clock for each job until then.
  package init(
    store: any Store, committed: @escaping @Sendable ([(StoreEntry, StoreReceipt)]) -> Void,
    finished: @escaping @Sendable () -> Void, account: ClockAccount? = nil
  ) {
    self.store = store
    queue = WorkQueue(account: account)
    self.committed = committed
    self.finished = finished
  }

  package func start() -> Bool {
    startThread { [self] in run() }
  }

  package func submit(_ jobs: [Job]) {
    if !queue.add(contentsOf: jobs) {
      for job in jobs { job.done(.failed(StoreError(.closed, "the store is closed"))) }
    }
  }

  /// Finishes what was submitted, then ends.
  package func stop() { queue.close() }

  private func run() {
    while let jobs = queue.take(Limits.entriesPerCommit, untilMonotonicNS: nil) {
      commit(jobs)
      finished()
      queue.done(jobs.count)
    }
    store.close()
  }

  private func commit(_ jobs: [Job]) {
    do throws(StoreError) {
      let outcomes = try store.commit(jobs.map { $0.entry })
      var landed: [(StoreEntry, StoreReceipt)] = []
      landed.reserveCapacity(jobs.count)
      for (job, outcome) in zip(jobs, outcomes) {
        if case .success(let receipt) = outcome { landed.append((job.entry, receipt)) }
      }
      committed(landed)
      for (job, outcome) in zip(jobs, outcomes) { job.done(.answered(outcome)) }
    } catch {
      for job in jobs { job.done(.failed(error)) }
    }
  }
}
