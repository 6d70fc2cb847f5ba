import PerdureDispatch
import PerdureModel
import PerdureDriver
import PerdureStore

/// The committer of a process, as Committer is.
extension World {
  func submit(_ write: Write, of node: SimNode) {
    if mutation == .dispatchEarly, case .turn(let commit, _) = write { beginEarly(commit, node) }
    let clock = clock(node)
    submit(
      SimProcess.Job(
        entry: write.entry(node: node.id, now: clock), origin: .node(node, write), clock: clock),
      to: node.process)
  }

  func submit(_ job: SimProcess.Job, to process: SimProcess) {
    process.queue.append(job)
    if process.group == nil { startGroup(process) }
  }

  /// Takes all that waits; what comes meanwhile is the next group.
  private func startGroup(_ process: SimProcess) {
    guard !process.queue.isEmpty else { return }
    var fault = SimProcess.CommitFault.none
    if fails(.tornCommit) { fault = .torn }
    if fails(.failBefore) { fault = .failBefore }
    if fails(.failAfter) { fault = .failAfter }
    if now < diskIsFullUntil { fault = .full }
    var isSlow = fails(.slowCommit)
    switch isForced(.commit) {
    case .failBefore?: fault = .failBefore
    case .failAfter?: fault = .failAfter
    case .tornCommit?: fault = .torn
    case .killBefore?: fault = .killBefore
    case .killAfter?: fault = .killAfter
    case .slowCommit?: isSlow = true
    case .partition?: cutOff(process)
    default: break
    }
    process.group = SimProcess.Group(jobs: process.queue, fault: fault)
    process.queue = []
    after(isSlow ? random.delay(100...2_500) : random.delay(0...6), .groupApplies(process))
  }

  func applyGroup(_ process: SimProcess) {
    guard var group = process.group, !isHeldUp(process, group) else { return }
    if group.fault == .killBefore { return kill(process, landing: false) }
    if group.fault != .failBefore, group.fault != .full {
      let isTorn = group.fault == .torn
      group.outcomes = group.jobs.map { isTorn && random.chance(400) ? Self.refused : applyInFull($0) }
      process.group = group
      // A claim that found nothing leaves no mark on the disk.
      if group.outcomes.contains(where: { $0.changesTheStore }) { wakeOthers(process) }
    }
    if group.fault == .killAfter { return kill(process) }
    trace.note(now, "group", "", Int64(process.number), Int64(group.jobs.count))
    after(random.delay(0...3), .groupAnswers(process))
  }

  /// An entry that the store could not write, though it could write others.
  private static let refused = StoreOutcome.failure(.failed(StoreError(.io, "the disk failed here")))

  private func applyInFull(_ job: SimProcess.Job) -> StoreOutcome {
    // A store that resolves conflicts by refusing may refuse what had no rival.
    if case .turn = job.entry, fails(.lostRace) { return .failure(.conflict) }
    return apply(job)
  }

  private func apply(_ job: SimProcess.Job) -> StoreOutcome {
    entriesWritten += 1
    let outcome = store.apply(job.entry, rows: watch.rows)
    var clock = job.clock
    if case .node(let node, _) = job.origin { clock = self.clock(node) }
    switch outcome {
    case .success(let receipt):
      note(job.entry, receipt)
      watch.moment = moment(offset: clock - now)
      watch.landed(job.entry, receipt, clock: clock, in: store)
    case .failure(.failed(let error)):
      watch.require(false, "An entry was refused as malformed: \(error.message)")
    case .failure(let refusal): watch.refused(job.entry, refusal, in: store)
    }
    return outcome
  }

  private func moment(offset: Int64) -> Watch.Moment {
    var moment = Watch.Moment(now: now, offset: offset)
    guard !isHostile else { return moment }
    moment.calmSince = troubleAt + 10_000
    let offsets = processes.filter { $0.isAlive }.map { $0.clockOffset }
    moment.spread = (offsets.max() ?? 0) - (offsets.min() ?? 0)
    return moment
  }

  private func note(_ entry: StoreEntry, _ receipt: StoreReceipt) {
    switch entry {
    case .noted(let inner, _): return note(inner, receipt)
    case .turn(let commit):
      trace.note(now, "commit", commit.instance, commit.revision, Int64(commit.events.count))
      for event in commit.events { trace.remark(now, "  \(event.id) \(event.kind)") }
    case .start(let start, _, _): trace.note(now, "start", start.instance)
    case .post(let message, _): trace.remark(now, "posted to \(message.to): \(message.kind)")
    case .control(let instance, let verb, _, _): trace.note(now, "control", "\(verb.rawValue) \(instance)")
    case .quarantine(let instance, _, _, _): trace.note(now, "quarantine", instance)
    case .reset(let resets):
      for reset in resets { trace.note(now, "reset", reset.instance, reset.kept) }
    case .delete(let instance, _): trace.note(now, "delete", instance)
    case .actOnActivity(let key, _, _): trace.note(now, "by hand", key.instance, key.action)
    case .sweep:
      guard case .swept(let deleted, _) = receipt, !deleted.isEmpty else { return }
      trace.note(now, "swept", deleted.joined(separator: " "), Int64(deleted.count))
    case .activityRetry(let key, _, _, let at, _): trace.note(now, "retry", key.instance, key.action, at)
    case .activityEnded(let key, _, _, _), .deferActivity(let key, _, _, _):
      trace.note(now, "leaves", key.instance, key.action)
    case .completeActivity(let token, _, _):
      trace.note(now, "completed", token.key.instance, token.key.action, token.token)
    case .publish(let publication, _): trace.note(now, "publish", publication.topic)
    case .releaseUnheldActivities(let node, let held):
      return trace.note(now, "gives back all but", "", node, Int64(held.count))
    case .releaseActivities(let activities):
      for each in activities {
        trace.note(now, "gives back", each.key.instance, each.key.action, each.claim.node)
      }
      return
    case .expireActivities:
      guard case .delivered(let deliveries) = receipt, !deliveries.isEmpty else { return }
      trace.note(now, "expired", "", Int64(deliveries.count))
    default: return
    }
    lastLanding = now
  }

  /// The group as a whole has come back.
  func answerGroup(_ process: SimProcess) {
    guard let group = process.group, !isAnswerLost(process, group) else { return }
    process.group = nil
    let isAnswered = group.fault == .none || group.fault == .torn
    if isAnswered {
      tell(process, group)
    } else if group.fault == .failAfter {
      for node in process.nodes { node.isExcused = true }
    }
    if group.fault != .none {
      for node in process.nodes {
        node.failedAt = now
        add(.missed, to: node)
      }
    }
    for (index, job) in group.jobs.enumerated() {
      let outcome = isAnswered ? group.outcomes[index] : nil
      switch job.origin {
      case .node(let node, let write):
        add(.wrote(asHeld(write, group), WriteOutcome(outcome, group.fault)), to: node)
      default:
        if acknowledgesFromMemory(group.fault), case .post(let message, _) = job.entry {
          answered(job, .success(.posted(Delivery.early(message))))
          continue
        }
        // Who was refused for no reason of its own asks again.
        if case .failure(.failed)? = outcome { answered(job, nil) } else { answered(job, outcome) }
      }
    }
    startGroup(process)
  }

  /// The mutation that lets what the code logged go with what is held of its instance.
  private func asHeld(_ write: Write, _ group: SimProcess.Group) -> Write {
    guard mutation == .forgetWhatWasLogged, case .turn(let commit, _) = write else { return write }
    let isForgotten = group.jobs.contains { job in
      guard case .noted(.control(commit.instance, _, _, _), _) = job.entry else { return false }
      return true
    }
    return isForgotten ? .turn(commit) : write
  }

  /// The mutations that answer before anything is written.
  private func acknowledgesFromMemory(_ fault: SimProcess.CommitFault) -> Bool {
    switch mutation {
    case .acknowledgeOnFullDisk: fault == .full
    case .acknowledgeWhileAway: fault == .cut
    default: false
    }
  }

  /// - outcome: nil when nobody knows.
  func answered(_ job: SimProcess.Job, _ outcome: StoreOutcome?) {
    switch job.origin {
    case .node: break
    case .client(let client): clientAnswered(client, outcome)
    case .completion(let completion): completionAnswered(completion, outcome)
    case .flood(let client): floodAnswered(client, outcome)
    }
  }

  /// Other processes notice a write: soon, or twice, or not at all.
  private func wakeOthers(_ writer: SimProcess) {
    for process in processes where process !== writer && process.isAlive && !process.isWakeScheduled {
      if process.cut != nil || process.isDeaf { continue }
      if fails(.lostWake) { continue }
      process.isWakeScheduled = true
      after(random.delay(1...40), .foreignWrite(process))
      if fails(.doubleWake) { after(random.delay(1...400), .foreignWrite(process)) }
    }
  }
}

extension WriteOutcome {
  /// - outcome: nil: the group as a whole failed.
  fileprivate init(_ outcome: StoreOutcome?, _ fault: SimProcess.CommitFault) {
    if let outcome {
      self.init(outcome)
      return
    }
    switch fault {
    case .full: self.init(StoreError(.full, "the disk is full"))
    case .cut: self.init(StoreError(.io, "the store cannot be reached"))
    default: self.init(StoreError(.io, "the disk failed"))
    }
  }
}

extension StoreOutcome {
  fileprivate var changesTheStore: Bool {
    switch self {
    case .failure: false
    case .success(.instances(let instances)): !instances.isEmpty
    case .success(.activities(let tasks, _, _)): !tasks.isEmpty
    case .success(.delivered(let deliveries)): !deliveries.isEmpty
    case .success(.existing), .success(.known): false
    case .success(.swept(let deleted, _)): !deleted.isEmpty
    case .success: true
    }
  }
}
