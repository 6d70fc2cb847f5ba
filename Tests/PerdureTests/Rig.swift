import PerdureModel

@testable import Perdure

/// A stand-in for the engine: keeps the history of one instance and runs turns of it.
final class Rig {
  let body: OrchestrationBody
  let driver: TurnDriver
  let instance: String
  private(set) var events: [Event] = []
  private(set) var actions: [Action] = []
  private(set) var logs: [LogLine] = []
  private(set) var metrics: [MetricLine] = []
  private(set) var end: TurnEnd?
  private(set) var turns: [TurnAnswer] = []
  /// What the execution began with.
  var kv: [KVEntry] = []
  var patches: [String] = []
  private var consumed: EventID = 0
  private var clock: TimestampMS = 1_760_000_000_000

  init(
    instance: String = "test-1", driver: TurnDriver = TurnDriver(cachedInstances: 100),
    body: @escaping OrchestrationBody
  ) {
    self.instance = instance
    self.driver = driver
    self.body = body
  }

  convenience init<Output: Codable & Sendable>(
    instance: String = "test-1", driver: TurnDriver = TurnDriver(cachedInstances: 100),
    run: @escaping @Sendable (OrchestrationContext) async throws -> Output
  ) {
    self.init(instance: instance, driver: driver, body: OrchestrationDefinition("test", run: run).body)
  }

  convenience init(
    instance: String = "test-1", driver: TurnDriver = TurnDriver(cachedInstances: 100),
    run: @escaping @Sendable (OrchestrationContext) async throws -> Void
  ) {
    let test = OrchestrationDefinition("test") { (context, _: Nothing) in try await run(context) }
    self.init(instance: instance, driver: driver, body: test.body)
  }

  /// Begins the execution.
  @discardableResult
  func start(_ input: Payload = .null) -> TurnResult? {
    deliver(.orchestrationStarted(name: "test", version: "1.0.0", input: input, parent: nil))
  }

  /// One turn over these events.
  @discardableResult
  func deliver(_ kinds: EventKind...) -> TurnResult? { deliver(all: kinds) }

  @discardableResult
  func deliver(all kinds: [EventKind], isLate: Bool = false) -> TurnResult? {
    let before = events.last?.id ?? 0
    for kind in kinds {
      clock += 7
      // Ids have gaps where the engine has written what actions made.
      let id = events.isEmpty ? 1 : (events.last?.id ?? 0) + 2
      events.append(Event(id: id, at: clock, kind: kind, isLate: isLate))
    }
    var request = self.request(from: consumed, replayed: before)
    var answer = driver.run(request, body: body)
    turns.append(answer)
    if case .miss = answer {
      request = self.request(from: 0, replayed: before)
      answer = driver.run(request, body: body)
      turns.append(answer)
      actions = []
    }
    guard case .ran(let result) = answer else { return nil }
    actions += result.actions
    logs += result.logs
    metrics += result.metrics
    end = result.end ?? end
    consumed = result.retained ? (events.last?.id ?? 0) : 0
    if !result.retained, result.end == nil { actions = [] }
    return result
  }

  /// The whole history in one turn, on a driver of its own.
  func replay() -> TurnResult? {
    let cold = TurnDriver(cachedInstances: 100)
    let all = request(from: 0, replayed: events.last?.id ?? 0)
    guard case .ran(let result) = cold.run(all, body: body) else { return nil }
    return result
  }

  /// The whole history in turns of the given sizes, on a driver of its own.
  func replay(batches: [Int]) -> (actions: [Action], end: TurnEnd?) {
    let driver = TurnDriver(cachedInstances: 100)
    var actions: [Action] = []
    var end: TurnEnd?
    var position = 0
    for size in batches where position < events.count && end == nil {
      let slice = Array(events[position..<min(events.count, position + size)])
      var request = self.request(from: position == 0 ? 0 : events[position - 1].id, replayed: 0)
      request.events = slice
      guard case .ran(let result) = driver.run(request, body: body) else { return (actions, end) }
      actions += result.actions
      end = result.end
      position += slice.count
    }
    return (actions, end)
  }

  func request(from: EventID, replayed: EventID) -> TurnRequest {
    var request = TurnRequest(
      turn: Int64(turns.count) + 1, instance: instance, execution: 1, orchestration: "test", version: "1.0.0",
      from: from, replayed: replayed, events: events.filter { $0.id > from })
    if from == 0 {
      request.kv = kv
      request.patches = patches
    }
    return request
  }

  /// A question to the code as it stands.
  func query(_ name: String, _ input: Payload = .null) -> Outcome? {
    var request = self.request(from: 0, replayed: events.last?.id ?? 0)
    request.query = QueryRequest(name: name, input: input)
    guard case .query(let outcome) = driver.run(request, body: body) else { return nil }
    return outcome
  }

  /// The numbers of actions that nothing has answered or cancelled, in order.
  var open: [Action] {
    var open: [ActionID: Action] = [:]
    for action in actions {
      switch action.kind {
      case .cancel(let target): open[target] = nil
      case .scheduleActivity, .createTimer, .subscribe, .scheduleSubOrchestration, .send, .readKV:
        open[action.id] = action
      default: break
      }
    }
    for event in events {
      switch event.kind {
      case .activityCompleted(let action, _), .activityFailed(let action, _), .timerFired(let action),
        .subOrchestrationCompleted(let action, _), .subOrchestrationFailed(let action, _),
        .requestCompleted(let action, _), .requestFailed(let action, _):
        open[action] = nil
      default: break
      }
    }
    return open.values.sorted { $0.id < $1.id }
  }

  /// What the code returned, as JSON.
  var output: String? {
    if case .completed(let output) = end?.kind { return output.text }
    return nil
  }

  var failure: PerdureModel.Failure? {
    if case .failed(let failure) = end?.kind { return failure }
    return nil
  }
}

extension Action {
  /// Short form for comparisons: `2@5 timer(…)`.
  var short: String { "\(id)@\(after) \(kind.short)" }
}

extension ActionKind {
  var short: String {
    switch self {
    case .scheduleActivity(let name, let input, _): "\(name)(\(input.text))"
    case .createTimer(let fireAt): "timer(\(fireAt))"
    case .subscribe(let channel, let name): "\(channel)(\(name))"
    case .scheduleSubOrchestration(let name, _, _, let input, _, _): "child \(name)(\(input.text))"
    case .startDetached(let name, _, _, let input): "start \(name)(\(input.text))"
    case .cancel(let target): "cancel(\(target))"
    case .setCustomStatus(let status): "status(\(status?.text ?? "-"))"
    case .changeKV(.set(let key, let value)): "set(\(key)=\(value.text))"
    case .changeKV(.clear(let key)): "clear(\(key))"
    case .changeKV(.clearAll): "clearAll"
    case .readKV(let instance, let key): "read(\(instance) \(key))"
    case .send(let message): "send(\(message.short))"
    case .subscribeTopic(let topic): "subscribe(\(topic))"
    case .unsubscribeTopic(let topic): "unsubscribe(\(topic))"
    case .publish(let topic, let data): "publish(\(topic) \(data.text))"
    case .answerCall(let call, .completed(let result)): "answer(\(call) \(result.text))"
    case .answerCall(let call, .failed(let failure)): "refuse(\(call) \(failure.type): \(failure.message))"
    case .recordPatch(let patch): "patch(\(patch))"
    }
  }
}

extension SentMessage {
  var short: String {
    let what =
      switch content {
      case .raised(let channel, let name, let data): "\(channel) \(name) \(data.text)"
      case .cancel(let reason): "cancel \(reason)"
      }
    return "\(to) \(what)\(isKept ? " kept" : "")"
  }
}

/// A number generator whose seed is in every failure message.
struct Seeded: RandomNumberGenerator {
  private var state: SplitMix64
  init(_ seed: UInt64) { state = SplitMix64(seed: seed) }
  mutating func next() -> UInt64 { state.next() }
}
