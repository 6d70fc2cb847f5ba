import PerdureModel
import PerdureStore

/// What one group commit has to tell the runtimes of this process, and those who wait.
struct News {
  private let runtimes: [Runtime]
  private var inputs: [[RuntimeInput]]
  private var hasUnheldWork = false
  /// Instances that somebody may wait for.
  private(set) var watched: [InstanceID] = []
  /// Somebody waits for events.
  private let isFollowed: Bool

  init(runtimes: [Runtime], isFollowed: Bool) {
    self.runtimes = runtimes
    self.isFollowed = isFollowed
    inputs = Array(repeating: [], count: runtimes.count)
  }

  mutating func add(_ entry: StoreEntry, _ receipt: StoreReceipt) {
    switch (entry, receipt) {
    case (.start(let start, let owner, let now), .done): started(start, owner, now)
    case (.start(let start, let owner, _), .restarted(let deleted, let deliveries)):
      gone(deleted)
      for delivery in deliveries { delivered(delivery) }
      // Its revision goes on where the other one's was, so it is read.
      to(owner, .foundDue([start.instance]))
    case (_, .posted(let delivery)): delivered(delivery)
    case (_, .delivered(let deliveries)): for delivery in deliveries { delivered(delivery) }
    case (.turn(let commit), .turned(let turn)): turned(commit, turn)
    case (.control(let instance, let verb, _, _), .controlled(let control)):
      controlled(instance, verb, control)
    case (.delete, .deleted(let instances)): gone(instances)
    case (.importInstances, .instances(let instances)):
      for instance in instances { toAll(.instanceChanged(instance)) }
      hasUnheldWork = true
    case (.noted(let entry, _), _): add(entry, receipt)
    case (.setRetention, .done): toAll(.sweep)
    case (_, .swept(let deleted, _)): if !deleted.isEmpty { gone(deleted) }
    case (.actOnActivity(let key, _, _), .activityChanged(let lost, let delivery)):
      if let lost { toAll(.claimsLost([key: lost])) }
      if let delivery { delivered(delivery) } else { hasUnheldWork = true }
    case (.reset(let resets), .reset(let deleted)):
      gone(deleted)
      for reset in resets {
        toAll(.instanceChanged(reset.instance))
        watched.append(reset.instance)
      }
      toAll(.checkClaims)
      hasUnheldWork = true
    case (.completeActivity, .done): hasUnheldWork = true
    case (.releaseInstances, _), (.releaseActivities, _), (.releaseUnheldActivities, _), (.activityRetry, _):
      if runtimes.count > 1 { hasUnheldWork = true }
    default: break
    }
  }

  private mutating func turned(_ commit: TurnCommit, _ turn: TurnReceipt) {
    for delivery in turn.deliveries { delivered(delivery) }
    // Two starts of one id in a turn: the first one is the instance, the other was refused.
    var started = Set(turn.started.map { ExactText($0) })
    for child in commit.starts where started.remove(ExactText(child.start.instance)) != nil {
      self.started(child.start, child.owner, commit.now)
    }
    if !turn.terminated.isEmpty { gone(turn.terminated) }
    if commit.scheduled.contains(where: { $0.claim == nil }) { hasUnheldWork = true }
    if isFollowed || commit.status.isTerminal || commit.customStatus != nil || !commit.callAnswers.isEmpty {
      watched.append(commit.instance)
    }
    let mayStopWork = !commit.cancelled.isEmpty || commit.status.isTerminal || commit.nextExecution != nil
    if mayStopWork, runtimes.count > 1 { toAll(.checkClaims) }
  }

  private mutating func controlled(_ instance: InstanceID, _ verb: ControlVerb, _ control: ControlReceipt) {
    switch verb {
    case .terminate: gone(control.terminated)
    case .suspend: toAll(.instanceChanged(instance))
    case .resume, .retry, .requeue:
      toAll(.instanceChanged(instance))
      hasUnheldWork = true
    }
    for delivery in control.deliveries { delivered(delivery) }
  }

  private mutating func started(_ start: InstanceStart, _ owner: NodeID?, _ now: TimestampMS) {
    to(owner, .instanceStarted(start, createdAt: now))
  }

  private mutating func delivered(_ delivery: Delivery) {
    to(delivery.owner, .messageStored(delivery.instance, delivery.message))
  }

  /// Deleted or terminated.
  private mutating func gone(_ instances: [InstanceID]) {
    toAll(.instancesDeleted(instances))
    watched += instances
  }

  private mutating func toAll(_ input: RuntimeInput) {
    for index in inputs.indices { inputs[index].append(input) }
  }

  private mutating func to(_ owner: NodeID?, _ input: RuntimeInput) {
    guard let index = runtimes.firstIndex(where: { $0.node == owner }), owner != nil else {
      hasUnheldWork = true
      return
    }
    inputs[index].append(input)
  }

  func send() {
    for (runtime, inputs) in zip(runtimes, inputs) {
      let all = hasUnheldWork ? inputs + [.storeChanged(byOthers: false)] : inputs
      if !all.isEmpty { runtime.inputs.addQuietly(contentsOf: all) }
    }
  }
}
