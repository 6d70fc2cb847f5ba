import PerdureModel
import PerdureWire

/// What is over a limit is refused where the code asks for it, before it is listed. (The engine's own check
/// is the net: what reaches it ends the instance.)
struct TurnLimits: Sendable {
  var settings = LimitSettings()

  /// - Parameters:
  ///   - open: pieces of work that wait for an answer.
  ///   - child: the id of a child that is given none.
  func check(_ kind: ActionKind, open: Int, child: @autoclosure () -> InstanceID) throws(LimitExceeded) {
    if kind.leavesWorkOpen, open >= settings.pendingActions {
      throw LimitExceeded("\(open) actions are pending; the limit is \(settings.pendingActions) per instance")
    }
    switch kind {
    case .scheduleActivity(let name, let input, let options):
      try self.name(name, "the activity name")
      try payload(input, "the input of activity '\(name)'")
      if let tag = options.tag { try self.name(tag, "the tag of activity '\(name)'", Limits.tagBytes) }
      if let session = options.session { try self.name(session, "the session of activity '\(name)'") }
    case .scheduleSubOrchestration(let name, _, let instance, let input, _, _),
      .startDetached(let name, _, let instance, let input):
      try self.name(name, "the orchestration name")
      try id(instance ?? child(), "the instance id of a child")
      try payload(input, "the input of orchestration '\(name)'")
    case .subscribe(let channel, let name): try self.name(name, "the \(channel.rawValue) name")
    case .setCustomStatus(let status):
      try bytes(status?.bytes.count ?? 0, "the custom status", settings.customStatusBytes)
    case .changeKV(let change): try check(change)
    case .readKV(let instance, let key):
      try id(instance, "the instance id")
      try self.name(key, "the key", Limits.kvKeyBytes)
    case .send(let message): try check(message)
    case .subscribeTopic(let topic), .unsubscribeTopic(let topic): try name(topic, "the topic name")
    case .publish(let topic, let data):
      try name(topic, "the topic name")
      try payload(data, "the data for topic '\(topic)'")
    case .answerCall(_, .completed(let result)): try payload(result, "the result of the call")
    case .answerCall(_, .failed(let failure)): try self.failure(failure, "the failure of the call")
    case .recordPatch(let patch): try name(patch, "the patch id")
    case .createTimer, .cancel: break
    }
  }

  private func check(_ change: KVChange) throws(LimitExceeded) {
    switch change {
    case .set(let key, let value):
      try name(key, "the key", Limits.kvKeyBytes)
      try bytes(value.bytes.count, "the value of key '\(key)'", settings.kvValueBytes)
    case .clear(let key): try name(key, "the key", Limits.kvKeyBytes)
    case .clearAll: break
    }
  }

  private func check(_ message: SentMessage) throws(LimitExceeded) {
    try id(message.to, "the instance id")
    switch message.content {
    case .raised(let channel, let name, let data):
      try self.name(name, "the \(channel.rawValue) name")
      try payload(data, "the data of \(channel.rawValue) '\(name)'")
    case .cancel(let reason): try bytes(reason.utf8.count, "the reason", Limits.reasonBytes)
    }
  }

  /// A key that is not there yet would be one too many.
  func checkKeys(_ count: Int) throws(LimitExceeded) {
    guard count >= settings.kvKeys else { return }
    throw LimitExceeded("there are \(count) keys; the limit is \(settings.kvKeys) per instance")
  }

  /// What an end of the code is over, if it is.
  func breach(of end: TurnEndKind) -> LimitExceeded? {
    do throws(LimitExceeded) {
      switch end {
      case .completed(let output): try payload(output, "the output")
      case .continuedAsNew(_, let input): try payload(input, "the input of continue-as-new")
      case .failed(let failure): try self.failure(failure, "the failure")
      case .cancelled: break
      }
      return nil
    } catch { return error }
  }

  func checkNext(_ input: Payload) throws(LimitExceeded) {
    try payload(input, "the input of continue-as-new")
  }

  func checkName(_ name: String, _ what: String) throws(LimitExceeded) { try self.name(name, what) }

  private func payload(_ payload: Payload, _ what: @autoclosure () -> String) throws(LimitExceeded) {
    try bytes(payload.bytes.count, what(), settings.payloadBytes)
  }

  private func failure(
    _ failure: PerdureModel.Failure, _ what: @autoclosure () -> String
  ) throws(LimitExceeded) {
    try bytes(FailureWire.encode(failure).count, what(), Limits.failureBytes)
  }

  private func id(_ id: InstanceID, _ what: String) throws(LimitExceeded) {
    try name(id, what, Limits.instanceIDBytes)
  }

  private func name(
    _ name: String, _ what: @autoclosure () -> String, _ limit: Int = Limits.nameBytes
  ) throws(LimitExceeded) {
    if name.isEmpty { throw LimitExceeded("\(what()) is empty") }
    try bytes(name.utf8.count, what(), limit)
  }

  private func bytes(
    _ size: Int, _ what: @autoclosure () -> String, _ limit: Int
  ) throws(LimitExceeded) {
    if size > limit { throw LimitExceeded("\(what()) has \(size) bytes; the limit is \(limit)") }
  }
}

extension ActionKind {
  /// It waits for an answer, until then it counts as pending.
  fileprivate var leavesWorkOpen: Bool {
    switch self {
    case .scheduleActivity, .createTimer, .subscribe, .scheduleSubOrchestration, .readKV, .send: true
    case .startDetached, .cancel, .setCustomStatus, .changeKV, .subscribeTopic, .unsubscribeTopic, .publish,
      .answerCall, .recordPatch:
      false
    }
  }
}
