package import PerdureModel
import PerdureRuntime
import PerdureStore

extension Client {
  /// Answers whether the message waits for an instance that is yet to be started.
  @discardableResult
  package func send(_ request: SendRequest) throws(ClientError) -> Bool {
    try Check.name(request.name, request.channel == .event ? "event" : "queue")
    try Check.instance(request.instance)
    try Check.payload(request.data, "the payload", limit: hub.limits.payloadBytes)
    let kind = MessageKind.raised(channel: request.channel, name: request.name, data: request.data)
    return try post(OutgoingMessage(to: request.instance, kind: kind, isKept: request.isKept)) == .kept
  }

  /// To all instances that are subscribed; their number.
  package func publish(_ topic: String, _ data: Payload) throws(ClientError) -> Int {
    try Check.name(topic, "topic")
    try Check.payload(data, "the payload", limit: hub.limits.payloadBytes)
    let publication = Publication(topic: topic, data: data)
    let receipt = try hub.atOneMoment { now throws(ClientError) in
      try write(.publish(publication, now: now), "", "be published to")
    }
    guard case .delivered(let deliveries) = receipt else { return 0 }
    return deliveries.count
  }

  /// - graceMS: how long the code may clean up; nil: as long as it takes.
  package func cancel(
    _ instance: InstanceID, by requester: Requester, graceMS: Int64? = nil
  ) throws(ClientError) {
    try Check.instance(instance)
    let kind = MessageKind.cancel(reason: requester.reason, graceMS: graceMS)
    _ = try hub.atOneMoment { now throws(ClientError) in
      let entry = StoreEntry.post(OutgoingMessage(to: instance, kind: kind), now: now)
      return try write(try noted(entry, "cancel", instance, by: requester), instance, "receive messages")
    }
  }

  @discardableResult
  private func post(_ message: OutgoingMessage) throws(ClientError) -> StoreReceipt {
    try hub.atOneMoment { now throws(ClientError) in
      try write(.post(message, now: now), message.to, "receive messages")
    }
  }

  /// Cancel, suspend, resume, terminate, retry. Answers the status afterwards.
  package func control(_ request: ControlRequest) throws(ClientError) -> InstanceStatus {
    try Check.instance(request.instance)
    switch request.operation {
    case .cancel(let graceMS):
      try cancel(request.instance, by: request.requester, graceMS: graceMS)
      let row = try read { () throws(StoreError) in try hub.store.describe(request.instance) }
      return row?.status ?? .cancelled
    case .control(let verb):
      let receipt = try hub.atOneMoment { now throws(ClientError) in
        let entry = try noted(
          .control(request.instance, verb, reason: request.reason, now: now), verb.rawValue, request.instance,
          by: request.requester)
        return try write(entry, request.instance, verb.phrase)
      }
      guard case .controlled(let control) = receipt else { return .running }
      return control.status
    }
  }

  // MARK: Activities that end elsewhere

  /// - token: of the attempt ("Activity task").
  package func completeActivity(_ token: String, _ outcome: Outcome) throws(ClientError) {
    let token = try parse(token)
    switch outcome {
    case .completed(let result): try Check.payload(result, "the result", limit: hub.limits.payloadBytes)
    case .failed: break
    }
    _ = try hub.atOneMoment { now throws(ClientError) in
      try write(.completeActivity(token, outcome: outcome, now: now), token.key.instance, "take results")
    }
  }

  package func heartbeatActivity(_ token: String, _ details: Payload) throws(ClientError) {
    let token = try parse(token)
    try Check.payload(details, "the details", limit: hub.limits.payloadBytes)
    _ = try hub.atOneMoment { now throws(ClientError) in
      try write(.heartbeatByToken(token, details: details, now: now), token.key.instance, "take heartbeats")
    }
  }

  private func parse(_ token: String) throws(ClientError) -> CompletionToken {
    guard let parsed = CompletionToken(text: token) else {
      throw .invalidArgument("'\(token.prefix(100))' is no completion token of an activity")
    }
    return parsed
  }
}
