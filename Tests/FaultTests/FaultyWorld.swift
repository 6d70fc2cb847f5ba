import PerdureClient
import PerdureModel
import PerdureRuntime
import PerdureStore
import PerdureStoreConformance
import Testing

@testable import PerdureSimulation

/// The real runtime and the real client on a store that fails, in virtual time; and the look from outside at
/// what came of it.
final class FaultyWorld: @unchecked Sendable {
  static let start: TimestampMS = 1_700_000_000_000
  /// How often a call is made before its failing counts as a defect.
  static let triesMax = 60

  let workload: Workload
  let store: FaultStore
  let host: ProgramHost
  private let hub: Hub
  private let client: Client
  private let runtime: Runtime
  /// A client call failed, so that it may have landed, and be made twice.
  private var isUncertain = false
  private var sends = 0
  private(set) var faults: [String] = []

  init(_ workload: Workload, on store: FaultStore) throws {
    self.workload = workload
    self.store = store
    host = ProgramHost(workload.programs)
    hub = try Hub(store: store, clock: .virtual(startMS: Self.start), log: { _ in })
    client = Client(hub: hub)
    var settings = RuntimeSettings()
    settings.turnThreads = 1
    settings.activitySlots = 4
    runtime = Runtime(hub: hub, settings: settings)
    try host.register(on: runtime)
  }

  /// From the start of the runtime to its stop. What was wrong.
  func run() throws -> [String] {
    defer { hub.close() }
    try insist("the start of the runtime") {
      do throws(RuntimeError) { try runtime.start() } catch {
        guard case .store(let failure) = error else { throw error }
        throw ClientError.store(failure)
      }
    }
    for step in workload.steps { try take(step) }
    try checkAll()
    try stop()
    return faults
  }

  private func stop() throws {
    let stopped = OneShot<Void>()
    try runtime.stop(graceMS: 0) { stopped.set(()) }
    stopped.wait()
  }

  // MARK: Clients

  /// Makes a call until it works, as a careful client does.
  @discardableResult
  private func insist<Value>(
    _ what: String, whenDone: (ClientError) -> Value? = { _ in nil }, _ body: () throws -> Value
  ) throws -> Value {
    for _ in 0..<Self.triesMax {
      do { return try body() } catch let error as ClientError {
        if case .store(let failure) = error, failure.isTransient {
          isUncertain = true
          continue
        }
        if isUncertain, let value = whenDone(error) { return value }
        throw error
      }
    }
    throw Surprise("\(what) failed \(Self.triesMax) times")
  }

  private func take(_ step: Workload.Step) throws {
    switch step {
    case .start(let program, let index):
      let request = StartRequest(
        orchestration: Program.name(program), instance: Program.root(index), input: ProgramInput().payload)
      try insist("a start", whenDone: Self.wasThere) { _ = try client.start(request) }
    case .send(let channel, let name, let index):
      sends += 1
      let request = SendRequest(
        instance: Program.root(index), channel: channel, name: Program.messageName(name),
        data: Payload("\"client/\(sends)\""), isKept: true)
      try insist("a message", whenDone: Self.wasThere) { _ = try client.send(request) }
    case .publish(let topic):
      try insist("a publication") { _ = try client.publish(Program.messageName(topic), .null) }
    case .call(let call, let name, let index): try makeCall(call, name, index)
    case .cancel(let index):
      try insist("a cancel", whenDone: Self.wasThere) {
        try client.cancel(Program.root(index), by: Requester())
      }
    case .rest: try rest()
    }
  }

  /// What an earlier try did.
  private static func wasThere(_ error: ClientError) -> Void? {
    switch error {
    case .alreadyExists, .wrongStatus, .stale: ()
    default: nil
    }
  }

  private func makeCall(_ call: String, _ name: Int, _ index: Int) throws {
    let request = CallRequest(instance: Program.root(index), name: Program.messageName(name), call: call)
    let outcome = try insist("a call") { () throws -> Outcome in
      let answer = OneShot<WaitDesk.Answer>()
      _ = try client.call(request, timeoutMS: 20_000) { answer.set($1) }
      switch answer.wait() {
      case .answered(let outcome): return outcome
      case .failed(let error): throw ClientError.store(error)
      case let other: throw Surprise("call \(call): \(other)")
      }
    }
    if outcome != Program.answers(to: call).first {
      faults.append("call \(call) is answered with \(outcome)")
    }
  }

  private func rest() throws {
    try advance()
    for task in host.takeDeferred() {
      let token = CompletionToken(key: task.key, token: task.claim?.token ?? 0)
      let outcome = Attempt.result(Int(task.input.text) ?? 0)
      try insist("a completion", whenDone: Self.wasThere) {
        try client.completeActivity(token.text, outcome)
      }
    }
    try advance()
  }

  private func advance() throws {
    let answer = OneShot<WaitDesk.Answer>()
    let deadline = monotonicNowNS() + 60_000_000_000
    guard hub.advance(byMS: 600_000, untilMonotonicNS: deadline, answer: { answer.set($0) }) else {
      throw Surprise("time does not move")
    }
    guard case .moved = answer.wait() else { throw Surprise("something does not come to rest") }
  }

  // MARK: From outside

  private func checkAll() throws {
    let rows = try store.inner.list(ListQuery(limit: 100)).instances
    if rows.count != workload.instances { faults.append("\(rows.count) instances") }
    for row in rows { try check(row) }
    for (index, ending) in workload.endings { try check(Program.root(index), ending) }
    checkRuns()
    let nodes = try store.inner.workload(now: hub.clock.now())
    if !nodes.activities.isEmpty { faults.append("work is left over: \(nodes.activities)") }
    try advance()
    let later = try store.inner.list(ListQuery(limit: 100)).instances
    if later != rows { faults.append("something changed after the end: \(later)") }
  }

  private func check(_ row: InstanceDescription) throws {
    let id = row.instance
    if !row.status.isTerminal { faults.append("\(id) is \(row.status)") }
    if let failure = row.failure, failure.type != "Declined", row.status != .cancelled {
      faults.append("\(id) failed: \(failure)")
    }
    if try !store.inner.activities(of: id).isEmpty { faults.append("\(id) has activities left over") }
    var received: [String: Int] = [:]
    for execution in 1...max(row.execution, 1) {
      guard let page = try store.inner.history(HistoryQuery(instance: id, execution: execution)) else {
        faults.append("\(id) has no execution \(execution)")
        continue
      }
      faults += HistoryGrammar.faults(page.events, isOver: row.status.isTerminal).map {
        "\(id), execution \(execution): \($0)"
      }
      for event in page.events {
        // What continue-as-new carries over is told again.
        guard case .messageReceived(_, _, let data) = event.kind, event.id > 1 else { continue }
        received["\(execution) \(data.text)", default: 0] += 1
      }
    }
    for (data, count) in received where count > 1 && !(isUncertain && data.contains("client/")) {
      if !data.hasSuffix("null") { faults.append("\(id) got \(data) \(count) times") }
    }
  }

  private func check(_ id: InstanceID, _ ending: Workload.Ending) throws {
    guard let row = try store.inner.describe(id) else { return faults.append("\(id) is gone") }
    if row.status != ending.status || row.output != ending.output {
      faults.append("\(id) is \(row.status) with \(row.output?.text ?? "nothing")")
    }
    let values = try store.inner.keyValues(KVQuery(instance: id)) ?? []
    let found = Dictionary(uniqueKeysWithValues: values.map { ($0.key, $0.value.text) })
    if found != ending.values { faults.append("\(id) has the state \(found)") }
  }

  /// Nobody died: each attempt ran once.
  private func checkRuns() {
    var counts: [String: Int] = [:]
    for run in host.runs { counts["\(run.key), attempt \(run.attempt)", default: 0] += 1 }
    for (run, count) in counts where count > 1 { faults.append("\(run) ran \(count) times") }
  }
}

struct Surprise: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
