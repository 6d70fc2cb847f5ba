import PerdureModel

/// One value of every kind, used by the round trips and the mutations.
enum Samples {
  static let origin = Origin(action: 3, after: 1)
  static let parent = ParentLink(instance: "order-7", execution: 2, action: 4)
  static let failure = Failure(
    type: "PaymentDeclined", message: "no \"money\"\n", details: Payload(#"{"code":51}"#), stack: "a\nb\tc",
    isNonRetryable: true,
    cause: Failure(type: "IOError", message: "ünïcödé 🚀", cause: Failure(type: "", message: "")))
  static let payload = Payload(#"{"a":[1,-2.5e3,{"b":null}],"text":"ä\u00e4\\"}"#)

  static let eventKinds: [EventKind] =
    [
      .orchestrationStarted(name: "order", version: "1.0.0", input: payload, parent: nil),
      .orchestrationStarted(name: "order", version: "1.0.0", input: .null, parent: parent),
      .activityCompleted(action: 3, result: payload),
      .activityFailed(action: 3, failure: failure),
      .timerFired(action: 3),
      .subOrchestrationCompleted(action: 3, result: payload),
      .subOrchestrationFailed(action: 3, failure: failure),
      .cancellationRequested(reason: "enough"),
      .activityScheduled(origin, name: "charge", input: payload),
      .timerCreated(origin, fireAt: 1_760_000_000_000),
      .subOrchestrationScheduled(origin, name: "kid", version: nil, instance: "order-7.1.3", input: payload),
      .subOrchestrationScheduled(origin, name: "kid", version: "2.0.0", instance: "k", input: .null),
      .detachedOrchestrationScheduled(origin, name: "kid", version: nil, instance: "k", input: payload),
      .detachedOrchestrationScheduled(origin, name: "kid", version: "2.0.0", instance: "k", input: .null),
      .cancelIgnored(origin, target: 2),
      .customStatusUpdated(origin, status: payload),
      .customStatusUpdated(origin, status: nil),
      .orchestrationCompleted(output: payload),
      .orchestrationFailed(failure: failure),
      .orchestrationCancelled(reason: "enough", output: payload),
      .orchestrationCancelled(reason: "", output: nil),
      .orchestrationContinuedAsNew(version: "2.0.0", input: payload),
      .orchestrationContinuedAsNew(version: nil, input: .null),
    ]
    + Channel.allCases.flatMap { channel -> [EventKind] in
      [
        .messageReceived(channel: channel, name: "go", data: payload),
        .subscribed(origin, channel: channel, name: "go"),
      ]
    }
    + WorkKind.allCases.flatMap { work -> [EventKind] in
      [.workCancelled(origin, target: 2, work: work), .workCancelled(nil, target: 2, work: work)]
    }

  static let events = eventKinds.enumerated().map { index, kind in
    Event(id: Int64(index + 1), at: 1_760_000_000_000 + Int64(index), kind: kind)
  }

  static let actions: [Action] = [
    .scheduleActivity(name: "charge", input: payload),
    .createTimer(fireAt: 1_760_000_000_000),
    .subscribe(channel: .event, name: "go"),
    .subscribe(channel: .queue, name: "q"),
    .scheduleSubOrchestration(name: "kid", version: nil, instance: nil, input: payload),
    .scheduleSubOrchestration(name: "kid", version: "1.0.0", instance: "k", input: .null),
    .startDetached(name: "kid", version: nil, instance: nil, input: payload),
    .startDetached(name: "kid", version: "1.0.0", instance: "k", input: .null),
    .cancel(target: 1),
    .setCustomStatus(payload),
    .setCustomStatus(nil),
  ].enumerated().map { Action(id: Int64($0 + 1), after: 1, kind: $1) }

  static let messages: [MessageKind] = [
    .raised(channel: .event, name: "go", data: payload),
    .raised(channel: .queue, name: "q", data: .null),
    .cancel(reason: "enough"),
    .subOrchestrationEnded(execution: 2, action: 4, outcome: .completed(payload)),
    .subOrchestrationEnded(execution: 2, action: 4, outcome: .failed(failure)),
    .activityEnded(execution: 2, action: 4, outcome: .completed(payload)),
    .activityEnded(execution: 2, action: 4, outcome: .failed(failure)),
  ]

  static let starts: [InstanceStart] = [
    InstanceStart(instance: "i", orchestration: "order", input: payload),
    InstanceStart(instance: "i", orchestration: "order", version: "1.0.0", input: .null, parent: parent),
  ]

  static let ends: [TurnEndKind] = [
    .completed(output: payload), .failed(failure), .cancelled, .continuedAsNew(version: nil, input: payload),
    .continuedAsNew(version: "2.0.0", input: .null),
  ]

  static let answers: [TurnAnswer] =
    [
      .miss, .ran(TurnResult()),
      .ran(
        TurnResult(
          actions: actions, logs: LogLevel.allCases.map { LogLine(level: $0, message: "said \($0)") },
          retained: true)),
    ] + ends.map { .ran(TurnResult(actions: [actions[0]], end: TurnEnd(after: 5, kind: $0))) }

  static let request = TurnRequest(
    turn: 9, instance: "order \"7\"", execution: 2, orchestration: "order", version: "1.0.0", from: 0,
    replayed: 3, events: events)

  static let task = ActivityTask(
    key: ActivityKey(instance: "order-7", execution: 2, action: 3), orchestration: "order", name: "charge",
    input: payload, attempt: 2, visibleAt: 0, claim: nil)

  static let descriptions: [InstanceDescription] = InstanceStatus.allCases.filter { $0 != .continuedAsNew }
    .map { status in
      let isFull = status.isTerminal
      return InstanceDescription(
        instance: "i-\(status)", orchestration: "order", version: isFull ? "1.0.0" : nil, status: status,
        execution: 2, revision: 0, parent: isFull ? parent : nil, customStatus: isFull ? payload : nil,
        customStatusVersion: 3, output: isFull ? payload : nil, failure: isFull ? failure : nil, createdAt: 1,
        updatedAt: 2, endedAt: isFull ? 3 : nil, eventCount: 4)
    }
}
