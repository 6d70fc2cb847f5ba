import PerdureModel
import PerdureStore

/// What a group commit tells the runtimes of its process, as News does.
extension World {
  func tell(_ process: SimProcess, _ group: SimProcess.Group) {
    var news = ProcessNews(process: process)
    for (job, outcome) in zip(group.jobs, group.outcomes) {
      if case .success(let receipt) = outcome { news.add(job.entry, receipt) }
    }
    for (node, inputs) in zip(process.nodes, news.inputs) {
      for input in inputs { add(input, to: node) }
      if news.hasUnheldWork { add(.storeChanged(byOthers: false), to: node) }
    }
  }
}

private struct ProcessNews {
  let process: SimProcess
  var inputs: [[NodeInput]]
  var hasUnheldWork = false

  init(process: SimProcess) {
    self.process = process
    inputs = process.nodes.map { _ in [] }
  }

  mutating func add(_ entry: StoreEntry, _ receipt: StoreReceipt) {
    switch (entry, receipt) {
    case (.start(let start, let owner, let now), .done):
      to(owner, .instanceStarted(start, createdAt: now))
    case (.start(let start, let owner, _), .restarted(let deleted, let deliveries)):
      toAll(.instancesDeleted(deleted))
      for delivery in deliveries { delivered(delivery) }
      to(owner, .foundDue([start.instance]))
    case (_, .posted(let delivery)): delivered(delivery)
    case (_, .delivered(let deliveries)): for delivery in deliveries { delivered(delivery) }
    case (.turn(let commit), .turned(let turn)): turned(commit, turn)
    case (.control(let instance, let verb, _, _), .controlled(let control)):
      controlled(instance, verb, control)
    case (.completeActivity, .done): hasUnheldWork = true
    case (.noted(let inner, _), _): add(inner, receipt)
    case (.setRetention, .done): toAll(.sweep)
    case (.delete, .deleted(let deleted)): toAll(.instancesDeleted(deleted))
    case (.reset(let resets), .reset(let deleted)):
      toAll(.instancesDeleted(deleted))
      for reset in resets { toAll(.instanceChanged(reset.instance)) }
      toAll(.checkClaims)
      hasUnheldWork = true
    case (_, .swept(let deleted, _)): if !deleted.isEmpty { toAll(.instancesDeleted(deleted)) }
    case (.actOnActivity(let key, _, _), .activityChanged(let lost, let delivery)):
      if let lost { toAll(.claimsLost([key: lost])) }
      if let delivery { delivered(delivery) } else { hasUnheldWork = true }
    case (.releaseInstances, _), (.releaseActivities, _), (.releaseUnheldActivities, _), (.activityRetry, _):
      if process.nodes.count > 1 { hasUnheldWork = true }
    default: break
    }
  }

  private mutating func turned(_ commit: TurnCommit, _ turn: TurnReceipt) {
    for delivery in turn.deliveries { delivered(delivery) }
    var started = Set(turn.started)
    for child in commit.starts where started.remove(child.start.instance) != nil {
      to(child.owner, .instanceStarted(child.start, createdAt: commit.now))
    }
    if !turn.terminated.isEmpty { toAll(.instancesDeleted(turn.terminated)) }
    if commit.scheduled.contains(where: { $0.claim == nil }) { hasUnheldWork = true }
    let mayStopWork = !commit.cancelled.isEmpty || commit.status.isTerminal || commit.nextExecution != nil
    if mayStopWork, process.nodes.count > 1 { toAll(.checkClaims) }
  }

  private mutating func controlled(_ instance: InstanceID, _ verb: ControlVerb, _ control: ControlReceipt) {
    switch verb {
    case .terminate: toAll(.instancesDeleted(control.terminated))
    case .suspend: toAll(.instanceChanged(instance))
    case .resume, .retry, .requeue:
      toAll(.instanceChanged(instance))
      hasUnheldWork = true
    }
    for delivery in control.deliveries { delivered(delivery) }
  }

  private mutating func delivered(_ delivery: Delivery) {
    to(delivery.owner, .messageStored(delivery.instance, delivery.message))
  }

  private mutating func toAll(_ input: NodeInput) {
    for index in inputs.indices { inputs[index].append(input) }
  }

  private mutating func to(_ owner: NodeID?, _ input: NodeInput) {
    guard let index = process.nodes.firstIndex(where: { $0.id == owner }), owner != nil else {
      hasUnheldWork = true
      return
    }
    inputs[index].append(input)
  }
}
