/// An instance with all that belongs to it, to be taken out of one store and put into another.
package struct InstanceExport: Hashable, Sendable {
  package var description: InstanceDescription
  /// Present until the first turn landed.
  package var start: InstanceStart?
  /// Of a child.
  package var closePolicy: ParentClosePolicy
  /// The histories that are there, in order; the last is that of the current execution. One that has no
  /// events yet may be missing.
  package var executions: [ExecutionHistory]
  /// Waiting messages, in order.
  package var inbox: [MessageKind]
  /// By key.
  package var kv: [KVRecord]
  /// Pending ones, by action.
  package var activities: [ActivityRecord]
  /// By id.
  package var calls: [CallRecord]
  /// Subscriptions, by name.
  package var topics: [String]

  package init(
    description: InstanceDescription, start: InstanceStart? = nil, closePolicy: ParentClosePolicy = .cancel,
    executions: [ExecutionHistory] = [], inbox: [MessageKind] = [], kv: [KVRecord] = [],
    activities: [ActivityRecord] = [], calls: [CallRecord] = [], topics: [String] = []
  ) {
    self.description = description
    self.start = start
    self.closePolicy = closePolicy
    self.executions = executions
    self.inbox = inbox
    self.kv = kv
    self.activities = activities
    self.calls = calls
    self.topics = topics
  }
}

package struct ExecutionHistory: Hashable, Sendable {
  package var execution: ExecutionID
  package var events: [Event]

  package init(execution: ExecutionID, events: [Event]) {
    self.execution = execution
    self.events = events
  }
}

/// A key as it is now and as the current execution found it; nil: not there.
package struct KVRecord: Hashable, Sendable {
  package struct Value: Hashable, Sendable {
    package var value: Payload
    package var at: TimestampMS

    package init(_ value: Payload, at: TimestampMS) {
      self.value = value
      self.at = at
    }
  }

  package var key: String
  package var now: Value?
  package var base: Value?

  package init(key: String, now: Value?, base: Value?) {
    self.key = key
    self.now = now
    self.base = base
  }
}

/// A pending activity as it stands without whoever runs it: an attempt that runs is lost with its node.
package struct ActivityRecord: Hashable, Sendable {
  package enum Phase: String, Hashable, Sendable, CaseIterable {
    /// The next claim is for this same attempt.
    case unrun
    /// The attempt was taken: it was lost, or failed.
    case run
    /// To be completed from elsewhere, by its token.
    case deferred
  }

  /// Without claim.
  package var task: ActivityTask
  /// Of the last claim.
  package var token: Int64
  package var phase: Phase
  package var claimedAt: TimestampMS
  package var beatAt: TimestampMS

  package init(
    task: ActivityTask, token: Int64, phase: Phase, claimedAt: TimestampMS, beatAt: TimestampMS
  ) {
    self.task = task
    self.task.claim = nil
    self.token = token
    self.phase = phase
    self.claimedAt = claimedAt
    self.beatAt = beatAt
  }

  /// What it waits for.
  package var wait: ActivityWait {
    switch phase {
    case .deferred: .deferred(startedAt: claimedAt, beatAt: beatAt)
    case .unrun where task.attempt == 1: .notStarted
    case .unrun, .run: .betweenAttempts
    }
  }
}

package struct CallRecord: Hashable, Sendable {
  package var call: String
  /// nil: it waits for its answer.
  package var answer: Outcome?

  package init(call: String, answer: Outcome?) {
    self.call = call
    self.answer = answer
  }
}

extension InstanceExport {
  /// Its executions, each with the key-value state that it began with.
  package var recordings: [RecordedExecution] {
    var values: [ExactText: KVEntry]? = [:]
    var next: ExecutionID = 1
    return executions.compactMap { history in
      // What executions that are not in the file have set is not known.
      if history.execution != next { values = nil }
      next = history.execution &+ 1
      var kv = values.map(Self.sorted) ?? []
      if history.execution == description.execution { kv = base }
      defer { values = values.map { Self.folding(history.events, into: $0) } }
      if history.events.isEmpty { return nil }
      return RecordedExecution(
        instance: description.instance, execution: history.execution,
        orchestration: description.orchestration, events: history.events, kv: kv)
    }
  }

  private var base: [KVEntry] {
    kv.compactMap { record in
      record.base.map { KVEntry(key: record.key, value: $0.value, at: $0.at) }
    }
  }

  private static func sorted(_ values: [ExactText: KVEntry]) -> [KVEntry] {
    values.values.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
  }

  private static func folding(
    _ events: [Event], into values: [ExactText: KVEntry]
  ) -> [ExactText: KVEntry] {
    var values = values
    var times: [EventID: TimestampMS] = [:]
    for event in events {
      times[event.id] = event.at
      guard case .kvChanged(let origin, let change) = event.kind else { continue }
      switch change {
      case .set(let key, let value):
        values[ExactText(key)] = KVEntry(key: key, value: value, at: times[origin.after] ?? event.at)
      case .clear(let key): values[ExactText(key)] = nil
      case .clearAll: values = [:]
      }
    }
    return values
  }
}
