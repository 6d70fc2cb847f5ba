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
  private(set) var end: TurnEnd?
  private(set) var turns: [TurnAnswer] = []
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
  func deliver(all kinds: [EventKind]) -> TurnResult? {
    let before = events.last?.id ?? 0
    for kind in kinds {
      clock += 7
      // Ids have gaps where the engine has written what actions made.
      let id = events.isEmpty ? 1 : (events.last?.id ?? 0) + 2
      events.append(Event(id: id, at: clock, kind: kind))
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
    TurnRequest(
      turn: Int64(turns.count) + 1, instance: instance, execution: 1, orchestration: "test", version: "1.0.0",
      from: from, replayed: replayed, events: events.filter { $0.id > from })
  }

  /// The numbers of actions that nothing has answered or cancelled, in order.
  var open: [Action] {
    var open: [ActionID: Action] = [:]
    for action in actions {
      switch action.kind {
      case .cancel(let target): open[target] = nil
      case .startDetached, .setCustomStatus: break
      default: open[action.id] = action
      }
    }
    for event in events {
      switch event.kind {
      case .activityCompleted(let action, _), .activityFailed(let action, _), .timerFired(let action),
        .subOrchestrationCompleted(let action, _), .subOrchestrationFailed(let action, _):
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
  var short: String {
    let what =
      switch kind {
      case .scheduleActivity(let name, let input): "\(name)(\(input.text))"
      case .createTimer(let fireAt): "timer(\(fireAt))"
      case .subscribe(let channel, let name): "\(channel)(\(name))"
      case .scheduleSubOrchestration(let name, _, _, let input): "child \(name)(\(input.text))"
      case .startDetached(let name, _, _, let input): "start \(name)(\(input.text))"
      case .cancel(let target): "cancel(\(target))"
      case .setCustomStatus(let status): "status(\(status?.text ?? "-"))"
      }
    return "\(id)@\(after) \(what)"
  }
}

/// A number generator whose seed is in every failure message.
struct Seeded: RandomNumberGenerator {
  private var state: SplitMix64
  init(_ seed: UInt64) { state = SplitMix64(seed: seed) }
  mutating func next() -> UInt64 { state.next() }
}
