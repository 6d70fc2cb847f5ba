import Foundation
import Perdure

/// Where a scenario plays: a store of its own, runtimes that come and go, processes that are killed.
final class Scene {
  let client: Client
  private let scenario: any Scenario.Type
  private let name: String
  private let path: String
  private let store: Store
  private var workers: [Worker] = []

  init(_ scenario: any Scenario.Type, _ name: String, path: String) async throws {
    self.scenario = scenario
    self.name = name
    self.path = path
    store = try await Store(url: "sqlite:\(path)")
    client = try Client(store)
  }

  /// A runtime in this process for as long as the body takes. Its end is a shutdown, the next one on the same
  /// store a restart.
  func run<Value>(
    _ definitions: [any Definition]? = nil, _ body: () async throws -> Value
  ) async throws -> Value {
    let runtime = try Runtime(store, scenario.options)
    try runtime.register(definitions ?? scenario.definitions)
    try await runtime.start()
    let value: Value
    do {
      value = try await body()
    } catch {
      // Nobody wants to wait for what still runs.
      try? await runtime.stop(grace: .zero)
      throw error
    }
    try await runtime.stop()
    return value
  }

  /// Begins a process that runs the scenario's definitions until it is killed or the story ends. Returns when
  /// it does.
  @discardableResult
  func worker() async throws -> Worker {
    let worker = try Worker(scenario: name, store: path)
    workers.append(worker)
    try await Journal.wait("worker", worker.pid)
    return worker
  }

  // MARK: What became of instances

  /// Waits until the custom status fits. For a status at which the instance stays: one that is soon replaced
  /// may be missed. An instance that ends without it is an error.
  @discardableResult
  func status<Status: Decodable>(
    of instance: String, _ type: Status.Type, where fits: (Status) -> Bool
  ) async throws -> Status {
    var version: Int64 = 0
    while true {
      let seen = try await client.waitForStatus(instance, after: version, timeout: patience)
      if let status = try seen.customStatus(as: type), fits(status) { return status }
      try expect(
        !seen.status.isTerminal, "\(instance) is \(seen.status) at \(seen.customStatusJSON ?? "-")")
      version = seen.customStatusVersion
    }
  }

  func status<Status: Decodable & Equatable>(of instance: String, is wanted: Status) async throws {
    try await status(of: instance, Status.self) { $0 == wanted }
  }

  func result<Output: Decodable>(
    of instance: String, as type: Output.Type = Output.self
  ) async throws -> Output {
    try await client.instance(instance, returning: type).result(timeout: patience)
  }

  /// Of an instance that must fail, be cancelled or terminated.
  func failure(of instance: String) async throws -> Failure {
    try await refusal(OrchestrationFailure.self) { try await result(of: instance, as: Nothing.self) }.failure
  }

  /// The history, or only the events of these kinds.
  func events(_ instance: String, _ kinds: String..., execution: Int64? = nil) async throws -> [Event] {
    let page = try await client.history(instance, execution: execution)
    try expect(!page.hasMore, "the history of \(instance) is longer than a page")
    let events = try page.events.map { try JSONDecoder().decode(Event.self, from: Data($0.json.utf8)) }
    return events.filter { kinds.isEmpty || kinds.contains($0.kind) }
  }

  func end() async {
    for worker in workers { await worker.end() }
  }
}

/// What the scenarios look at in an event of a history: docs/wire-format.md, "Events".
struct Event: Decodable {
  var kind: String
  /// Milliseconds since 1970.
  var at: Int64
  var name: String?
  /// The number of the action that the event belongs to, and of the one that it cancels.
  var action: Int?
  var target: Int?
  /// Milliseconds since 1970.
  var fireAt: Int64?
  /// What was set, where it is a number.
  var value: Int?
}

/// A process that runs a scenario's definitions on its store.
final class Worker {
  private let process = Process()
  private let input = Pipe()

  init(scenario: String, store: String) throws {
    process.executableURL = Bundle.main.executableURL
    process.arguments = [scenario, store, "--worker"]
    process.standardInput = input
    try process.run()
  }

  var pid: Int { Int(process.processIdentifier) }

  /// SIGKILL: it can do nothing more, not even say so.
  func kill() async throws {
    try expect(process.isRunning, "worker \(pid) had ended before it could be killed")
    Foundation.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  /// It stops when its standard input ends, also if this process dies.
  func end() async {
    try? input.fileHandleForWriting.close()
    process.waitUntilExit()
  }
}
