package struct HistoryQuery: Hashable, Sendable {
  package var instance: InstanceID
  /// nil: the current one.
  package var execution: ExecutionID?
  /// Only events with a higher id.
  package var after: EventID
  package var limit: Int

  package init(instance: InstanceID, execution: ExecutionID? = nil, after: EventID = 0, limit: Int = 1_000) {
    self.instance = instance
    self.execution = execution
    self.after = after
    self.limit = limit
  }
}

package struct HistoryPage: Hashable, Sendable {
  package var instance: InstanceID
  package var execution: ExecutionID
  /// The last execution of the instance.
  package var currentExecution: ExecutionID
  package var events: [Event]
  /// There are events after these.
  package var hasMore: Bool

  package init(
    instance: InstanceID, execution: ExecutionID, currentExecution: ExecutionID, events: [Event],
    hasMore: Bool
  ) {
    self.instance = instance
    self.execution = execution
    self.currentExecution = currentExecution
    self.events = events
    self.hasMore = hasMore
  }
}

/// Which instance to remove, with all its descendants.
package struct DeleteQuery: Hashable, Sendable {
  package var instance: InstanceID
  /// Also one that has not ended.
  package var force: Bool

  package init(instance: InstanceID, force: Bool = false) {
    self.instance = instance
    self.force = force
  }
}

/// What a client asks of an instance as a whole.
package struct ControlRequest: Hashable, Sendable {
  package enum Operation: Hashable, Sendable {
    /// - graceMS: how long the code may clean up; nil: as long as it takes.
    case cancel(graceMS: Int64?)
    case control(ControlVerb)
  }

  package var instance: InstanceID
  package var operation: Operation
  package var reason: String
  /// Who asks. Recorded.
  package var actor: String

  package init(instance: InstanceID, operation: Operation, reason: String = "", actor: String = "") {
    self.instance = instance
    self.operation = operation
    self.reason = reason
    self.actor = actor
  }

  package var requester: Requester { Requester(actor: actor, reason: reason) }
}

/// An event or a queue message of a client.
package struct SendRequest: Hashable, Sendable {
  package var instance: InstanceID
  package var channel: Channel
  package var name: String
  package var data: Payload
  /// If nobody has that id, the message waits for a start of it.
  package var isKept: Bool

  package init(
    instance: InstanceID, channel: Channel, name: String, data: Payload = .null, isKept: Bool = false
  ) {
    self.instance = instance
    self.channel = channel
    self.name = name
    self.data = data
    self.isKept = isKept
  }
}

/// A request into running orchestration code.
package struct CallRequest: Hashable, Sendable {
  package var instance: InstanceID
  package var name: String
  package var input: Payload
  /// Names the call: one that is made again waits for the answer of the first. nil: the engine makes a random
  /// one.
  package var call: String?

  package init(instance: InstanceID, name: String, input: Payload = .null, call: String? = nil) {
    self.instance = instance
    self.name = name
    self.input = input
    self.call = call
  }
}

/// A question to orchestration code, answered by the handler of that name.
package struct InstanceQuery: Hashable, Sendable {
  package var instance: InstanceID
  package var query: QueryRequest

  package init(instance: InstanceID, query: QueryRequest) {
    self.instance = instance
    self.query = query
  }
}

/// Which keys of an instance's state to read; nil: all.
package struct KVQuery: Hashable, Sendable {
  package var instance: InstanceID
  package var key: String?

  package init(instance: InstanceID, key: String? = nil) {
    self.instance = instance
    self.key = key
  }
}
