import PerdureModel

/// Actions and events in the words of a report.
extension ActionMatcher {
  static func nothing(_ end: TurnEnd?) -> String {
    guard let end else { return "no further action" }
    return "\(describe(end.kind)) after event \(end.after)"
  }

  /// As the action that made the event.
  static func describe(_ kind: EventKind) -> String {
    switch kind {
    case .activityScheduled(_, let name, let input, let options):
      describe(.scheduleActivity(name: name, input: input, options: options))
    case .timerCreated(_, let fireAt): describe(.createTimer(fireAt: fireAt))
    case .subscribed(_, let channel, let name): describe(.subscribe(channel: channel, name: name))
    case .subOrchestrationScheduled(_, let name, let version, let instance, let input, let policy):
      describe(
        .scheduleSubOrchestration(
          name: name, version: version, instance: instance, input: input, closePolicy: policy))
    case .detachedOrchestrationScheduled(_, let name, let version, let instance, let input):
      describe(.startDetached(name: name, version: version, instance: instance, input: input))
    case .workCancelled(_, let target, _), .cancelIgnored(_, let target): describe(.cancel(target: target))
    case .customStatusUpdated(_, let status): describe(.setCustomStatus(status))
    case .kvChanged(_, let change): describe(.changeKV(change))
    case .kvReadRequested(_, let instance, let key): describe(.readKV(instance: instance, key: key))
    case .messageSendRequested(_, let message): describe(.send(message))
    case .topicSubscribed(_, let topic): describe(.subscribeTopic(topic))
    case .topicUnsubscribed(_, let topic): describe(.unsubscribeTopic(topic))
    case .published(_, let topic, let data): describe(.publish(topic: topic, data: data))
    case .callAnswered(_, let call, let outcome): describe(.answerCall(call: call, outcome: outcome))
    case .patchRecorded(_, let patch): describe(.recordPatch(patch))
    default: "no action"
    }
  }

  static func describe(_ kind: ActionKind) -> String {
    switch kind {
    case .scheduleActivity(let name, let input, _): "activity '\(name)' with input \(excerpt(input))"
    case .createTimer: "a timer"
    case .subscribe(.event, let name): "a wait for event '\(name)'"
    case .subscribe(.queue, let name): "a dequeue from '\(name)'"
    case .subscribe(.topic, let name): "a wait for topic '\(name)'"
    case .subscribe(.call, let name): "a wait for call '\(name)'"
    case .scheduleSubOrchestration(let name, let version, let instance, let input, _, _):
      "sub-orchestration '\(name)'\(versioned(version))\(named(instance)) with input \(excerpt(input))"
    case .startDetached(let name, let version, let instance, let input):
      "detached start of '\(name)'\(versioned(version))\(named(instance)) with input \(excerpt(input))"
    case .cancel(let target): "cancellation of action \(target)"
    case .setCustomStatus: "a custom status"
    case .changeKV(.set(let key, let value)): "key '\(key)' set to \(excerpt(value))"
    case .changeKV(.clear(let key)): "key '\(key)' cleared"
    case .changeKV(.clearAll): "all keys cleared"
    case .readKV(let instance, let key): "a look at key '\(key)' of '\(instance)'"
    case .send(let message): "\(words(message.content)) to '\(message.to)'"
    case .subscribeTopic(let topic): "a subscription to topic '\(topic)'"
    case .unsubscribeTopic(let topic): "the end of a subscription to topic '\(topic)'"
    case .publish(let topic, let data): "\(excerpt(data)) published to topic '\(topic)'"
    case .answerCall(let call, _): "an answer to call '\(call)'"
    case .recordPatch(let patch): "patch '\(patch)'"
    }
  }

  private static func words(_ content: SentMessage.Content) -> String {
    switch content {
    case .raised(.event, let name, let data): "event '\(name)' with \(excerpt(data))"
    case .raised(_, let name, let data): "queue message '\(name)' with \(excerpt(data))"
    case .cancel: "a request to cancel"
    }
  }

  static func describe(_ kind: TurnEndKind) -> String {
    switch kind {
    case .completed: "completion"
    case .failed(let failure): "failure (\(failure.type): \(failure.message))"
    case .cancelled: "cancellation"
    case .continuedAsNew: "continue-as-new"
    }
  }

  private static func versioned(_ version: String?) -> String { version.map { " \($0)" } ?? "" }
  private static func named(_ instance: InstanceID?) -> String { instance.map { " as '\($0)'" } ?? "" }

  static func excerpt(_ payload: Payload) -> String {
    let limit = 120
    guard payload.bytes.count > limit else { return payload.text }
    return String(decoding: payload.bytes.prefix(limit), as: UTF8.self) + "..."
  }
}
