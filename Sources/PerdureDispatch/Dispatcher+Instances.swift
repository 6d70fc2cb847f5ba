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
    write(.releaseInstances([held.instance]))
    forget(held)
  }

  /// All that neither a host nor the store is at; the rest follows when it is back.
  mutating func handBackAll() {
    var released: [InstanceID] = []
    for held in held.values.sorted(by: { $0.instance < $1.instance })
    where held.phase != .turning && held.phase != .committing {
      forwardResults(held)
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
    if held.failures > 0, let commit = held.commit {
      // It may be our own turn that won, though the store said that it failed. Then activities are claimed
      // for us that we have never held.
      giveBack(commit.scheduled)
    }
    held.incoming = []
    held.known = []
    held.folding = []
    held.prepared = PreparedTurn()
    held.history = nil
    held.commit = nil
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

// MARK: - Claims

extension Dispatcher {
  mutating func pumpClaims(_ now: TimestampMS) {
    let names = registry.orchestrations
    guard !names.isEmpty, backlog.mayHaveInstances, !backlog.isClaimingInstances, hasRoom else { return }
    backlog.mayHaveInstances = false
    backlog.isClaimingInstances = true
    write(.claimInstances(orchestrations: names, limit: Self.claimLimit))
  }

  mutating func instancesClaimed(_ outcome: WriteOutcome, limit: Int, _ now: TimestampMS) {
    backlog.isClaimingInstances = false
    switch outcome {
    case .instances(let instances) where !isRunning:
      if !instances.isEmpty { write(.releaseInstances(instances)) }
    case .instances(let instances):
      for instance in instances {
        if let known = held[ExactText(instance)] {
          switch known.phase {
          case .loading: continue
          case .idle:
            // Nobody owned it: what we hold may be of an older life of this id. The store knows.
            forget(known)
          default:
            readInbox(known)
            continue
          }
        }
        let held = Held(instance: instance, phase: .loading, revision: 0, start: nil)
        hold(held)
        effects.append(.load(instance))
      }
      if instances.count >= limit {
        backlog.mayHaveInstances = true
      } else {
        findNextDue()
      }
    case .failed: awaitDue(at: now + 1_000)
    default: break
    }
  }

  mutating func findNextDue() {
    backlog.mustFindNextDueAgain = backlog.isFindingNextDue
    guard !backlog.isFindingNextDue else { return }
    backlog.isFindingNextDue = true
    effects.append(.findNextDue)
  }

  mutating func instanceClaimed(_ instance: InstanceID, _ outcome: WriteOutcome, _ now: TimestampMS) {
    guard let held = held[ExactText(instance)] else {
      // It was forgotten while the claim was on its way, and now it is ours.
      if case .instances = outcome {
        write(.releaseInstances([instance]))
        backlog.mayHaveInstances = true
      }
      return
    }
    guard held.phase == .loading else { return }
    switch outcome {
    case .instances: effects.append(.load(instance))
    case .failed:
      held.failures += 1
      wait(held, min(held.failures, Self.storeFailuresMax), now)
    case .notFound: forget(held)
    default:
      forwardResults(held)
      forget(held)
    }
  }

  /// Goes on from what the store has.
  private mutating func restore(_ held: Held, _ snapshot: InstanceSnapshot, _ now: TimestampMS) {
    let row = snapshot.description
    guard row.status == .running || row.status == .pending else {
      handBack(held)
      // It may have been put back to work, and claimed for us, after this was read.
      if !row.status.isTerminal { backlog.mayHaveInstances = true }
      return
    }
    if let owner = snapshot.owner, owner != settings.node { return write(.claimInstance(held.instance)) }
    if let start = snapshot.start, start.options.startAt > now,
      !snapshot.inbox.contains(where: { $0.isCancel })
    {
      // Claimed by name before its time: for something that the id had before.
      awaitDue(at: start.options.startAt)
      return handBack(held)
    }
    merge(snapshot, into: held)
    held.state = nil
    if snapshot.start == nil {
      do throws(HistoryFault) {
        held.state = try ExecutionState.folding(
          snapshot.history, instance: held.instance, execution: row.execution, kv: snapshot.kv)
      } catch {
        let place = "instance '\(held.instance)', execution \(row.execution), event \(error.event)"
        return unreadable(held, "the history of \(place) is damaged: \(error.message)", now)
      }
    }
    held.failures = 0
    restoreTimers(held, now)
    if snapshot.lostTurns > 0, !held.hasWork {
      // Due by its row, such as after it was resumed, but for nothing: handed back it is under no suspicion.
      return handBack(held)
    }
    if snapshot.lostTurns >= Limits.turnLosses {
      let message =
        "the process of instance '\(held.instance)' died \(snapshot.lostTurns) times in a row while a turn "
        + "of it was due"
      return giveUp(held, Failure(type: FailureType.poison, message: message), now)
    }
    let needsHistory = held.hasWork && held.state.map { $0.lastDelivered > 0 } ?? false
    settle(held)
    if needsHistory { held.history = snapshot.history }
  }

  /// Messages are the snapshot's: one that we were told of meanwhile may have been taken before the snapshot,
  /// so the store is asked again. Results of what ran here exist only here.
  private mutating func merge(_ snapshot: InstanceSnapshot, into held: Held) {
    let last = snapshot.inbox.last?.sequence ?? 0
    let isToldMore = held.incoming.contains { item in
      if case .message(let message) = item { message.sequence > last } else { false }
    }
    held.incoming = snapshot.inbox.map { .message($0) } + held.results
    held.revision = snapshot.description.revision
    held.createdAt = snapshot.description.createdAt
    held.start = snapshot.start
    held.priority = snapshot.description.priority
    held.kv = snapshot.kv
    held.mustEnd = false
    held.hostEvents = 0
    held.folding = []
    held.readThrough = max(held.readThrough, last)
    held.known = []
    held.inboxReads = 0
    if isToldMore { readInbox(held) }
  }

  private mutating func restoreTimers(_ held: Held, _ now: TimestampMS) {
    guard let state = held.state else { return }
    held.mustEnd = state.endBy.map { $0 <= now } ?? false
    armEnd(state)
    for (action, fireAt) in state.timers.sorted(by: { ($0.value, $0.key) < ($1.value, $1.key) }) {
      if fireAt <= now {
        held.incoming.append(.timerDue(action))
      } else {
        let due = DueTimer(instance: held.instance, execution: state.execution, action: action)
        arm(due, fireAt)
      }
    }
  }

  private mutating func unreadable(_ held: Held, _ message: String, _ now: TimestampMS) {
    giveUp(held, Failure(type: FailureType.corruptHistory, message: message), now)
  }

  private mutating func giveUp(_ held: Held, _ failure: Failure, _ now: TimestampMS) {
    log(.error, "quarantined: \(failure.message)", now, held)
    held.phase = .committing
    write(.quarantine(held.instance, held.revision, failure))
  }
}

extension InboxMessage {
  fileprivate var isCancel: Bool { if case .cancel = kind { true } else { false } }
}
