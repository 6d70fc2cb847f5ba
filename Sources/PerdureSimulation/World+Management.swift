import PerdureModel
import PerdureReplay
import PerdureStore

/// Clients that manage: each change with a record of who made it.
extension World {
  func management(_ call: SimClient.Call, _ client: Int, _ now: TimestampMS) -> StoreEntry? {
    func noted(_ entry: StoreEntry, _ operation: String, _ target: String) -> StoreEntry {
      let note = AuditNote(
        actor: "client \(client)", operation: operation, target: target, reason: "\(clients[client].next)",
        at: now)
      return .noted(entry, note)
    }
    switch call {
    case .cancel(let target, let graceMS):
      let message = OutgoingMessage(
        to: instance(target), kind: .cancel(reason: "a client said so", graceMS: graceMS))
      return noted(.post(message, now: now), "cancel", message.to)
    case .control(let target, let verb):
      let instance = instance(target)
      return noted(
        .control(instance, verb, reason: "a client said so", now: now), verb.rawValue, instance)
    case .retain(let rule): return noted(.setRetention(rule), "setRetention", rule.orchestration)
    case .retryActivity:
      return pendingActivity().map { noted(.actOnActivity($0, .retry, now: now), "retry", $0.instance) }
    case .endActivity(let isFailure):
      guard let key = pendingActivity(), let number = watch.rows[key].flatMap({ Int($0.task.input.text) })
      else { return nil }
      // One that nobody takes has nothing but its time to begin, which a failure would end.
      let isTaken = watch.rows[key]?.task.options.tag != Work.deadTag
      let verb: ActivityVerb =
        isFailure && isTaken
        ? .fail(Failure(type: "Operator", message: "a client gave it up"))
        : .complete(Payload(String(number + 1)))
      return noted(.actOnActivity(key, verb, now: now), "endActivity", key.instance)
    case .delete(let target, let force):
      let instance = instance(target)
      return noted(.delete(instance, force: force), "delete", instance)
    case .prune(let target, let keep):
      let instance = instance(target)
      return noted(
        .pruneExecutions(instance, keep: keep, limit: Limits.prunedExecutionsPerWrite), "prune", instance)
    case .reset(let target, let percent):
      let instance = instance(target)
      return resets(of: instance, percent, now).map { noted(.reset($0), "reset", instance) }
    default: return nil
    }
  }

  private func pendingActivity() -> ActivityKey? {
    random.pick(
      watch.rows.keys.sorted {
        ($0.instance, $0.execution, $0.action) < ($1.instance, $1.execution, $1.action)
      })
  }

  private func instance(_ target: SimClient.Target) -> InstanceID {
    switch target {
    case .named(let instance): instance
    case .any: random.pick(watch.lives.filter { !$0.isGone })?.start.instance ?? Program.root(0)
    }
  }

  // MARK: Floods

  /// Many messages, none of which waits for the one before.
  func flood(_ instance: InstanceID, _ name: Int, _ count: Int, _ client: Int, _ process: SimProcess) {
    trace.note(now, "flood", instance, Int64(count))
    for number in 0..<count {
      let data = Payload("\"f\(client)p\(process.number)-\(number)\"")
      let kind = MessageKind.raised(channel: .queue, name: Program.messageName(name), data: data)
      let entry = StoreEntry.post(OutgoingMessage(to: instance, kind: kind), now: clock(process))
      submit(SimProcess.Job(entry: entry, origin: .flood(client), clock: clock(process)), to: process)
    }
  }

  func floodAnswered(_ client: Int, _ outcome: StoreOutcome?) {
    guard case .success(.posted(let delivery))? = outcome, let data = delivery.message.kind.data else {
      return
    }
    clients[client].acknowledged.append((delivery.instance, data))
  }

  // MARK: Resets

  /// The plan of a reset, as `Client.reset` makes it. nil: there is nothing to reset, or not like that.
  private func resets(
    of instance: InstanceID, _ percent: Int?, _ now: TimestampMS
  ) -> [InstanceReset]? {
    guard let snapshot = store.load(instance), snapshot.start == nil,
      snapshot.description.parent == nil || !snapshot.description.status.isTerminal,
      percent != nil || snapshot.description.status == .failed, !damaged.contains(instance)
    else { return nil }
    let last = snapshot.history.last?.id ?? 0
    let point = percent.map { ResetPoint.event(last * Int64($0) / 100) } ?? .failedStep
    var resets: [InstanceReset] = []
    var next: [(instance: InstanceID, point: ResetPoint)] = [(instance, point)]
    while let (each, point) = next.popLast() {
      guard let snapshot = store.load(each), let cut = try? HistoryCut(snapshot, at: point, now: now) else {
        return nil
      }
      var reset = cut.reset
      carry(cut, from: snapshot.description, into: &reset)
      for child in cut.openChildren where place(child, in: &reset) {
        next.append((child.instance, .failedStep))
      }
      resets.append(reset)
    }
    return resets
  }

  /// What earlier executions left behind for this one.
  private func carry(_ cut: HistoryCut, from row: InstanceDescription, into reset: inout InstanceReset) {
    var status: Payload?
    var topics: [String: Bool] = [:]
    for execution in 1..<max(row.execution, 1) {
      let query = HistoryQuery(instance: row.instance, execution: execution)
      for event in store.history(query)?.events ?? [] {
        switch event.kind {
        case .customStatusUpdated(_, let value): status = value
        case .topicSubscribed(_, let topic): topics[topic] = true
        case .topicUnsubscribed(_, let topic): topics[topic] = false
        default: break
        }
      }
    }
    for change in cut.topicChanges { topics[change.topic] = change.isSubscribed }
    reset.topics = topics.filter { $0.value }.map { $0.key }.sorted()
    if !cut.knowsCustomStatus { reset.customStatus = status }
  }

  /// What becomes of a child that is open again. Answers whether it is itself put back.
  private func place(_ child: InstanceStart, in reset: inout InstanceReset) -> Bool {
    guard let link = child.parent else { return false }
    guard let row = store.describe(child.instance) else {
      reset.starts.append(child)
      return false
    }
    func tell(_ outcome: Outcome) {
      reset.returned.append(
        .subOrchestrationEnded(execution: link.execution, action: link.action, outcome: outcome))
    }
    guard row.parent == link else {
      tell(.failed(.alreadyExists(child.instance, row.status)))
      return false
    }
    switch row.status {
    case .completed: tell(.completed(row.output ?? .null))
    case .failed: return true
    case .cancelled, .terminated:
      reset.removed.append(child.instance)
      reset.starts.append(child)
    default: break
    }
    return false
  }
}
