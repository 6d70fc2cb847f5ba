import PerdureDispatch
import PerdureDriver
import PerdureModel
import PerdureStore
import PerdureStoreMemory

/// Writes land one by one, and what landed is told.
extension Rehearsal {
  func submit(_ write: Write, _ process: Process) {
    let entry = write.entry(node: process.node, now: now)
    submit(Process.Job(entry: entry, origin: .runtime(write), name: name(of: write)), process)
  }

  func submit(_ job: Process.Job, _ process: Process) {
    process.queue.append(job)
    guard !process.isCommitting else { return }
    process.isCommitting = true
    after(Self.commitMS, .commit)
  }

  /// nil: nobody's code notices whether it lands.
  private func name(of write: Write) -> String? {
    switch write {
    case .turn(let commit, _):
      "commit of turn \(landed[ExactText(commit.instance), default: 0] + 1) of \(commit.instance)"
    case .activityEnded(let key, let claim, _):
      "commit of the end of action \(key.action) of \(key.instance), claim \(claim.token)"
    case .activityRetry(let key, let claim, _, _, _):
      "commit of the failure of action \(key.action) of \(key.instance), claim \(claim.token)"
    case .deferActivity(let key, let claim, _):
      "commit of the deferral of action \(key.action) of \(key.instance), claim \(claim.token)"
    default: nil
    }
  }

  func commit() {
    guard let process, let job = process.queue.popFirst() else { return }
    let fate = job.name.flatMap { decider.commit($0) }
    if fate == .crashBefore {
      if case .script(let line) = job.origin { parked.append(line) }
      return crash()
    }
    let outcome = store.apply(job.entry)
    count(job, outcome)
    if fate == .crashAfter {
      crash()
    } else {
      process.isCommitting = !process.queue.isEmpty
      if process.isCommitting { after(Self.commitMS, .commit) }
      if case .success(let receipt) = outcome { tell(job.entry, receipt, process) }
      if case .runtime(let write) = job.origin {
        process.dispatcher.wrote(write, WriteOutcome(outcome), now: now)
      }
      settle()
    }
    guard plan.isObserved, let name = job.name, case .success = outcome else { return }
    works.append(.committed(name, instances(isWhole: false)))
  }

  private func count(_ job: Process.Job, _ outcome: StoreOutcome) {
    note("commit", job.name ?? "")
    if job.name != nil { report.commits += 1 }
    switch (job.entry, outcome) {
    case (.turn(let commit), .success):
      landed[ExactText(commit.instance), default: 0] += 1
      note("landed", commit.instance, commit.revision, Int64(commit.events.count))
    case (_, .failure(let refusal)):
      guard case .script(let line) = job.origin else { return }
      refuse(line, refusal)
    default: break
    }
  }

  // MARK: News

  /// What a commit says to the process, as the hub of a real one would. There is one runtime.
  private func tell(_ entry: StoreEntry, _ receipt: StoreReceipt, _ process: Process) {
    switch (entry, receipt) {
    case (.start(let start, let owner, let now), .done):
      if owner == nil { return unheld(process) }
      process.dispatcher.instanceStarted(start, createdAt: now, now: self.now)
    case (.start(let start, _, _), .restarted(let deleted, let deliveries)):
      process.dispatcher.instancesDeleted(deleted, now: now)
      for delivery in deliveries { tell(delivery) }
      process.dispatcher.foundDue([start.instance], now: now)
      unheld(process)
    case (_, .posted(let delivery)): tell(delivery)
    case (.turn(let commit), .turned(let turn)): turned(commit, turn, process)
    case (_, .delivered(let deliveries)): for delivery in deliveries { tell(delivery) }
    case (.control(let instance, let verb, _, _), .controlled(let control)):
      if verb == .terminate {
        process.dispatcher.instancesDeleted(control.terminated, now: now)
      } else {
        process.dispatcher.instanceChanged(instance, now: now)
        if verb != .suspend { unheld(process) }
      }
      for delivery in control.deliveries { tell(delivery) }
    case (.completeActivity, .done): unheld(process)
    default: break
    }
  }

  private func turned(_ commit: TurnCommit, _ turn: TurnReceipt, _ process: Process) {
    for delivery in turn.deliveries {
      let receiver = ExactText(delivery.instance)
      sent[receiver, default: 0] += 1
      let later = decider.delay(
        "message \(sent[receiver, default: 0]) to \(delivery.instance) from others comes later by",
        untilNext: untilNext())
      if later > 0 { after(later, .tell(delivery)) } else { tell(delivery) }
    }
    var started = Set(turn.started.map { ExactText($0) })
    for child in commit.starts where started.remove(ExactText(child.start.instance)) != nil {
      if child.owner == process.node {
        process.dispatcher.instanceStarted(child.start, createdAt: commit.now, now: now)
      } else {
        unheld(process)
      }
    }
    if !turn.terminated.isEmpty { process.dispatcher.instancesDeleted(turn.terminated, now: now) }
    if commit.scheduled.contains(where: { $0.claim == nil }) { unheld(process) }
  }

  func tell(_ delivery: Delivery) {
    guard let process else { return }
    if delivery.owner == process.node {
      process.dispatcher.messageStored(delivery.instance, delivery.message, now: now)
    } else {
      unheld(process)
    }
    settle()
  }

  private func unheld(_ process: Process) { process.dispatcher.storeChanged(now: now, byOthers: false) }
}
