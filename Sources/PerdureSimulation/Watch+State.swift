import PerdureModel
import PerdureStore

/// What turns do beside their work: values, requests to others, publications, answers to calls.
extension Watch.Life {
  /// By the bytes of the keys, as a store lists them.
  var entries: [KVEntry] { values.values.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) } }

  mutating func apply(_ change: TimedKVChange) {
    switch change.change {
    case .set(let key, let value): values[key] = KVEntry(key: key, value: value, at: change.at)
    case .clear(let key): values[key] = nil
    case .clearAll: values = [:]
    }
  }

  /// The first answer counts.
  mutating func apply(_ answer: CallAnswer) {
    if calls[answer.call] == .waiting { calls[answer.call] = .answered(answer.outcome) }
  }

  mutating func take(_ kind: EventKind) {
    switch kind {
    case .topicSubscribed(_, let topic): topics.insert(topic)
    case .topicUnsubscribed(_, let topic): topics.remove(topic)
    case .subOrchestrationFailed(_, let failure) where failure.type == FailureType.alreadyExists:
      hasMet = true
    case .activityFailed(_, let failure) where failure.type == FailureType.poison: isPoisoned = true
    default: break
    }
  }

  /// Until when the code may clean up.
  var deadline: TimestampMS? {
    (histories.last ?? []).reduce(nil) { sofar, event in
      if case .cancellationRequested(_, let deadline) = event.kind { soonest(sofar, deadline) } else { sofar }
    }
  }
}

extension Watch {
  mutating func checkValues(_ commit: TurnCommit, _ store: SimStore) {
    let recorded = commit.events.compactMap { event in
      if case .kvChanged(_, let change) = event.kind { change } else { nil }
    }
    require(
      commit.kvChanges.map { $0.change } == recorded,
      "A turn of '\(commit.instance)' changes other values than its history says.")
    require(
      store.keyValues(commit.instance) == life(commit.instance)?.entries,
      "The values of '\(commit.instance)' are not what its turns made of them.")
  }

  // MARK: Requests

  /// Each request of a turn whose execution goes on is answered, once, and as the books say.
  mutating func checkRequests(_ commit: TurnCommit, _ receipt: TurnReceipt, ends: Bool) {
    for event in commit.events {
      switch event.kind {
      case .messageSendRequested(let origin, let message):
        let answer = answer(to: origin.action, commit, receipt, ends: ends)
        checkSent(message, answer, origin.action, commit, receipt)
      case .kvReadRequested(let origin, let instance, let key):
        let answer = answer(to: origin.action, commit, receipt, ends: ends)
        guard let answer else { continue }
        let value = life(instance).map { $0.values[key]?.value.text }
        let expected: Outcome =
          value.map { .completed(Payload($0.map { "{\"value\":\($0)}" } ?? "{}")) }
          ?? .failed(.unknownReceiver(instance))
        require(
          answer == expected, "'\(commit.instance)' reads another value of '\(instance)' than that has.")
      default: break
      }
    }
  }

  private mutating func answer(
    to action: ActionID, _ commit: TurnCommit, _ receipt: TurnReceipt, ends: Bool
  ) -> Outcome? {
    let answers = receipt.deliveries.compactMap { delivery -> Outcome? in
      guard delivery.instance == commit.instance,
        case .requestEnded(commit.execution, action, let outcome) = delivery.message.kind
      else { return nil }
      return outcome
    }
    require(
      answers.count == (ends ? 0 : 1),
      "Request \(action) of '\(commit.instance)' was answered \(answers.count) times.")
    return answers.first
  }

  private mutating func checkSent(
    _ message: SentMessage, _ answer: Outcome?, _ action: ActionID, _ commit: TurnCommit,
    _ receipt: TurnReceipt
  ) {
    let name = "Message \(action) of '\(commit.instance)' to '\(message.to)'"
    let isDelivered = receipt.deliveries.contains { delivery in
      guard delivery.instance == message.to else { return false }
      switch (message.content, delivery.message.kind) {
      case (.raised(let channel, let topic, let data), let kind):
        return kind == .raised(channel: channel, name: topic, data: data)
      case (.cancel(let reason), .cancel(let given, _)): return reason == given
      default: return false
      }
    }
    let receiver = life(message.to)
    switch answer {
    case .completed?:
      require(isDelivered || (message.isKept && receiver == nil), "\(name) is said to be there and is not.")
    case .failed(let failure)?:
      require(!isDelivered, "\(name) is said to have failed and is there.")
      let expected = receiver == nil ? FailureType.notFound : FailureType.wrongStatus
      require(
        failure.type == expected && receiver?.status.isTerminal != false,
        "\(name) failed as '\(failure.type)', which is not so.")
    case nil: break
    }
    if message.isKept, receiver == nil, case .raised(let channel, let topic, let data) = message.content {
      kept[message.to, default: []].append(.raised(channel: channel, name: topic, data: data))
    }
  }

  // MARK: Topics

  /// Each subscriber gets each publication once.
  ///
  /// - commit: of the turn that publishes; its messages stand before.
  mutating func published(
    _ publications: [Publication], _ deliveries: [Delivery], _ store: SimStore, of commit: TurnCommit? = nil
  ) {
    if commit == nil { for delivery in deliveries { deliver(delivery, in: store) } }
    for publication in publications {
      let kind = MessageKind.raised(channel: .topic, name: publication.topic, data: publication.data)
      let told = deliveries.filter { $0.message.kind == kind }.map { $0.instance }.sorted()
      let subscribed = lives.filter {
        !$0.isGone && !$0.status.isTerminal && $0.topics.contains(publication.topic)
      }
      require(
        told == subscribed.map { $0.start.instance }.sorted(),
        "'\(publication.topic)' was published to \(told.count) of \(subscribed.count) subscribers.")
    }
  }

  // MARK: Calls

  mutating func checkCalls(_ commit: TurnCommit, _ store: SimStore) {
    let recorded = commit.events.compactMap { event in
      if case .callAnswered(_, let call, let outcome) = event.kind {
        CallAnswer(call: call, outcome: outcome)
      } else {
        nil
      }
    }
    require(
      Array(commit.callAnswers.prefix(recorded.count)) == recorded,
      "A turn of '\(commit.instance)' answers other calls than its history says.")
    for call in commit.callAnswers.map({ $0.call }) {
      let known = life(commit.instance)?.calls[call] ?? .unknown
      require(
        store.callState(of: commit.instance, call) == known,
        "Call '\(call)' to '\(commit.instance)' has another answer than the first one of the code.")
    }
  }
}
