package import PerdureModel
package import PerdureStore
import Synchronization

/// What the clients and runtimes of one open store share: the store, its committer, a clock, and who is to be
/// told of what.
///
/// After each group commit the hub tells the runtimes of this process what concerns them, so that nobody has
/// to poll.
package final class Hub: @unchecked Sendable {
  package let store: any Store
  package let clock: EngineClock
  package let limits: LimitSettings
  package let log: @Sendable (LogRecord) -> Void
  /// Whether anybody wants records of this level: asked before one is made for nobody.
  package let logs: @Sendable (LogLevel) -> Bool
  package let metrics: Metrics
  private let committerBox = Mutex<Committer?>(nil)
  private let runtimes = Mutex<[Runtime]>([])
  private let isClosed = Atomic(false)
  private let isToldOfFault = Atomic(false)
  package let waits: WaitDesk
  /// What writers and readers of this process have under way, if time is virtual.
  private let account: ClockAccount?

  package init(
    store: any Store, limits: LimitSettings = LimitSettings(), clock: ClockSettings = .system,
    logs: @escaping @Sendable (LogLevel) -> Bool = { $0 > .debug },
    log: @escaping @Sendable (LogRecord) -> Void
  ) throws(StoreError) {
    do throws(StoreError) { try Self.checkFormat(of: store) } catch {
      // Whoever joins looks again: a store that cannot be read just now may be opened.
      if !error.isTransient { throw error }
    }
    self.store = store
    self.clock = EngineClock(clock, shared: store.sharedTime)
    account = self.clock.virtual.map { ClockAccount($0) }
    self.limits = limits
    self.log = log
    self.logs = logs
    metrics = Metrics(since: self.clock.now())
    waits = WaitDesk(store: store, clock: self.clock.virtual)
    let committer = Committer(
      store: store, metrics: metrics, committed: { [weak self] in self?.tell($0) },
      failed: { [weak self] in self?.groupFailed() },
      finished: { [weak self] in self?.wake(committerIsFree: $0) },
      account: account)
    guard committer.start() else { throw StoreError(.internalError, "the system gives no more threads") }
    committerBox.withLock { $0 = committer }
    store.observeForeignWrites { [weak self] in self?.foreignWrite() }
  }

  /// Ends the use of the store after what was submitted is written.
  package func close() {
    guard !isClosed.exchange(true, ordering: .relaxed) else { return }
    store.willClose()
    store.observeForeignWrites(nil)
    waits.close()
    committerBox.withLock { $0?.stop() }
  }

  package func submit(_ jobs: [Committer.Job]) {
    guard let committer = committerBox.withLock({ $0 }) else { return }
    committer.submit(jobs)
  }

  /// Writes entries and waits until they are durable.
  package func write(_ entries: [StoreEntry]) -> [Committer.Result] {
    guard !entries.isEmpty else { return [] }
    let gathered = Gathered(count: entries.count)
    submit(
      entries.enumerated().map { index, entry in
        Committer.Job(entry) { gathered.set($0, at: index) }
      })
    return gathered.wait()
  }

  /// The counts of this store so far, and what its runtimes hold now.
  package func measure() -> MetricsSnapshot {
    var gauges = Gauges()
    for runtime in runtimes.withLock({ $0 }) { gauges.add(runtime.gauges) }
    if let backlog = committerBox.withLock({ $0 })?.backlog {
      gauges.writesWaiting = backlog.count
      gauges.oldestWriteNS = backlog.oldestNS
    }
    return metrics.snapshot(gauges, now: clock.now())
  }

  // MARK: Time

  /// Hands over the time for something that is written as of then; virtual time stands still meanwhile.
  package func atOneMoment<Value, Failure: Error>(
    _ body: (TimestampMS) throws(Failure) -> Value
  ) throws(Failure) -> Value {
    guard let account else { return try body(clock.now()) }
    account.hold()
    defer { account.release() }
    return try body(clock.now())
  }

  /// Moves virtual time, stopping at each moment on the way at which something is due until all is at rest.
  ///
  /// - untilMonotonicNS: when to give up, by the system's time; nil for never. Time stays where it got to.
  /// - answer: called once with `.moved`, `.timedOut` or `.closed`.
  /// - Returns: false: time is not virtual, or the store is closed; `answer` is never called.
  package func advance(
    byMS: Int64, untilMonotonicNS deadlineNS: Int64?, answer: @escaping @Sendable (WaitDesk.Answer) -> Void
  ) -> Bool {
    guard let virtual = clock.virtual else { return false }
    let advance = ClockAdvance()
    // No instance has the empty id.
    let wait = waits.wait(for: "", .told, untilMonotonicNS: deadlineNS, group: self) { given in
      virtual.end(advance)
      answer(given)
    }
    guard let wait else { return false }
    virtual.begin(advance, byMS: byMS) { [waits] now in waits.finish("", wait, .moved(now)) }
    return true
  }

  // MARK: Runtimes

  /// From here on the runtime is told of its instances; what `begin` posts comes before that.
  func attach(_ runtime: Runtime, begin: () -> Void) {
    runtimes.withLock {
      begin()
      $0.append(runtime)
    }
  }

  func detach(_ runtime: Runtime) { runtimes.withLock { $0.removeAll { $0 === runtime } } }

  /// A runtime of this process that would take a new instance.
  package func owner(for start: InstanceStart) -> NodeID? {
    runtimes.withLock { all in
      guard let index = all.firstIndex(where: { $0.accepts(start) }) else { return nil }
      // The next start goes to the next one.
      if all.count > 1 { all.append(all.remove(at: index)) }
      return all.count > 1 ? all[all.count - 1].node : all[index].node
    }
  }

  /// Asks the code of an instance in a runtime of this process. false: none serves it.
  package func ask(
    _ snapshot: InstanceSnapshot, _ query: QueryRequest, asker: @escaping @Sendable (Outcome) -> Void
  ) -> Bool {
    runtimes.withLock { $0 }.contains { $0.ask(snapshot, query, asker: asker) }
  }

  /// A runtime handed work back.
  func tellUnheldWork() {
    for runtime in runtimes.withLock({ $0 }) { runtime.post(.storeChanged(byOthers: false)) }
  }

  /// Nobody knows whether it landed, so nobody was told of it.
  private func groupFailed() {
    for runtime in runtimes.withLock({ $0 }) { runtime.post(.missed) }
  }

  private func foreignWrite() {
    if let fault = store.fault, !isToldOfFault.exchange(true, ordering: .relaxed) {
      log(LogRecord(at: clock.now(), level: .error, message: fault.message))
    }
    for runtime in runtimes.withLock({ $0 }) { runtime.post(.storeChanged(byOthers: true)) }
    waits.recheck()
  }

  /// What a group commit has to tell is handed over in one go.
  private func wake(committerIsFree: Bool) {
    for runtime in runtimes.withLock({ $0 }) {
      if committerIsFree { runtime.goOn() } else { runtime.inputs.wake() }
    }
  }

  /// Routes what a commit did to those in this process who hold the instances.
  private func tell(_ landed: [(StoreEntry, StoreReceipt)]) {
    var news = News(runtimes: runtimes.withLock { $0 }, isFollowed: waits.isFollowing)
    // Counted before anybody hears of it.
    metrics.counting { tally in
      for (entry, receipt) in landed {
        tally.add(entry, receipt)
        news.add(entry, receipt)
      }
    }
    news.send()
    for instance in news.watched { waits.changed(instance) }
  }
}

/// Results of several jobs, waited for together.
private final class Gathered: @unchecked Sendable {
  private let monitor = Monitor()
  private var results: [Committer.Result?]
  private var missing: Int

  init(count: Int) {
    results = Array(repeating: nil, count: count)
    missing = count
  }

  func set(_ result: Committer.Result, at index: Int) {
    monitor.locked {
      results[index] = result
      missing -= 1
      if missing == 0 { monitor.signal() }
    }
  }

  func wait() -> [Committer.Result] {
    monitor.locked {
      while missing > 0 { _ = monitor.wait(untilMonotonicNS: nil) }
      return results.compactMap { $0 }
    }
  }
}
