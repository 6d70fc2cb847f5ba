import PerdureModel
import PerdureStore

/// The counts themselves. Plain numbers: what is shown of them is made when somebody asks.
struct Tally {
  struct Orchestration {
    var started: Int64 = 0
    var completed: Int64 = 0
    var failed: Int64 = 0
    var cancelled: Int64 = 0
    var continued: Int64 = 0
    var turns: Int64 = 0
    /// From the start of an instance to its end.
    var lifeTime = Histogram()
    var turnTime = Histogram()
  }

  struct Activity {
    var scheduled: Int64 = 0
    var completed: Int64 = 0
    var failed: Int64 = 0
    var cancelled: Int64 = 0
    var attempts: Int64 = 0
    var attemptTime = Histogram()
    var startLatency = Histogram()
  }

  var events = [Int64](repeating: 0, count: EventName.allCases.count)
  var messages = [Int64](repeating: 0, count: MessageName.allCases.count)
  var orchestrations = NamedTallies(Orchestration())
  var activities = NamedTallies(Activity())
  var retries: Int64 = 0
  var timeouts: Int64 = 0
  var quarantined: Int64 = 0
  var terminated: Int64 = 0
  var deleted: Int64 = 0
  var reset: Int64 = 0
  var imported: Int64 = 0
  var commits: Int64 = 0
  var entries: Int64 = 0
  var refusals: [String: Int64] = [:]
  var errors: [StoreError.Code: Int64] = [:]
  var commitTime = Histogram()
  var commitSize = Histogram()
  var user = UserMetrics()

  // MARK: What landed

  mutating func add(_ entry: borrowing StoreEntry, _ receipt: borrowing StoreReceipt) {
    entries &+= 1
    entered(entry, receipt)
    add(entry, followed: receipt)
  }

  private mutating func entered(_ entry: borrowing StoreEntry, _ receipt: borrowing StoreReceipt) {
    switch entry {
    case .turn(let commit): add(commit)
    case .start(let start, _, _):
      switch receipt {
      case .done, .restarted: started(start.orchestration)
      default: break
      }
    case .activityRetry(_, _, let failure, _, _): retried(failure)
    case .completeActivity(_, .failed(let failure), _):
      switch receipt {
      case .done: retried(failure)
      default: break
      }
    case .quarantine: quarantined &+= 1
    case .claimActivities:
      switch receipt {
      case .activities(_, let damaged, _): quarantined &+= Int64(damaged.count)
      default: break
      }
    case .reset(let resets):
      for one in resets {
        reset &+= 1
        count(one.appended)
        for start in one.starts { started(start.orchestration) }
      }
    case .importInstances(let instances, _, _):
      imported &+= Int64(instances.count)
      for instance in instances {
        for execution in instance.executions { count(execution.events) }
      }
    case .noted(let entry, _): entered(entry, receipt)
    default: break
    }
  }

  /// What the store made of it.
  private mutating func add(_ entry: borrowing StoreEntry, followed receipt: borrowing StoreReceipt) {
    switch receipt {
    case .turned(let turn):
      if !turn.deliveries.isEmpty { add(turn.deliveries) }
      if !turn.terminated.isEmpty { ended(turn.terminated) }
      if turn.started.isEmpty { return }
      switch entry {
      case .turn(let commit): started(commit.starts, turn.started)
      default: break
      }
    case .restarted(let gone, let deliveries):
      deleted &+= Int64(gone.count)
      add(deliveries)
    case .controlled(let control):
      add(control.deliveries)
      ended(control.terminated)
    case .deleted(let gone), .reset(let gone), .swept(let gone, _): deleted &+= Int64(gone.count)
    case .posted(let delivery): add(delivery)
    case .activityChanged(_, let delivery): if let delivery { add(delivery) }
    case .delivered(let deliveries): add(deliveries)
    case .done, .existing, .kept, .known, .instances, .activities, .pruned: break
    }
  }

  private mutating func add(_ commit: borrowing TurnCommit) {
    count(commit.events)
    if let next = commit.nextExecution { count(next) }
    let isContinued = commit.nextExecution != nil
    let (status, createdAt, now) = (commit.status, commit.createdAt, commit.now)
    orchestrations.change(commit.orchestration) { tally in
      tally.turns &+= 1
      if isContinued { tally.continued &+= 1 }
      guard status.isTerminal else { return }
      switch status {
      case .completed: tally.completed &+= 1
      case .failed: tally.failed &+= 1
      default: tally.cancelled &+= 1
      }
      if let createdAt { tally.lifeTime.addMS(now &- createdAt) }
    }
    for end in commit.activityEnds {
      activities.change(end.name) { tally in
        switch end.kind {
        case .completed: tally.completed &+= 1
        case .failed: tally.failed &+= 1
        case .cancelled: tally.cancelled &+= 1
        }
      }
    }
  }

  private mutating func count(_ list: [Event]) {
    list.withUnsafeBufferPointer { list in
      for index in list.indices { count(list[index].kind) }
    }
  }

  private mutating func count(_ kind: borrowing EventKind) {
    events[kind.name.rawValue] &+= 1
    switch kind {
    case .activityScheduled(_, let name, _, _): activities.change(name) { $0.scheduled &+= 1 }
    case .activityFailed(_, let failure): if failure.type == FailureType.timeout { timeouts &+= 1 }
    default: break
    }
  }

  /// Two starts of one id in a turn: one of them was refused.
  private mutating func started(_ starts: [ChildStart], _ created: [InstanceID]) {
    var created = Set(created.map { ExactText($0) })
    for child in starts where created.remove(ExactText(child.start.instance)) != nil {
      started(child.start.orchestration)
    }
  }

  private mutating func started(_ orchestration: String) {
    orchestrations.change(orchestration) { $0.started &+= 1 }
  }

  /// The store ended these, and wrote the event.
  private mutating func ended(_ gone: [InstanceID]) {
    terminated &+= Int64(gone.count)
    events[EventName.orchestrationTerminated.rawValue] &+= Int64(gone.count)
  }

  private mutating func retried(_ failure: Failure) {
    retries &+= 1
    if failure.type == FailureType.timeout { timeouts &+= 1 }
  }

  private mutating func add(_ deliveries: [Delivery]) { for delivery in deliveries { add(delivery) } }

  private mutating func add(_ delivery: Delivery) {
    messages[MessageName(delivery.message.kind).rawValue] &+= 1
  }

  // MARK: What hosts did

  mutating func add(_ sample: HostSample) {
    switch sample {
    case .turn(let name, let tookNS): orchestrations.change(name) { $0.turnTime.add(tookNS, .moments) }
    case .attemptStarted(let name, let waitedMS):
      activities.change(name) { tally in
        tally.attempts &+= 1
        if let waitedMS { tally.startLatency.addMS(waitedMS) }
      }
    case .attemptEnded(let name, let tookNS):
      activities.change(name) { $0.attemptTime.add(tookNS, .spans) }
    case .metric(let line): user.add(line)
    }
  }
}

/// Kinds of messages, as a label.
enum MessageName: Int, CaseIterable {
  case event, queue, topic, call, cancel, childResult, activityResult, requestResult

  init(_ kind: MessageKind) {
    self =
      switch kind {
      case .raised(.event, _, _): .event
      case .raised(.queue, _, _): .queue
      case .raised(.topic, _, _): .topic
      case .raised(.call, _, _), .call: .call
      case .cancel: .cancel
      case .subOrchestrationEnded: .childResult
      case .activityEnded: .activityResult
      case .requestEnded: .requestResult
      }
  }
}

extension Histogram {
  /// Of `Scale.spans`.
  mutating func addMS(_ milliseconds: Int64) {
    add(min(max(milliseconds, 0), .max / 1_000_000) &* 1_000_000, .spans)
  }
}
