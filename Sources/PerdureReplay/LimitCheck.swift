import PerdureModel

/// Limits that an action can break by itself. Hosts raise them in the code, where they can be caught; this is
/// the net for hosts that do not.
struct LimitCheck {
  let limits: LimitSettings

  /// - open: work that is open already.
  /// - child: the id that the engine would give to a child.
  func breach(of action: Action, open: Int, child: InstanceID, kvKeys: Set<ExactText>) -> Failure? {
    if action.kind.leavesWorkOpen, open >= limits.pendingActions {
      return failure("\(open) actions are pending; the limit is \(limits.pendingActions) per instance")
    }
    switch action.kind {
    case .scheduleActivity(let name, let input, let options):
      return self.name(name, "activity") ?? payload(input, "the input of activity '\(name)'")
        ?? tag(options.tag, "tag") ?? tag(options.session, "session")
    case .subscribe(let channel, let name): return self.name(name, channel.rawValue)
    case .scheduleSubOrchestration(let name, let version, let instance, let input, _, _),
      .startDetached(let name, let version, let instance, let input):
      return reserved(name, "orchestration name") ?? reserved(instance ?? "", "instance id")
        ?? self.name(name, "orchestration") ?? id(instance ?? child, "of a child")
        ?? size(version?.utf8.count ?? 0, "the version", Limits.nameBytes)
        ?? payload(input, "the input of orchestration '\(name)'")
    case .setCustomStatus(let status):
      return size(status?.bytes.count ?? 0, "the custom status", limits.customStatusBytes)
    case .changeKV(let change): return breach(of: change, kvKeys)
    case .send(let message): return breach(of: message)
    case .readKV(let instance, let key):
      return id(instance, "to read from") ?? size(key.utf8.count, "the key", Limits.kvKeyBytes)
    case .subscribeTopic(let topic), .unsubscribeTopic(let topic): return name(topic, "topic")
    case .publish(let topic, let data):
      return name(topic, "topic") ?? payload(data, "the message to topic '\(topic)'")
    case .answerCall(let call, let outcome): return breach(of: call, outcome)
    case .recordPatch(let patch): return name(patch, "patch")
    case .createTimer, .cancel: return nil
    }
  }

  private func breach(of call: String, _ outcome: Outcome) -> Failure? {
    if let breach = size(call.utf8.count, "the id of a call", Limits.instanceIDBytes) { return breach }
    switch outcome {
    case .completed(let result): return payload(result, "the answer to a call")
    case .failed(let failure):
      return size(failure.sizeEstimate, "the failure of a call", Limits.failureBytes)
    }
  }

  private func breach(of change: KVChange, _ keys: Set<ExactText>) -> Failure? {
    if case .clear(let key) = change { return size(key.utf8.count, "the key", Limits.kvKeyBytes) }
    guard case .set(let key, let value) = change else { return nil }
    if keys.count >= limits.kvKeys, !keys.contains(ExactText(key)) {
      return failure("\(keys.count) keys are set; the limit is \(limits.kvKeys) per instance")
    }
    return name(key, "key") ?? size(value.bytes.count, "the value of key '\(key)'", limits.kvValueBytes)
  }

  private func breach(of message: SentMessage) -> Failure? {
    if let breach = id(message.to, "to send to") { return breach }
    switch message.content {
    case .raised(let channel, let name, let data):
      return self.name(name, channel.rawValue) ?? payload(data, "the message '\(name)'")
    case .cancel(let reason): return size(reason.utf8.count, "the reason", Limits.reasonBytes)
    }
  }

  /// Limits that an end can break.
  func breach(of end: TurnEndKind) -> Failure? {
    switch end {
    case .completed(let output): payload(output, "the output")
    case .continuedAsNew(_, let input): payload(input, "the input of continue-as-new")
    case .failed(let failure): size(failure.sizeEstimate, "the failure", Limits.failureBytes)
    case .cancelled: nil
    }
  }

  /// A history that has grown too long or too large.
  func breach(events: Int64, bytes: Int64) -> Failure? {
    if events > limits.historyEvents {
      return failure(
        "the history has \(events) events; "
          + "the limit is \(limits.historyEvents) per execution: continue as new"
      )
    }
    if bytes > limits.historyBytes {
      return failure(
        "the history has \(bytes) bytes; the limit is \(limits.historyBytes) per execution: continue as new")
    }
    return nil
  }

  /// Of the engine's own orchestrations none starts another one of them.
  private func reserved(_ name: String, _ what: String) -> Failure? {
    guard Reserved.isReserved(name) else { return nil }
    return failure("the \(what) '\(name)' begins with '\(Reserved.prefix)', which is for the engine's own")
  }

  private func name(_ name: String, _ what: String) -> Failure? {
    if name.isEmpty { return failure("the \(what) name is empty") }
    return size(name.utf8.count, "the \(what) name", Limits.nameBytes)
  }

  private func tag(_ tag: String?, _ what: String) -> Failure? {
    guard let tag else { return nil }
    if tag.isEmpty { return failure("the \(what) is empty") }
    return size(tag.utf8.count, "the \(what)", Limits.tagBytes)
  }

  private func id(_ instance: InstanceID, _ what: String) -> Failure? {
    if instance.isEmpty { return failure("the instance id \(what) is empty") }
    return size(instance.utf8.count, "the instance id \(what)", Limits.instanceIDBytes)
  }

  private func payload(_ payload: Payload, _ what: String) -> Failure? {
    size(payload.bytes.count, what, limits.payloadBytes)
  }

  private func size(_ bytes: Int, _ what: String, _ limit: Int) -> Failure? {
    bytes > limit ? failure("\(what) has \(bytes) bytes; the limit is \(limit)") : nil
  }

  private func failure(_ message: String) -> Failure {
    Failure(type: FailureType.limitExceeded, message: message, isNonRetryable: true)
  }
}

extension ActionKind {
  fileprivate var leavesWorkOpen: Bool {
    switch self {
    case .scheduleActivity, .createTimer, .subscribe, .scheduleSubOrchestration, .send, .readKV: true
    default: false
    }
  }
}
