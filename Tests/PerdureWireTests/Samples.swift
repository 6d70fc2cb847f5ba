import PerdureModel

/// One value of every kind, used by the round trips and the mutations.
enum Samples {
  static let origin = Origin(action: 3, after: 1)
  static let parent = ParentLink(instance: "order-7", execution: 2, action: 4)
  static let failure = Failure(
    type: "PaymentDeclined", message: "no \"money\"\n", details: Payload(#"{"code":51}"#), stack: "a\nb\tc",
    isNonRetryable: true, retryAfterMS: 1_500,
    cause: Failure(type: "IOError", message: "ünïcödé 🚀", cause: Failure(type: "", message: "")))
  static let trace = TraceContext(parent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
  static let traceWithState = TraceContext(
    parent: "00-00000000000000000000000000000001-0000000000000001-00", state: "vendor=\"1\", b=2")
  static let payload = Payload(#"{"a":[1,-2.5e3,{"b":null}],"text":"ä\u00e4\\"}"#)

  /// With nothing that has its default.
  static let fullOptions = {
    var options = ActivityOptions()
    options.retry = fullRetry
    options.scheduleToStartMS = 1
    options.startToCloseMS = 2
    options.scheduleToCloseMS = 1 << 40
    options.heartbeatMS = 4
    options.tag = "gpu"
    options.session = "s \"1\""
    options.priority = -1_000
    return options
  }()

  static let fullRetry = {
    var retry = RetryPolicy()
    retry.maxAttempts = 0
    retry.backoff = .linear
    retry.initialIntervalMS = 1
    retry.coefficientPercent = 100_000
    retry.maxIntervalMS = 1 << 40
    retry.jitterPercent = 100
    retry.nonRetryableTypes = ["CardStolen", "ünïcödé"]
    return retry
  }()

  /// The defaults, one default policy, each back-off, and everything.
  static let options: [ActivityOptions] =
    [ActivityOptions(), fullOptions]
    + ([RetryPolicy()]
    + RetryPolicy.Backoff.allCases.map { backoff in
      var retry = RetryPolicy()
      retry.backoff = backoff
      return retry
    }).map { retry in
      var options = ActivityOptions()
      options.retry = retry
      return options
    }

  static let outcomes: [Outcome] = [.completed(payload), .completed(.null), .failed(failure)]
  static let changes: [KVChange] = [
    .set(key: "total", value: payload), .set(key: "", value: .null), .clear(key: "total"), .clearAll,
  ]
  static let sent: [SentMessage] = [
    SentMessage(to: "order-9", content: .raised(channel: .event, name: "go", data: payload)),
    SentMessage(to: "order-9", content: .raised(channel: .event, name: "go", data: .null), isKept: true),
    SentMessage(to: "order-9", content: .raised(channel: .queue, name: "q", data: payload)),
    SentMessage(to: "order-9", content: .raised(channel: .queue, name: "q", data: .null), isKept: true),
    SentMessage(to: "order-9", content: .cancel(reason: "enough")),
  ]

  /// Calls have events and messages of their own.
  static let channels: [Channel] = [.event, .queue, .topic]

  static let eventKinds: [EventKind] =
    [
      .orchestrationStarted(name: "order", version: "1.0.0", input: payload, parent: nil),
      .orchestrationStarted(name: "order", version: "1.0.0", input: .null, parent: parent),
      .orchestrationStarted(name: "order", version: "1.0.0", input: .null, parent: nil, trace: trace),
      .orchestrationStarted(
        name: "order", version: "1.0.0", input: .null, parent: parent, trace: traceWithState),
      .activityCompleted(action: 3, result: payload),
      .activityFailed(action: 3, failure: failure),
      .timerFired(action: 3),
      .subOrchestrationCompleted(action: 3, result: payload),
      .subOrchestrationFailed(action: 3, failure: failure),
      .requestCompleted(action: 3, result: .null),
      .requestFailed(action: 3, failure: failure),
      .callReceived(call: "c-1", name: "approve", input: payload),
      .cancellationRequested(reason: "enough", deadline: nil),
      .cancellationRequested(reason: "enough", deadline: 1_760_000_005_000),
      .timerCreated(origin, fireAt: 1_760_000_000_000),
      .detachedOrchestrationScheduled(origin, name: "kid", version: nil, instance: "k", input: payload),
      .detachedOrchestrationScheduled(origin, name: "kid", version: "2.0.0", instance: "k", input: .null),
      .cancelIgnored(origin, target: 2),
      .customStatusUpdated(origin, status: payload),
      .customStatusUpdated(origin, status: nil),
      .kvReadRequested(origin, instance: "order-9", key: "total"),
      .topicSubscribed(origin, topic: "prices"),
      .topicUnsubscribed(origin, topic: "prices"),
      .published(origin, topic: "prices", data: payload),
      .patchRecorded(origin, patch: "charge-in-cents"),
      .orchestrationCompleted(output: payload),
      .orchestrationFailed(failure: failure),
      .orchestrationCancelled(reason: "enough", output: payload),
      .orchestrationCancelled(reason: "", output: nil),
      .orchestrationContinuedAsNew(version: "2.0.0", input: payload),
      .orchestrationContinuedAsNew(version: nil, input: .null),
      .orchestrationTerminated(reason: "operator"),
    ]
    + channels.map { .messageReceived(channel: $0, name: "go", data: payload) }
    + Channel.allCases.map { .subscribed(origin, channel: $0, name: "go") }
    + options.map { .activityScheduled(origin, name: "charge", input: payload, options: $0) }
    + changes.map { .kvChanged(origin, $0) }
    + sent.map { .messageSendRequested(origin, $0) }
    + outcomes.map { .callAnswered(origin, call: "c-1", outcome: $0) }
    + ParentClosePolicy.allCases.map { policy in
      .subOrchestrationScheduled(
        origin, name: "kid", version: policy == .cancel ? nil : "2.0.0", instance: "k", input: payload,
        closePolicy: policy)
    }
    + WorkKind.allCases.flatMap { work -> [EventKind] in
      [.workCancelled(origin, target: 2, work: work), .workCancelled(nil, target: 2, work: work)]
    }

  static let events = eventKinds.enumerated().map { index, kind in
    Event(
      id: Int64(index + 1), at: 1_760_000_000_000 + Int64(index), kind: kind, isLate: index.isMultiple(of: 7))
  }

  static let actionKinds: [ActionKind] =
    [
      .createTimer(fireAt: 1_760_000_000_000),
      .startDetached(name: "kid", version: nil, instance: nil, input: payload),
      .startDetached(name: "kid", version: "1.0.0", instance: "k", input: .null),
      .cancel(target: 1),
      .setCustomStatus(payload),
      .setCustomStatus(nil),
      .readKV(instance: "order-9", key: "total"),
      .subscribeTopic("prices"),
      .unsubscribeTopic("prices"),
      .publish(topic: "prices", data: payload),
      .recordPatch("charge-in-cents"),
    ]
    + options.map { .scheduleActivity(name: "charge", input: payload, options: $0) }
    + Channel.allCases.map { .subscribe(channel: $0, name: "go") }
    + ParentClosePolicy.allCases.map { policy in
      .scheduleSubOrchestration(
        name: "kid", version: policy == .cancel ? nil : "2.0.0", instance: policy == .cancel ? nil : "k",
        input: payload, closePolicy: policy)
    }
    + changes.map { .changeKV($0) }
    + sent.map { .send($0) }
    + outcomes.map { .answerCall(call: "c-1", outcome: $0) }

  static let actions = actionKinds.enumerated().map { Action(id: Int64($0 + 1), after: 1, kind: $1) }
}
