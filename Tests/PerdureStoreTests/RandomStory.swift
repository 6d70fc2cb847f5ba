import PerdureModel
import PerdureStore
import PerdureStoreMemory

/// Entries that a seed fixes: most of them fit the state that they meet, some do not.
struct RandomStory {
  static let ids = ["a", "b", "c", "d", "e"]
  static let calls = ["c1", "c2"]

  private var state: UInt64
  var nodes: [NodeID]
  var now: TimestampMS = 1_000
  var claims: [ClaimedActivity] = []

  init(seed: UInt64, nodes: [NodeID]) {
    state = seed
    self.nodes = nodes
  }

  // MARK: Choices

  private mutating func number(_ count: Int) -> Int {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return Int((z ^ (z >> 31)) % UInt64(count))
  }

  private mutating func one<T>(of choices: [T]) -> T { choices[number(choices.count)] }
  private mutating func chance(_ percent: Int) -> Bool { number(100) < percent }

  // MARK: Entries

  mutating func group(_ store: MemoryStore) throws -> [StoreEntry] {
    try (0...number(3)).map { _ in try next(store) }
  }

  private mutating func next(_ store: MemoryStore) throws -> StoreEntry {
    now += Int64(number(400))
    let id = one(of: Self.ids)
    switch number(22) {
    case 0, 1, 2: return .start(start(id), owner: chance(50) ? nodes.first : nil, now: now)
    case 3, 4: return .post(OutgoingMessage(to: id, kind: message(), isKept: chance(40)), now: now)
    case 5: return .publish(Publication(topic: one(of: ["t", "u"]), data: Payload("5")), now: now)
    case 6: return .control(id, one(of: ControlVerb.allCases), reason: "why", now: now)
    case 7: return .delete(id, force: chance(30))
    case 8:
      return .claimInstances(node: one(of: nodes), orchestrations: ["order"], limit: 1 + number(3), now: now)
    case 9:
      return chance(50)
        ? .releaseInstances(node: one(of: nodes), instances: [id])
        : .claimInstance(node: one(of: nodes), instance: id)
    case 10, 11: return .claimActivities(node: one(of: nodes), filter: filter(), limit: 2, now: now)
    case 12, 13, 14: return try activityEntry(store, id)
    case 15: return .expireActivities(limit: 3, now: now)
    case 16, 17: return try managed(store, id)
    default: return .turn(try turn(store, id))
    }
  }

  private mutating func managed(_ store: MemoryStore, _ id: InstanceID) throws -> StoreEntry {
    let names = ["order", "other", RetentionRule.others]
    switch number(8) {
    case 0, 1:
      let note = AuditNote(actor: one(of: ["ana", ""]), operation: "op", target: id, at: now)
      return .noted(try next(store), note)
    case 2:
      let statuses: [InstanceStatus] = chance(50) ? RetentionRule.ends : [.completed, .terminated]
      return .setRetention(
        RetentionRule(orchestration: one(of: names), keepMS: Int64(number(5_000)), statuses: statuses))
    case 3: return .removeRetention(orchestration: one(of: names))
    case 4: return .sweep(limit: number(3), now: now)
    case 5: return .pruneExecutions(id, keep: Int64(number(3)), limit: number(3))
    default:
      let action = try store.activities(of: id).first?.key.action ?? 1
      let key = ActivityKey(
        instance: id, execution: try store.describe(id)?.execution ?? 1, action: action)
      switch outcome() {
      case .completed where chance(60): return .actOnActivity(key, .retry, now: now)
      case .completed(let result): return .actOnActivity(key, .complete(result), now: now)
      case .failed(let failure): return .actOnActivity(key, .fail(failure), now: now)
      }
    }
  }

  private mutating func filter() -> ActivityFilter {
    ActivityFilter(
      names: chance(80) ? ["pay", "ship"] : ["pay"], tags: one(of: [nil, [], ["gpu"]]),
      takesUntagged: chance(80), sessionsMax: number(3), sessionIdleMS: 1_000)
  }

  private mutating func start(_ id: InstanceID, parent: ParentLink? = nil) -> InstanceStart {
    var options = StartOptions()
    options.policy = one(of: StartPolicy.allCases)
    if chance(25) { options.startAt = now + Int64(number(2_000)) }
    if chance(30) { options.priority = Int64(number(3)) - 1 }
    if chance(15), parent == nil { options.dedupKey = one(of: ["k", "l"]) }
    if chance(20) { options.attributes = Payload("{\"x\":\"y\"}") }
    if chance(20) { options.memo = Payload("[1]") }
    if parent != nil { options.closePolicy = one(of: ParentClosePolicy.allCases) }
    return InstanceStart(
      instance: id, orchestration: chance(90) ? "order" : "other", version: nil, input: Payload("1"),
      parent: parent, options: options)
  }

  private mutating func message() -> MessageKind {
    switch number(4) {
    case 0: .cancel(reason: "r", graceMS: chance(50) ? 5 : nil)
    case 1: .call(id: one(of: Self.calls), name: "n", input: Payload("2"))
    default: .raised(channel: one(of: [.event, .queue]), name: "m", data: Payload("3"))
    }
  }

  private mutating func outcome() -> Outcome {
    chance(50)
      ? .completed(Payload("7")) : .failed(Failure(type: "E", message: "m", isNonRetryable: chance(20)))
  }

  private mutating func activityEntry(_ store: MemoryStore, _ id: InstanceID) throws -> StoreEntry {
    for task in try store.activities(of: id) {
      guard let claim = task.claim else { continue }
      if claims.count >= 50 { claims.removeFirst() }
      claims.append(ClaimedActivity(key: task.key, claim: claim))
    }
    guard !claims.isEmpty else { return .expireActivities(limit: 1, now: now) }
    let held = chance(70) ? claims[claims.count - 1 - number(min(3, claims.count))] : one(of: claims)
    let token = CompletionToken(key: held.key, token: held.claim.token)
    switch number(9) {
    case 0: return .releaseActivities([held])
    case 1: return .releaseUnheldActivities(node: held.claim.node, held: Array(claims.suffix(2)))
    case 2: return .activityEnded(held.key, claim: held.claim, outcome: outcome(), now: now)
    case 3:
      return .activityRetry(
        held.key, claim: held.claim, failure: Failure(type: "E", message: "m"), retryAt: now + 500,
        heartbeat: chance(50) ? Payload("8") : nil)
    case 4: return .activityHeartbeat(held.key, claim: held.claim, details: Payload("9"))
    case 5, 6:
      return .deferActivity(held.key, claim: held.claim, heartbeat: chance(50) ? Payload("8") : nil, now: now)
    case 7: return .heartbeatByToken(token, details: Payload("10"), now: now)
    default: return .completeActivity(token, outcome: outcome(), now: now)
    }
  }

  // MARK: Turns

  private mutating func turn(_ store: MemoryStore, _ id: InstanceID) throws -> TurnCommit {
    let row = try store.describe(id)
    let execution = row?.execution ?? 1
    let events = (0..<number(3)).map { offset in
      Event(id: (row?.eventCount ?? 0) + Int64(offset) + 1, at: now, kind: .timerFired(action: 1))
    }
    var commit = TurnCommit(
      instance: id, revision: (row?.revision ?? 0) + (chance(90) ? 0 : 1), now: now, execution: execution,
      events: events, status: .running, orchestrationVersion: "1.0.0",
      owner: chance(50) ? one(of: nodes) : nil)
    if chance(50) { commit.wakeAt = now + Int64(number(1_000)) }
    let inbox = try store.inbox(of: id, after: 0).map(\.sequence)
    commit.consumed = chance(90) ? Array(inbox.prefix(number(4))) : Array(inbox.suffix(1))
    if chance(20) {
      commit.status = one(of: [.completed, .failed, .cancelled])
      commit.output = commit.status == .completed ? Payload("0") : nil
    } else if chance(20) {
      commit.nextExecution = [Event(id: 1, at: now, kind: .timerFired(action: 1))]
    }
    if chance(20) { commit.customStatus = .some(chance(50) ? Payload("4") : nil) }
    try addActivities(store, &commit)
    addSends(&commit)
    addState(&commit)
    return commit
  }

  private mutating func addActivities(_ store: MemoryStore, _ commit: inout TurnCommit) throws {
    let pending = try store.activities(of: commit.instance)
    for task in pending where chance(30) {
      guard let claim = task.claim else {
        commit.cancelled.append(task.key.action)
        continue
      }
      commit.finished.append(FinishedActivity(action: task.key.action, claim: claim))
    }
    guard chance(60) else { return }
    let action = (pending.map(\.key.action).max() ?? 0) + Int64(number(20)) + 1
    var options = ActivityOptions()
    if chance(30) { options.tag = "gpu" }
    if chance(40) { options.session = one(of: ["s1", "s2", "s3"]) }
    if chance(30) { options.priority = Int64(number(3)) - 1 }
    if chance(30) { options.scheduleToStartMS = 700 }
    if chance(30) { options.scheduleToCloseMS = 2_500 }
    if chance(30) { options.startToCloseMS = 600 }
    if chance(30) { options.heartbeatMS = 500 }
    if chance(60) { options.retry = RetryPolicy() }
    let execution = commit.execution + (commit.nextExecution == nil ? 0 : 1)
    commit.scheduled = [
      ActivityTask(
        key: ActivityKey(instance: commit.instance, execution: execution, action: action),
        orchestration: "order", name: one(of: ["pay", "ship"]), input: Payload("[]"), attempt: 1,
        visibleAt: now, claim: chance(40) ? ActivityClaim(node: one(of: nodes), token: 1) : nil,
        options: options, scheduledAt: now)
    ]
  }

  private mutating func addSends(_ commit: inout TurnCommit) {
    if chance(30) {
      let link = ParentLink(instance: commit.instance, execution: commit.execution, action: 1)
      commit.starts = [ChildStart(start: start(one(of: Self.ids), parent: link), owner: nil)]
    }
    if chance(40) {
      commit.messages = (0...number(2)).map { _ in
        OutgoingMessage(
          to: one(of: Self.ids), kind: .raised(channel: .event, name: "sent", data: Payload("6")),
          isKept: chance(30), action: chance(70) ? 2 : nil)
      }
    }
    if chance(20) {
      commit.kvReads = [
        KVReadRequest(action: 3, instance: one(of: Self.ids), key: one(of: ["x", "y"]))
      ]
    }
    if chance(20) { commit.terminations = [one(of: Self.ids)] }
  }

  private mutating func addState(_ commit: inout TurnCommit) {
    if chance(40) {
      commit.kvChanges = (0...number(3)).map { _ in
        let key = one(of: ["x", "y", "z"])
        let changes: [KVChange] = [
          .set(key: key, value: Payload("\(number(9))")), .set(key: key, value: Payload("null")),
          .clear(key: key), .clearAll,
        ]
        return TimedKVChange(change: one(of: changes), at: now)
      }
    }
    if chance(30) {
      commit.topicChanges = [TopicChange(topic: one(of: ["t", "u"]), isSubscribed: chance(75))]
    }
    if chance(20) { commit.publications = [Publication(topic: one(of: ["t", "u"]), data: Payload("5"))] }
    if chance(30) { commit.callAnswers = [CallAnswer(call: one(of: Self.calls), outcome: outcome())] }
  }
}
