import Foundation
import Perdure
// The engine in this process.
import PerdureABI

/// A store with a runtime for one scenario, on a file of its own.
final class Site {
  /// What goes with a restart.
  private struct Life {
    let store: Store
    let client: Client
    var runtime: Runtime?
  }

  let scenario: Members
  let board = Board()
  /// What `$same` and `$other` know.
  var patterns = Patterns()
  private let isCaching: Bool
  private let folder: URL
  private var code: Members
  private var life: Life?

  init(_ scenario: Members, isCaching: Bool) async throws {
    self.scenario = scenario
    self.isCaching = isCaching
    code = scenario
    folder = FileManager.default.temporaryDirectory.appending(path: "perdure-kit-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try await open()
    try await begin([:])
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  var store: Store {
    get throws {
      guard let life else { throw KitError("the store is closed") }
      return life.store
    }
  }

  var client: Client {
    get throws {
      guard let life else { throw KitError("the store is closed") }
      return life.client
    }
  }

  private func open() async throws {
    let url = "sqlite:\(folder.appending(path: "kit.sqlite").path)"
    let store = try await Store(url: url, limits: try Self.limits(scenario["limits"]?.members ?? [:]))
    life = Life(store: store, client: try Client(store))
  }

  func begin(_ how: Members) async throws {
    if let name = how["code"] { code = scenario["code"]?.at(name).members ?? [:] }
    let store = try store
    let settings = how["runtime"] ?? scenario["runtime"]
    let runtime = try Runtime(store, try options(settings?.members ?? [:]))
    for (name, program) in code["orchestrations"]?.members ?? [:] {
      let parts = name.split(separator: "@").map(String.init)
      try runtime.register(
        OrchestrationDefinition(parts[0], version: parts.count > 1 ? parts[1] : "1.0.0") {
          (context, input: JSONValue) in try await Orchestration(context).run(program, input)
        })
    }
    for (name, program) in code["activities"]?.members ?? [:] {
      try runtime.register(
        ActivityDefinition(name) { [board] (context, input: JSONValue) in
          try await Activity(context: context, board: board).run(program, input)
        })
    }
    try await runtime.start()
    life?.runtime = runtime
  }

  func stop() async throws {
    try await life?.runtime?.stop(grace: .zero)
    life?.runtime = nil
  }

  func restart(_ how: Members) async throws {
    try await close()
    try await open()
    try await begin(how)
  }

  func close() async throws {
    try await stop()
    life = nil
  }

  private func options(_ settings: Members) throws -> RuntimeOptions {
    var options = RuntimeOptions()
    options.isCaching = isCaching
    for (name, value) in settings {
      switch name {
      case "activitySlots": options.activitySlots = Int(try settings.whole(name))
      case "activityTags":
        options.activityTags =
          value == .string("any") ? .any : .only((value.elements ?? []).compactMap(\.text))
      case "untaggedActivities": options.untaggedActivities = value.truth
      case "nondeterminism": options.nondeterminism = .init(rawValue: value.text ?? "") ?? .quarantine
      default: throw KitError("there is no setting '\(name)'")
      }
    }
    return options
  }

  private static func limits(_ given: Members) throws -> StoreLimits {
    var limits = StoreLimits()
    for name in given.keys {
      let value = try given.whole(name)
      switch name {
      case "payloadBytes": limits.payloadBytes = Int(value)
      case "customStatusBytes": limits.customStatusBytes = Int(value)
      case "kvKeys": limits.kvKeys = Int(value)
      case "kvValueBytes": limits.kvValueBytes = Int(value)
      case "historyEvents": limits.historyEvents = value
      case "historyBytes": limits.historyBytes = value
      case "pendingActions": limits.pendingActions = Int(value)
      case "inboxMessages": limits.inboxMessages = Int(value)
      case "subOrchestrationDepth": limits.subOrchestrationDepth = Int(value)
      default: throw KitError("there is no limit '\(name)'")
      }
    }
    return limits
  }
}
