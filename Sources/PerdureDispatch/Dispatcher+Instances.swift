package import PerdureModel
import PerdureReplay

extension Dispatcher {
  // MARK: Input

  /// An instance was created with us as its owner.
  ///
  /// - createdAt: as the store has it; nil: not known.
  package mutating func instanceStarted(
    _ start: InstanceStart, createdAt: TimestampMS? = nil, now: TimestampMS
  ) {
    guard isRunning else { return }
    // What we hold under this id was deleted, by another process perhaps.
    if self.held[ExactText(start.instance)] != nil { drop(start.instance, now) }
    let held = Held(instance: start.instance, phase: .idle, revision: 0, start: start)
    held.createdAt = createdAt
    hold(held)
    becameReady(held)
    pump(now)
  }

  /// Instances were deleted: nothing of them goes on here.
  package mutating func instancesDeleted(_ instances: [InstanceID], now: TimestampMS) {
    for instance in instances { drop(instance, now) }
    pump(now)
  }

  /// Somebody changed an instance as a whole: suspended, resumed or put it back to work. What we hold is
  /// void.
  package mutating func instanceChanged(_ instance: InstanceID, now: TimestampMS) {
    if let held = held[ExactText(instance)] {
      forwardResults(held)
      giveBackUncertain(held)
      forget(held)
    }
    pump(now)
  }

  private mutating func drop(_ instance: InstanceID, _ now: TimestampMS) {
    desk.dropAll(of: instance, now, into: &effects)
    if let held = held[ExactText(instance)] { forget(held) }
  }

  /// A message was stored for an instance that we own.
  package mutating func messageStored(_ instance: InstanceID, _ message: InboxMessage, now: TimestampMS) {
    guard isRunning else { return }
    if let held = held[ExactText(instance)] {
      if held.take(message) { becameReady(held) }
    } else {
      claim(instance)
    }
    pump(now)
  }

  /// Answer to `.loadInbox`.
  package mutating func foundMessages(_ instance: InstanceID, _ messages: [InboxMessage], now: TimestampMS) {
    // While it loads, these may be older than what the snapshot will have.
    guard isRunning, let held = held[ExactText(instance)], held.phase != .loading else { return }
    held.take(read: messages)
    becameReady(held)
    if held.phase == .idle, held.mustReadAgain { readInbox(held) }
    pump(now)
  }

  /// Answer to `.findDue`: instances of ours that are due by their rows.
  package mutating func foundDue(_ instances: [InstanceID], now: TimestampMS) {
    guard isRunning else { return }
    // There may be more of them than one answer holds.
    if instances.count >= Limits.pageRows { mayHaveMissed(now: now) }
    for instance in instances {
      if let held = held[ExactText(instance)] {
        lookAgain(held)
      } else {
        claim(instance)
      }
    }
    pump(now)
  }

  /// There are messages that we were not told of, as a rule. If there are none, what we hold may be of an
  /// older life of this id: the new one was claimed for us, but the answer was lost.
  private mutating func lookAgain(_ held: Held) {
    guard held.phase != .loading else { return }
    if held.phase == .idle, held.isDueForNothing, held.inboxReads == 0 {
      held.isDueForNothing = false
      return reload(held)
    }
    held.isDueForNothing = held.phase == .idle
    // What a turn is at is due by its row until it lands, and others may write all the time: one read for
    // each turn tells as much as one for each write.
    if held.phase == .turning || held.phase == .committing || held.inboxReads > 0 {
      held.mustReadAgain = true
    } else {
      readInbox(held)
    }
  }

  /// Answer to `.findNextDue`.
  package mutating func nextDueFound(_ at: TimestampMS?, now: TimestampMS) {
    backlog.isFindingNextDue = false
    if let at { awaitDue(at: at) }
    if backlog.mustFindNextDueAgain { findNextDue() }
    pump(now)
  }

  /// Answer to `.load`.
  package mutating func loaded(_ instance: InstanceID, _ result: LoadResult, now: TimestampMS) {
    guard isRunning, let held = held[ExactText(instance)] else { return }
    if case .failed = result, held.phase != .loading {
      // Its inbox could not be read.
      held.inboxReads = max(0, held.inboxReads - 1)
      held.mustReadAgain = true
      // Loading is tried until it works.
      if held.phase == .idle { reload(held) }
      return pump(now)
    }
    guard held.phase == .loading else { return }
    switch result {
    case .snapshot(let snapshot): restore(held, snapshot, now)
    case .missing: forget(held)
    case .unreadable(let message, let revision):
      held.revision = revision
      unreadable(held, message, now)
    case .failed(let message):
      held.failures += 1
      log(.warn, "an instance could not be loaded and is tried again: \(message)", now, held)
      wait(held, min(held.failures, Self.storeFailuresMax), now)
    }
    pump(now)
  }

  package enum LoadResult: Hashable, Sendable {
    case snapshot(InstanceSnapshot)
    case missing
    /// Its history cannot be read; the row's revision.
    case unreadable(String, Revision)
    case failed(String)
  }

  // MARK: In and out of memory

  mutating func hold(_ held: Held) { self.held[ExactText(held.instance)] = held }

  mutating func forget(_ held: Held) {
    desk.recorded(held.instance)
    held.phase = .loading
    held.state = nil
    self.held[ExactText(held.instance)] = nil
  }

  /// For others to run: out of memory, with nothing lost.
  mutating func handBack(_ held: Held) {
    forwardResults(held)
    giveBackUncertain(held)
    write(.releaseInstances([held.instance]))
    forget(held)
  }

  /// All that neither a host nor the store is at; the rest follows when it is back.
  mutating func handBackAll() {
    var released: [InstanceID] = []
    for held in held.values.sorted(by: { $0.instance < $1.instance })
    where held.phase != .turning && held.phase != .committing {
      forwardResults(held)
      giveBackUncertain(held)
      forget(held)
      released.append(held.instance)
    }
    // Each a short write: others want to go on.
    while !released.isEmpty {
      write(.releaseInstances(Array(released.prefix(Self.claimLimit))))
      released.removeFirst(min(released.count, Self.claimLimit))
    }
  }

  /// At rest: either there is more to do, or it is parked.
  mutating func settle(_ held: Held) {
    if isDraining { return handBack(held) }
    held.folding = []
    held.prepared = PreparedTurn()
    held.history = nil
    held.phase = .idle
    freeSlots(of: held)
    if held.hasWork { return becameReady(held) }
    held.parkings += 1
    parked.append((held, held.parkings))
    parkedCount += 1
  }

  /// Drops the longest-parked instances beyond the cache's size; the store knows when they are due.
  mutating func evict() {
    var released: [InstanceID] = []
    while held.count > settings.cachedInstances || parkedCount > 4 * max(held.count, 64) {
      guard let (candidate, parking) = parked.popFirst() else { break }
      parkedCount -= 1
      guard candidate.phase == .idle, candidate.parkings == parking, !candidate.hasWork else { continue }
      guard held.count > settings.cachedInstances else {
        parked.append((candidate, parking))
        parkedCount += 1
        break
      }
      if let timer = candidate.state?.nextTimer {
        awaitDue(at: timer)
      }
      released.append(candidate.instance)
      forget(candidate)
    }
    if !released.isEmpty { write(.releaseInstances(released)) }
  }

  mutating func readInbox(_ held: Held) {
    held.inboxReads += 1
    held.mustReadAgain = false
    effects.append(.loadInbox(held.instance, after: held.readThrough))
  }

  /// Reads the instance anew; what a turn had taken goes back first.
  mutating func reload(_ held: Held) {
    unfold(held)
    if isDraining { return handBack(held) }
    held.state = nil
    held.mustReadAgain = false
    held.phase = .loading
    effects.append(.load(held.instance))
  }

  /// After a lost race: the store decides who goes on. Messages come back with the snapshot; results of
  /// activities that ran here exist nowhere else, so they go to the store, which takes those whose claim
  /// still holds. (A turn with one whose claim is lost would lose the race for ever.)
  mutating func startOver(_ held: Held) {
    forwardResults(held)
    giveBackUncertain(held)
    held.incoming = []
    held.known = []
    held.folding = []
    held.prepared = PreparedTurn()
    held.history = nil
    held.commit = nil
    held.told = []
    held.next = nil
    held.state = nil
    held.start = nil
    held.hostEvents = 0
    held.phase = .loading
    if isDraining { return forget(held) }
    write(.claimInstance(held.instance))
  }

  private mutating func claim(_ instance: InstanceID) {
    hold(Held(instance: instance, phase: .loading, revision: 0, start: nil))
    write(.claimInstance(instance))
  }
}
