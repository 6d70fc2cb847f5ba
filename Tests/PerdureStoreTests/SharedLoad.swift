import Foundation
import PerdureModel
import PerdureStore
import Synchronization
import Testing

/// What several processes do to one store at the same time: all that shared groups may do, and some that only
/// one may do that is alone. What was acknowledged is noted here, and compared with what is in the store.
final class SharedLoad: Sendable {
  static let hubs = (0..<4).map { "hub-\($0)" }
  static let owned = (0..<5).map { "owned-\($0)" }
  /// Nobody takes its messages: somebody reads them as they come.
  static let log = "log"
  static let topic = "news"
  static let now: TimestampMS = 1_700_000_000_000

  /// What was acknowledged.
  struct Noted {
    /// Messages by instance.
    var accepted: [InstanceID: [MessageSequence]] = [:]
    /// By hub and the revision that the turn was computed from.
    var consumed: [InstanceID: [Revision: [MessageSequence]]] = [:]
    /// How often the revision of a hub was raised.
    var raised: [InstanceID: Int64] = [:]
    var started: [InstanceID: Int] = [:]
    var children: [ChildStart] = []
    var childEnds: [InstanceID: Int] = [:]
    var scheduled = 0
    var claims: [ClaimedActivity] = []
    var activityEnds: [ActivityKey: Int] = [:]
    var owners: [InstanceID: NodeID] = [:]
    /// Messages to ids that may be there or not, by number.
    var kept: [InstanceID: [Int]] = [:]
    var number = 0
  }

  let noted = Mutex(Noted())

  /// Makes what all of them work on.
  func prepare(_ store: any Store) throws {
    let ids = Self.hubs + [Self.log]
    var entries = ids.map { start($0, "order") } + Self.owned.map { start($0, "owned") }
    #expect(try store.commit(entries) == Array(repeating: .success(.done), count: entries.count))
    entries = Self.hubs.map { hub in
      var commit = TurnCommit(
        instance: hub, revision: 0, now: Self.now, execution: 1, events: [], status: .running,
        orchestrationVersion: "1.0.0", owner: nil)
      commit.topicChanges = [TopicChange(topic: Self.topic, isSubscribed: true)]
      return .turn(commit)
    }
    for outcome in try store.commit(entries) {
      guard case .success = outcome else { throw Wrong("the first turn was refused: \(outcome)") }
    }
    noted.withLock { for hub in Self.hubs { $0.raised[hub] = 1 } }
  }

  func start(_ id: InstanceID, _ orchestration: String) -> StoreEntry {
    .start(
      InstanceStart(instance: id, orchestration: orchestration, input: Payload("1")), owner: nil,
      now: Self.now)
  }

  struct Wrong: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
  }

  /// Writes a group and notes what came of it.
  func commit(_ entries: [StoreEntry], _ store: any Store) throws {
    let outcomes = try store.commit(entries)
    try #require(outcomes.count == entries.count)
    try noted.withLock { noted in
      for (entry, outcome) in zip(entries, outcomes) { try noted.take(entry, outcome) }
    }
  }
}

extension SharedLoad.Noted {
  mutating func take(_ entry: StoreEntry, _ outcome: StoreOutcome) throws {
    switch (entry, outcome) {
    case (.post(let message, _), .success(let receipt)):
      if case .posted(let delivery) = receipt { accept([delivery]) }
      if message.isKept, case .raised(_, let name, _) = message.kind {
        kept[message.to, default: []].append(Int(name) ?? -1)
      }
    case (.publish, .success(.delivered(let deliveries))): accept(deliveries)
    case (.activityEnded(let key, _, _, _), .success(.posted(let delivery))):
      accept([delivery])
      activityEnds[key, default: 0] += 1
    case (.start(let start, _, _), .success(.done)): started[start.instance, default: 0] += 1
    case (.turn(let commit), .success(.turned(let receipt))): take(commit, receipt)
    case (.control(let instance, _, _, _), .success): raised[instance, default: 0] += 1
    case (.claimActivities, .success(.activities(let tasks, _, _))):
      for task in tasks {
        guard let claim = task.claim else { throw SharedLoad.Wrong("a claimed task without claim") }
        claims.append(ClaimedActivity(key: task.key, claim: claim))
      }
    case (.claimInstances(let node, _, _, _), .success(.instances(let instances))):
      for instance in instances {
        if let owner = owners[instance] {
          throw SharedLoad.Wrong("\(instance) was claimed by \(node) while \(owner) has it")
        }
        owners[instance] = node
      }
    case (_, .failure(.failed(let error))): throw error
    // A known id, a turn that came too late, a claim that is over.
    case (.start, .failure), (.turn, .failure(.conflict)), (.activityEnded, .failure(.staleClaim)): break
    case (.releaseInstances, .success), (.expireActivities, .success), (.sweep, .success): break
    default: throw SharedLoad.Wrong("\(entry) was answered by \(outcome)")
    }
  }

  private mutating func accept(_ deliveries: [Delivery]) {
    for delivery in deliveries { accepted[delivery.instance, default: []].append(delivery.message.sequence) }
  }

  private mutating func take(_ commit: TurnCommit, _ receipt: TurnReceipt) {
    accept(receipt.deliveries)
    if commit.status.isTerminal {
      childEnds[commit.instance, default: 0] += 1
    } else {
      consumed[commit.instance, default: [:]][commit.revision] = commit.consumed
      raised[commit.instance, default: 0] += 1
    }
    scheduled += commit.scheduled.count
    children += commit.starts
  }
}

/// One of the processes.
struct SharedWorker {
  let load: SharedLoad
  let store: any Store
  let node: NodeID
  var state: UInt64

  private mutating func number(_ count: Int) -> Int {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return Int((z ^ (z >> 31)) % UInt64(max(count, 1)))
  }

  private mutating func one<T>(of choices: [T]) -> T { choices[number(choices.count)] }

  mutating func run(_ groups: Int) throws {
    for _ in 0..<groups {
      var entries: [StoreEntry] = []
      for _ in 0...number(4) { entries += try next() }
      try load.commit(entries, store)
      try release()
    }
  }

  private mutating func next() throws -> [StoreEntry] {
    let now = SharedLoad.now + 10
    switch number(17) {
    case 0, 1, 2: return [post(to: one(of: SharedLoad.hubs + SharedLoad.owned), isKept: false)]
    case 3: return [post(to: SharedLoad.log, isKept: false)]
    case 4, 5, 6, 7: return try turn(one(of: SharedLoad.hubs)).map { [.turn($0)] } ?? []
    case 8: return try endOfChild().map { [.turn($0)] } ?? []
    case 9: return [load.start("pool-\(number(40))", "pool"), load.start("pool-\(number(40))", "pool")]
    case 10:
      let filter = ActivityFilter(names: ["pay"])
      return [.claimActivities(node: node, filter: filter, limit: 1 + number(3), now: now)]
    case 11, 12: return endOfActivity().map { [$0] } ?? []
    case 13:
      return [.claimInstances(node: node, orchestrations: ["owned"], limit: 1 + number(2), now: now)]
    case 14:
      let id = "kept-\(number(12))"
      return number(4) == 0 ? [load.start(id, "kept")] : [post(to: id, isKept: true)]
    case 15: return [.expireActivities(limit: 5, now: now), .sweep(limit: 5, now: now)]
    default:
      return number(2) == 0
        ? [.publish(Publication(topic: SharedLoad.topic, data: Payload("1")), now: now)]
        : [.control(one(of: SharedLoad.hubs), .requeue, reason: "", now: now)]
    }
  }

  private mutating func post(to instance: InstanceID, isKept: Bool) -> StoreEntry {
    let number = load.noted.withLock { noted in
      noted.number += 1
      return noted.number
    }
    let kind = MessageKind.raised(channel: .event, name: String(number), data: Payload("1"))
    return .post(OutgoingMessage(to: instance, kind: kind, isKept: isKept), now: SharedLoad.now + 10)
  }

  /// Takes all messages; schedules an activity or starts a child.
  private mutating func turn(_ hub: InstanceID) throws -> TurnCommit? {
    guard let snapshot = try store.load(hub) else { throw SharedLoad.Wrong("\(hub) is gone") }
    let row = snapshot.description
    let id = row.eventCount + 1
    var commit = TurnCommit(
      instance: hub, revision: row.revision, now: SharedLoad.now + 5, execution: 1,
      events: [Event(id: id, at: SharedLoad.now + 5, kind: .timerFired(action: id))], status: .running,
      orchestrationVersion: "1.0.0", owner: nil)
    commit.consumed = snapshot.inbox.map(\.sequence)
    switch number(4) {
    case 0:
      let key = ActivityKey(instance: hub, execution: 1, action: id)
      commit.scheduled = [
        ActivityTask(
          key: key, orchestration: "order", name: "pay", input: Payload("1"), attempt: 1,
          visibleAt: SharedLoad.now, claim: nil, scheduledAt: SharedLoad.now)
      ]
    case 1:
      let link = ParentLink(instance: hub, execution: 1, action: id)
      let child = InstanceStart(
        instance: "\(hub)/\(id)", orchestration: "child", input: Payload("1"), parent: link)
      commit.starts = [ChildStart(start: child, owner: nil)]
    case 2:
      let kind = MessageKind.raised(channel: .event, name: "from \(hub)", data: Payload("1"))
      commit.messages = [OutgoingMessage(to: one(of: SharedLoad.hubs), kind: kind)]
    default:
      commit.kvChanges = [TimedKVChange(change: .set(key: "k", value: Payload("\(id)")), at: commit.now)]
    }
    return commit
  }

  /// Two may try to end the same one.
  private mutating func endOfChild() throws -> TurnCommit? {
    let number = number(1_000)
    let child = load.noted.withLock { noted -> ChildStart? in
      guard !noted.children.isEmpty else { return nil }
      let index = number % noted.children.count
      return number % 2 == 0 ? noted.children[index] : noted.children.remove(at: index)
    }
    guard let child, let parent = child.start.parent else { return nil }
    var commit = TurnCommit(
      instance: child.start.instance, revision: 0, now: SharedLoad.now + 20, execution: 1, events: [],
      status: .completed, orchestrationVersion: "1.0.0", owner: nil)
    let end = MessageKind.subOrchestrationEnded(
      execution: 1, action: parent.action, outcome: .completed(Payload("2")))
    commit.messages = [OutgoingMessage(to: parent.instance, kind: end)]
    return commit
  }

  private mutating func endOfActivity() -> StoreEntry? {
    let number = number(1_000)
    let claim = load.noted.withLock { noted -> ClaimedActivity? in
      guard !noted.claims.isEmpty else { return nil }
      let index = number % noted.claims.count
      return number % 2 == 0 ? noted.claims[index] : noted.claims.remove(at: index)
    }
    return claim.map {
      .activityEnded($0.key, claim: $0.claim, outcome: .completed(Payload("3")), now: SharedLoad.now + 10)
    }
  }

  /// Gives back what it owns: before, as the next owner may be faster than we note it.
  private mutating func release() throws {
    let mine = load.noted.withLock { noted in
      let mine = noted.owners.filter { $0.value == node }.map(\.key)
      for instance in mine { noted.owners[instance] = nil }
      return mine
    }
    if !mine.isEmpty { try load.commit([.releaseInstances(node: node, instances: mine)], store) }
  }
}
