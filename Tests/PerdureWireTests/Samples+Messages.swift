import PerdureModel
import PerdureWire

/// Whole messages: turns, activities, rows and what clients send and get.
extension Samples {
  static let messages: [MessageKind] =
    channels.map { .raised(channel: $0, name: "go", data: payload) }
    + [
      .call(id: "c-1", name: "approve", input: payload),
      .cancel(reason: "enough", graceMS: nil),
      .cancel(reason: "enough", graceMS: 5_000),
    ]
    + outcomes.flatMap { outcome -> [MessageKind] in
      [
        .subOrchestrationEnded(execution: 2, action: 4, outcome: outcome),
        .activityEnded(execution: 2, action: 4, outcome: outcome),
        .requestEnded(execution: 2, action: 4, outcome: outcome),
      ]
    }

  /// The defaults, and everything once with each policy.
  static let startOptions: [StartOptions] =
    [StartOptions()]
    + StartPolicy.allCases.map { policy in
      var options = StartOptions()
      options.policy = policy
      options.startAt = 1_760_000_000_000
      options.priority = 1_000
      options.attributes = Payload(#"{"customer":"ä","":"\"x"}"#)
      options.memo = payload
      options.dedupKey = "order 7"
      options.trace = policy == .fail ? trace : traceWithState
      return options
    }

  static let starts: [InstanceStart] =
    startOptions.flatMap { options in
      ParentClosePolicy.allCases.map { closePolicy in
        var options = options
        options.closePolicy = closePolicy
        return InstanceStart(
          instance: "i", orchestration: "order", version: closePolicy == .cancel ? nil : "1.0.0",
          input: payload, parent: closePolicy == .cancel ? nil : parent, options: options)
      }
    }

  static let startRequests: [StartRequest] =
    [
      StartRequest(orchestration: "order"),
      StartRequest(orchestration: "order", delayMS: 0),
      StartRequest(orchestration: "order", delayMS: 1 << 40),
    ]
    + startOptions.map {
      StartRequest(orchestration: "order", instance: "i", version: "1.0.0", input: payload, options: $0)
    }

  static let services: [NodeService] = [
    NodeService(),
    NodeService(
      orchestrations: ["order", ServedOrchestration(name: "kid", versions: ["1.0.0", "2.0.0"])],
      activities: ["charge", "ship"], tags: ["gpu"], takesUntagged: false),
    NodeService(
      orchestrations: [ServedOrchestration(name: "kid", versions: [])], activities: [], tags: nil),
  ]

  static let metrics: [MetricLine] = MetricLine.Kind.allCases.map { kind in
    MetricLine(
      name: "orders", kind: kind, value: Payload("-1.5e3"),
      attributes: kind == .gauge ? nil : Payload(#"{"region":"eu"}"#))
  }

  static let ends: [TurnEndKind] = [
    .completed(output: payload), .failed(failure), .cancelled, .continuedAsNew(version: nil, input: payload),
    .continuedAsNew(version: "2.0.0", input: .null),
  ]

  static let answers: [TurnAnswer] =
    [.miss, .ran(TurnResult()), .ran(fullResult)] + outcomes.map { .query($0) }
    + ends.map { .ran(TurnResult(actions: [actions[0]], end: TurnEnd(after: 5, kind: $0))) }

  private static let fullResult = {
    var result = TurnResult(
      actions: actions, logs: LogLevel.allCases.map { LogLine(level: $0, message: "said \($0)") },
      retained: true)
    result.metrics = metrics
    return result
  }()

  static let request = TurnRequest(
    turn: 9, instance: "order \"7\"", execution: 2, orchestration: "order", version: "1.0.0", from: 0,
    replayed: 3, events: events)

  static let requests = {
    // One with all events is enough: tests try every prefix.
    var stateful = request
    stateful.events = Array(events.prefix(2))
    stateful.patches = ["charge-in-cents", ""]
    stateful.kv = [KVEntry(key: "a", value: payload, at: 1), KVEntry(key: "ä", value: .null, at: 2)]
    var asking = stateful
    asking.patches = []
    asking.kv = []
    asking.trace = traceWithState
    asking.query = QueryRequest(name: "progress", input: payload)
    return [request, stateful, asking]
  }()

  static let task = ActivityTask(
    key: ActivityKey(instance: "order-7", execution: 2, action: 3), orchestration: "order", name: "charge",
    input: payload, attempt: 2, visibleAt: 0, claim: nil)

  static let attempts: [ActivityWire.Attempt] = {
    var full = task
    full.options = fullOptions
    full.lastHeartbeat = payload
    var traced = ActivityWire.Attempt(task, deadline: nil)
    traced.trace = traceWithState
    return [
      traced,
      ActivityWire.Attempt(task, deadline: nil),
      ActivityWire.Attempt(full, deadline: 1_760_000_000_000),
    ]
  }()

  static let descriptions: [InstanceDescription] = InstanceStatus.allCases.filter { $0 != .continuedAsNew }
    .map { status in
      let isFull = status.isTerminal
      var description = InstanceDescription(
        instance: "i-\(status)", orchestration: "order", version: isFull ? "1.0.0" : nil, status: status,
        execution: 2, revision: 0, parent: isFull ? parent : nil, customStatus: isFull ? payload : nil,
        customStatusVersion: 3, output: isFull ? payload : nil, failure: isFull ? failure : nil, createdAt: 1,
        updatedAt: 2, endedAt: isFull ? 3 : nil, eventCount: 4)
      if status == .suspended { description.suspendReason = "for the night" }
      guard isFull else { return description }
      description.startAt = 5
      description.priority = -1_000
      description.attributes = Payload(#"{"customer":"7"}"#)
      description.memo = payload
      description.dedupKey = "order 7"
      return description
    }

  static let controls: [ControlRequest] =
    [nil, 0, 1 << 40].map { grace in
      ControlRequest(instance: "i", operation: .cancel(graceMS: grace), reason: "enough")
    }
    + [ControlVerb.suspend, .resume, .terminate, .retry].map { verb in
      ControlRequest(instance: "i", operation: .control(verb), reason: verb == .retry ? "" : "enough")
    }

  static let sends: [SendRequest] = [
    SendRequest(instance: "i", channel: .event, name: "go"),
    SendRequest(instance: "i", channel: .queue, name: "q", data: payload, isKept: true),
  ]

  static let calls: [CallRequest] = [
    CallRequest(instance: "i", name: "approve"),
    CallRequest(instance: "i", name: "approve", input: payload, call: "c-1"),
  ]

  static let queries: [InstanceQuery] = [
    InstanceQuery(instance: "i", query: QueryRequest(name: "progress", input: .null)),
    InstanceQuery(instance: "i", query: QueryRequest(name: "progress", input: payload)),
  ]

  static let fullLog = {
    var record = LogRecord(
      at: 1, level: .error, message: "m", instance: "i", execution: 2, orchestration: "o", activity: "a",
      node: 3)
    record.metric = metrics[0]
    return record
  }()

  /// Nothing has its default.
  static let runtime = {
    var runtime = RuntimeSettings()
    runtime.activitySlots = 10_000
    runtime.turnThreads = 64
    runtime.isCaching = false
    runtime.cachedInstances = 0
    runtime.activityTags = ["gpu", "cpu"]
    runtime.takesUntagged = false
    runtime.sessionsMax = 0
    runtime.sessionIdleMS = 1_000
    runtime.activityGraceMS = 0
    runtime.failsNondeterminism = true
    return runtime
  }()

  static let store = {
    var store = StoreSettings()
    store.busyTimeoutMS = 600_000
    store.clock = .virtual(startMS: 253_402_300_799_999)
    store.limits.payloadBytes = 1
    store.limits.customStatusBytes = 2
    store.limits.kvKeys = 3
    store.limits.kvValueBytes = 4
    store.limits.historyEvents = 5
    store.limits.historyBytes = 6
    store.limits.pendingActions = 7
    store.limits.inboxMessages = 1_000_000_000
    store.limits.subOrchestrationDepth = 3
    return store
  }()

  static let activityLimits: [ActivityLimits] = [
    ActivityLimits(), ActivityLimits(concurrency: 10_000),
    ActivityLimits(concurrency: 1, rate: 1_000_000, ratePeriodMS: 1 << 40),
  ]
}
