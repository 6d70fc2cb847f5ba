import PerdureModel
import PerdureReplay

/// Instances come in by claims, and load.
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
  mutating func restore(_ held: Held, _ snapshot: InstanceSnapshot, _ now: TimestampMS) {
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

  mutating func unreadable(_ held: Held, _ message: String, _ now: TimestampMS) {
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
