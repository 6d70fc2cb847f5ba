import PerdureDispatch
import PerdureModel
import PerdureStore

/// The committer of a process and what it tells, as Committer and Hub are.
extension World {
  func submit(_ write: Write, of node: SimNode) {
    if mutation == .dispatchEarly, case .turn(let commit) = write { beginEarly(commit, node) }
    submit(
      SimProcess.Job(entry: write.entry(node: node.id, now: clock(node)), origin: .node(node, write)),
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
    if fails(.failBefore) { fault = .failBefore }
    if fails(.failAfter) { fault = .failAfter }
    process.group = SimProcess.Group(jobs: process.queue, fault: fault)
    process.queue = []
    after(fails(.slowCommit) ? random.delay(100...2_500) : random.delay(0...6), .groupApplies(process))
  }

  func applyGroup(_ process: SimProcess) {
    guard var group = process.group else { return }
    if group.fault != .failBefore {
      group.outcomes = group.jobs.map { apply($0) }
      process.group = group
      // A claim that found nothing leaves no mark on the disk.
      if group.outcomes.contains(where: { $0.changesTheStore }) { wakeOthers(process) }
    }
    trace.note(now, "group", "", Int64(process.number), Int64(group.jobs.count))
    after(random.delay(0...3), .groupAnswers(process))
  }

  private func apply(_ job: SimProcess.Job) -> StoreOutcome {
    entriesWritten += 1
    let rows = watch.rows
    let outcome = store.apply(job.entry) { rows[$0] ?? nil }
    var clock = now
    if case .node(let node, _) = job.origin { clock = self.clock(node) }
    if case .success(let receipt) = outcome {
      if case .turn(let commit) = job.entry {
        trace.note(now, "commit", commit.instance, commit.revision, Int64(commit.events.count))
        lastLanding = now
      }
      watch.landed(job.entry, receipt, clock: clock, in: store)
    } else if case .failure(.failed(let error)) = outcome {
      watch.require(false, "An entry was refused as malformed: \(error.message)")
    }
    return outcome
  }

  /// The group as a whole has come back.
  func answerGroup(_ process: SimProcess) {
    guard let group = process.group else { return }
    process.group = nil
    if group.fault == .none {
      tell(process, group)
    } else if group.fault == .failAfter {
      for node in process.nodes { node.isExcused = true }
    }
    if group.fault != .none {
      for node in process.nodes { node.failedAt = now }
    }
    for (index, job) in group.jobs.enumerated() {
      let outcome = group.fault == .none ? group.outcomes[index] : nil
      switch job.origin {
      case .node(let node, let write): add(.wrote(write, WriteOutcome(outcome)), to: node)
      case .client(let client): clientAnswered(client, outcome)
      }
    }
    startGroup(process)
  }

  /// Routes what a commit did to those in this process who hold the instances.
  private func tell(_ process: SimProcess, _ group: SimProcess.Group) {
    var hasUnheldWork = false
    func tell(_ owner: NodeID?, _ input: NodeInput) {
      if let node = process.nodes.first(where: { $0.id == owner }), owner != nil {
        add(input, to: node)
      } else {
        hasUnheldWork = true
      }
    }
    for (job, outcome) in zip(group.jobs, group.outcomes) {
      guard case .success(let receipt) = outcome else { continue }
      switch (job.entry, receipt) {
      case (.start(let start, let owner, _), _): tell(owner, .instanceStarted(start))
      case (_, .posted(let delivery)):
        tell(delivery.owner, .messageStored(delivery.instance, delivery.message))
      case (.turn(let commit), .turned(let turn)):
        for delivery in turn.deliveries {
          tell(delivery.owner, .messageStored(delivery.instance, delivery.message))
        }
        var started = Set(turn.started)
        for child in commit.starts where started.remove(child.start.instance) != nil {
          tell(child.owner, .instanceStarted(child.start))
        }
        if commit.scheduled.contains(where: { $0.claim == nil }) { hasUnheldWork = true }
      case (.releaseInstances, _), (.releaseActivities, _), (.releaseUnheldActivities, _):
        hasUnheldWork = process.nodes.count > 1
      default: break
      }
    }
    guard hasUnheldWork else { return }
    for node in process.nodes { add(.storeChanged(byOthers: false), to: node) }
  }

  /// Other processes notice a write: soon, or twice, or not at all.
  private func wakeOthers(_ writer: SimProcess) {
    for process in processes where process !== writer && process.isAlive && !process.isWakeScheduled {
      if fails(.lostWake) { continue }
      process.isWakeScheduled = true
      after(random.delay(1...40), .foreignWrite(process))
      if fails(.doubleWake) { after(random.delay(1...400), .foreignWrite(process)) }
    }
  }
}

extension StoreOutcome {
  fileprivate var changesTheStore: Bool {
    switch self {
    case .failure: false
    case .success(.instances(let instances)): !instances.isEmpty
    case .success(.activities(let tasks)): !tasks.isEmpty
    case .success: true
    }
  }
}

extension Write {
  fileprivate func entry(node: NodeID, now: TimestampMS) -> StoreEntry {
    switch self {
    case .turn(let commit): .turn(commit)
    case .claimInstances(let orchestrations, let limit):
      .claimInstances(node: node, orchestrations: orchestrations, limit: limit, now: now)
    case .claimInstance(let instance): .claimInstance(node: node, instance: instance)
    case .claimActivities(let activities, let limit):
      .claimActivities(node: node, activities: activities, limit: limit, now: now)
    case .releaseInstances(let instances): .releaseInstances(node: node, instances: instances)
    case .releaseActivities(let tasks):
      .releaseActivities(
        tasks.compactMap { task in task.claim.map { ClaimedActivity(key: task.key, claim: $0) } })
    case .releaseUnheldActivities(let held):
      .releaseUnheldActivities(
        node: node, held: held.map { ClaimedActivity(key: $0.key, claim: $0.value) })
    case .activityEnded(let key, let claim, let outcome):
      .activityEnded(key, claim: claim, outcome: outcome, now: now)
    case .quarantine(let instance, let revision, let failure):
      .quarantine(instance, revision: revision, failure: failure, now: now)
    }
  }
}

extension WriteOutcome {
  /// - outcome: nil for a group that failed as a whole.
  fileprivate init(_ outcome: StoreOutcome?) {
    switch outcome {
    case nil: self = .failed(message: "the disk failed", isTransient: true)
    case .success(.turned(let turn)): self = .turned(hasWaitingMessages: turn.hasWaitingMessages)
    case .success(.instances(let instances)): self = .instances(instances)
    case .success(.activities(let tasks)): self = .activities(tasks)
    case .success: self = .done
    case .failure(.notFound): self = .notFound
    case .failure(.owned): self = .owned
    case .failure(.failed(let error)):
      self = .failed(message: error.message, isTransient: error.isTransient)
    case .failure: self = .conflict
    }
  }
}
