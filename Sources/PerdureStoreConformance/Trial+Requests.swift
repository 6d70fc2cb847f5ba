import PerdureModel
import PerdureStore

extension Store {
  /// A node that serves nothing in particular.
  func join() throws(StoreError) -> NodeID { try join(serving: NodeService()) }
}

extension Trial {
  // MARK: Instances

  func starting(
    _ instance: InstanceID, _ orchestration: String = "order", owner: NodeID? = nil, now: TimestampMS = 1_000,
    _ change: (inout StartOptions) -> Void = { _ in }
  ) -> StoreEntry {
    var start = InstanceStart(instance: instance, orchestration: orchestration, input: Payload("1"))
    change(&start.options)
    return .start(start, owner: owner, now: now)
  }

  /// A new instance with this status.
  func bring(_ instance: InstanceID, to status: InstanceStatus) throws {
    try start(instance)
    switch status {
    case .pending: return
    case .running: try turn(instance)
    case .suspended:
      try turn(instance)
      try control(instance, .suspend)
    case .quarantined:
      try turn(instance)
      try land(.quarantine(instance, revision: 1, failure: .sample, now: 2_500))
    case .completed, .failed, .cancelled, .terminated, .continuedAsNew: try end(instance, status)
    }
  }

  /// All that an instance can have.
  static let statuses = InstanceStatus.allCases.filter { $0 != .continuedAsNew }

  @discardableResult
  func control(
    _ instance: InstanceID, _ verb: ControlVerb, reason: String = "because", now: TimestampMS = 5_000
  ) throws -> ControlReceipt {
    let receipt = try land(.control(instance, verb, reason: reason, now: now))
    guard case .controlled(let controlled) = receipt else {
      throw ConformanceFailure("the receipt of \(verb)", expected: "controlled", found: "\(receipt)")
    }
    return controlled
  }

  // MARK: Messages

  func calling(
    _ instance: InstanceID, _ call: String, input: Payload = Payload("5"), isKept: Bool = false
  ) -> StoreEntry {
    let kind = MessageKind.call(id: call, name: "total", input: input)
    return .post(OutgoingMessage(to: instance, kind: kind, isKept: isKept), now: 1_500)
  }

  func keeping(_ name: String, for instance: InstanceID) -> StoreEntry {
    .post(OutgoingMessage(to: instance, kind: .named(name), isKept: true), now: 1_500)
  }

  func publish(_ topic: String, _ data: Payload = Payload("1")) throws -> [Delivery] {
    try deliveries(.publish(Publication(topic: topic, data: data), now: 2_500))
  }

  /// Of an entry that is answered with them.
  func deliveries(_ entry: StoreEntry) throws -> [Delivery] {
    let receipt = try land(entry)
    guard case .delivered(let deliveries) = receipt else {
      throw ConformanceFailure("the receipt", expected: "delivered", found: "\(receipt)")
    }
    return deliveries
  }

  func subscribe(_ instance: InstanceID, to topic: String) throws {
    try turn(instance) { $0.topicChanges = [TopicChange(topic: topic, isSubscribed: true)] }
  }

  func kinds(_ instance: InstanceID) throws -> [MessageKind] { try inbox(instance).map(\.kind) }

  /// Runs the story on a store whose inboxes hold few messages if the fixture can make one, else on this one.
  /// `fill` posts messages until one more does not fit.
  func withFullInboxes(_ story: (Trial, _ limit: Int) throws -> Void) throws {
    var limits = LimitSettings()
    limits.inboxMessages = 3
    guard let small = try fixture.makeStore(limits: limits) else {
      return try story(self, Limits.inboxMessages)
    }
    defer { small.close() }
    try story(on(small), limits.inboxMessages)
  }

  func fill(_ instance: InstanceID, upTo limit: Int, isKept: Bool = false) throws {
    let message = OutgoingMessage(to: instance, kind: .named("one of many"), isKept: isKept)
    var missing = try limit - inbox(instance).count
    while missing > 0 {
      let count = min(missing, Limits.entriesPerCommit)
      let outcomes = try store.commit(Array(repeating: .post(message, now: 1), count: count))
      try expect(outcomes.allSatisfy(\.isSuccess), "messages up to the limit land")
      missing -= count
    }
  }

  // MARK: Key-value state

  /// A turn that makes these changes.
  @discardableResult
  func change(
    _ instance: InstanceID, _ changes: [KVChange], at: TimestampMS = 2_000,
    _ more: (inout TurnCommit) -> Void = { _ in }
  ) throws -> TurnReceipt {
    try turn(instance) {
      $0.kvChanges = changes.map { TimedKVChange(change: $0, at: at) }
      more(&$0)
    }
  }

  /// "key=value" of each, in the order of the answer.
  func values(_ instance: InstanceID, key: String? = nil) throws -> [String]? {
    try store.keyValues(KVQuery(instance: instance, key: key))?.map { "\($0.key)=\($0.value.text)" }
  }

  /// The same of what the current execution began with.
  func base(_ instance: InstanceID) throws -> [String] {
    try snapshot(instance).kv.map { "\($0.key)=\($0.value.text)" }
  }

  // MARK: Activities

  func key(_ instance: InstanceID, _ action: ActionID = 1) -> ActivityKey {
    ActivityKey(instance: instance, execution: 1, action: action)
  }

  func retrying(_ key: ActivityKey, _ claim: ActivityClaim, at: TimestampMS = 5_000) -> StoreEntry {
    .activityRetry(key, claim: claim, failure: .passing, retryAt: at, heartbeat: nil)
  }

  func completing(_ key: ActivityKey, token: Int64, _ outcome: Outcome, now: TimestampMS = 6_000)
    -> StoreEntry
  {
    .completeActivity(CompletionToken(key: key, token: token), outcome: outcome, now: now)
  }

  func beating(_ key: ActivityKey, token: Int64, now: TimestampMS = 6_000) -> StoreEntry {
    .heartbeatByToken(CompletionToken(key: key, token: token), details: Payload("\"half\""), now: now)
  }

  /// "a" with activity 1, claimed at `claimedAt` and deferred at `now`; the token to complete it.
  func defer1(
    claimedAt: TimestampMS = 3_000, now: TimestampMS = 4_000,
    _ change: (inout ActivityOptions) -> Void = { _ in }
  ) throws -> Int64 {
    let node = try store.join()
    try runWithTask("a", change)
    let claim = try claimTask(node, now: claimedAt).claim
    try land(.deferActivity(key("a"), claim: claim, heartbeat: nil, now: now))
    return claim.token
  }

  /// How the one activity of the instance ended, as its inbox has it.
  func activityEnd(_ instance: InstanceID) throws -> Outcome {
    let kinds = try kinds(instance)
    guard case .activityEnded(_, _, let outcome)? = kinds.first, kinds.count == 1 else {
      throw ConformanceFailure("the inbox", expected: "the end of one activity", found: "\(kinds)")
    }
    return outcome
  }
}
