import PerdureModel

/// Writes a history that an engine could have written, as a script decides: every rule of histories is kept.
struct HistoryWriter {
  private(set) var events: [Event] = []
  private var at: TimestampMS = 1_767_225_600_000
  private var open: [(action: ActionID, kind: WorkKind)] = []
  private var cancellable: [(action: ActionID, kind: WorkKind)] = []
  private var delivered: [EventID] = []
  private var lastAction: ActionID = 0
  private var lastAfter: EventID = 1

  static func write(_ script: inout ByteScript) -> [Event] {
    var writer = HistoryWriter()
    writer.add(
      .orchestrationStarted(
        name: "o", version: "1.0.0", input: Payload("{\"n\":1}"),
        parent: script.flag() ? ParentLink(instance: "p", execution: 1, action: 2) : nil))
    for _ in 0..<script.pick(24) { writer.step(&script) }
    if script.flag() { writer.end(&script) }
    return writer.events
  }

  private mutating func add(_ kind: EventKind, isLate: Bool = false) {
    let event = Event(id: Int64(events.count) + 1, at: at, kind: kind, isLate: isLate)
    events.append(event)
    if kind.isDelivered { delivered.append(event.id) }
  }

  private mutating func step(_ script: inout ByteScript) {
    at += Int64(script.pick(4))
    switch script.pick(4) {
    case 0 where !open.isEmpty: answer(&script)
    case 1: told(&script)
    default: act(&script)
    }
  }

  private mutating func answer(_ script: inout ByteScript) {
    let (action, kind) = open.remove(at: script.pick(open.count))
    let result = Payload("\(script.byte())")
    let failure = Failure(type: "E", message: "m", cause: Failure(type: "C", message: "c"))
    let isFailure = script.flag()
    switch kind {
    case .activity:
      add(
        isFailure
          ? .activityFailed(action: action, failure: failure)
          : .activityCompleted(action: action, result: result))
    case .timer: add(.timerFired(action: action))
    case .subOrchestration:
      add(
        isFailure
          ? .subOrchestrationFailed(action: action, failure: failure)
          : .subOrchestrationCompleted(action: action, result: result))
    case .request:
      add(
        isFailure
          ? .requestFailed(action: action, failure: failure)
          : .requestCompleted(action: action, result: result))
    case .eventWait, .queueWait, .topicWait, .callWait: told(&script)
    }
  }

  private mutating func told(_ script: inout ByteScript) {
    let name = script.choose(["a", "b", "é"])
    switch script.pick(6) {
    case 0: add(.messageReceived(channel: .event, name: name, data: .null), isLate: script.flag())
    case 1: add(.messageReceived(channel: .queue, name: name, data: Payload("[1]")))
    case 2: add(.messageReceived(channel: .topic, name: name, data: .null))
    case 3: add(.callReceived(call: "c\(script.pick(3))", name: name, input: .null))
    default:
      add(.cancellationRequested(reason: "stop", deadline: script.flag() ? at + Int64(script.byte()) : nil))
    }
  }

  private mutating func act(_ script: inout ByteScript) {
    lastAction += 1
    let choices = delivered.filter { $0 >= lastAfter }
    lastAfter = script.flag() ? choices[0] : choices[choices.count - 1]
    let origin = Origin(action: lastAction, after: lastAfter)
    let name = script.choose(["a", "b", "é"])
    func began(_ kind: WorkKind) { open.append((lastAction, kind)) }
    switch script.pick(18) {
    case 0, 1:
      began(.activity)
      add(.activityScheduled(origin, name: name, input: .null, options: options(&script)))
    case 2:
      began(.timer)
      add(.timerCreated(origin, fireAt: at + Int64(script.byte())))
    case 3, 4:
      let channel = script.choose(Channel.allCases)
      add(.subscribed(origin, channel: channel, name: name))
    case 5:
      began(.subOrchestration)
      add(
        .subOrchestrationScheduled(
          origin, name: name, version: nil, instance: "i.1.\(lastAction)", input: .null,
          closePolicy: script.choose(ParentClosePolicy.allCases)))
    case 6:
      add(.detachedOrchestrationScheduled(origin, name: name, version: "2.0.0", instance: "d", input: .null))
    case 7 where !cancellable.isEmpty:
      let (target, kind) = script.choose(cancellable)
      add(.workCancelled(origin, target: target, work: kind))
    case 8: add(.cancelIgnored(origin, target: 1))
    case 9: add(.customStatusUpdated(origin, status: script.flag() ? Payload("\"s\"") : nil))
    case 10:
      add(.kvChanged(origin, script.choose([.set(key: name, value: .null), .clear(key: name), .clearAll])))
    case 11:
      began(.request)
      add(.kvReadRequested(origin, instance: "other", key: name))
    case 12:
      began(.request)
      add(
        .messageSendRequested(origin, SentMessage(to: "other", content: .cancel(reason: "r"), isKept: false)))
    case 13: add(.topicSubscribed(origin, topic: name))
    case 14: add(.topicUnsubscribed(origin, topic: name))
    case 15: add(.published(origin, topic: name, data: .null))
    case 16: add(.callAnswered(origin, call: "c0", outcome: .completed(.null)))
    default: add(.patchRecorded(origin, patch: name))
    }
    cancellable = open
  }

  private func options(_ script: inout ByteScript) -> ActivityOptions {
    var options = ActivityOptions()
    guard script.flag() else { return options }
    options.retry = RetryPolicy()
    options.startToCloseMS = 1 + Int64(script.byte())
    options.session = "s"
    return options
  }

  private mutating func end(_ script: inout ByteScript) {
    switch script.pick(6) {
    case 0: add(.orchestrationFailed(failure: Failure(type: "E", message: "m")))
    case 1: add(.orchestrationCancelled(reason: "stop", output: nil))
    case 2: add(.orchestrationContinuedAsNew(version: nil, input: .null))
    case 3: add(.orchestrationTerminated(reason: "over"))
    default: add(.orchestrationCompleted(output: Payload("1")))
    }
  }
}
