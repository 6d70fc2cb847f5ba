public import Perdure
import PerdureModel
import PerdureWire
import Synchronization

/// One run, as the scenario describes it: who is registered, what happens from outside, and what must hold.
///
/// The scenario is called anew for each schedule, so that the state that it makes is fresh.
public final class Simulation: DefinitionRegistry, Sendable {
  struct State {
    var orchestrations: [OrchestrationKey: OrchestrationBody] = [:]
    /// In the order of registration.
    var served: [RehearsedOrchestration] = []
    var activities: [ExactText: ActivityBody] = [:]
    var lines: [ScriptLine] = []
    /// Of the script, also those that were taken.
    var count = 0
    var checks: [Invariant] = []
    var always: [Invariant] = []
    /// nil: no instance must have ended.
    var patient: Set<String>? = []
  }

  struct OrchestrationKey: Hashable {
    var name: ExactText
    var version: String
  }

  struct Invariant: Sendable {
    var name: String
    var holds: @Sendable (SimulatedWorld) async throws -> Bool
  }

  private let state = Mutex(State())

  init() {}

  func use<Value>(_ body: (inout sending State) -> sending Value) -> sending Value {
    state.withLock(body)
  }

  // MARK: Who is registered

  /// An orchestration takes part.
  ///
  /// - Throws: `DXError` (`alreadyExists`) when this name and version are registered, `invalidArgument` for a
  ///   version that is none.
  public func register<Input, Output>(_ orchestration: OrchestrationDefinition<Input, Output>) throws {
    guard let version = SemanticVersion(orchestration.version) else {
      throw DXError(
        .invalidArgument, "The version '\(orchestration.version)' is not a semantic version such as 1.2.0.")
    }
    let (name, body) = (orchestration.name, orchestration.body)
    let isNew = use { state in
      let key = OrchestrationKey(name: ExactText(name), version: version.text)
      state.served.append(RehearsedOrchestration(name: name, version: version))
      return state.orchestrations.updateValue(body, forKey: key) == nil
    }
    guard isNew else {
      throw DXError(.alreadyExists, "The orchestration '\(name)' \(version.text) is registered already.")
    }
  }

  /// An activity that is to run as it is.
  public func register<Input, Output>(_ activity: ActivityDefinition<Input, Output>) {
    let (name, body) = (activity.name, activity.body)
    use { $0.activities[ExactText(name)] = body }
  }

  /// Runs code in place of an activity.
  public func activity<Input: Codable & Sendable, Output: Codable & Sendable>(
    _ name: String, run: @escaping @Sendable (ActivityContext, Input) async throws -> Output
  ) {
    register(ActivityDefinition(name, run: run))
  }

  /// The same for code without a result.
  public func activity<Input: Codable & Sendable>(
    _ name: String, run: @escaping @Sendable (ActivityContext, Input) async throws -> Void
  ) {
    register(ActivityDefinition(name, run: run))
  }

  // MARK: What must hold

  /// Looks at the end of the run.
  public func check(_ name: String, _ holds: @escaping @Sendable (SimulatedWorld) async throws -> Bool) {
    use { $0.checks.append(Invariant(name: name, holds: holds)) }
  }

  /// Looks after every commit, too. What it sees of instances has no history.
  public func always(_ name: String, _ holds: @escaping @Sendable (SimulatedWorld) async throws -> Bool) {
    use { $0.always.append(Invariant(name: name, holds: holds)) }
  }

  /// These need not have ended when nothing goes on any more; without names none need.
  public func mayWait(_ instances: String...) {
    use { state in state.patient = instances.isEmpty ? nil : state.patient?.union(instances) }
  }
}

/// What an invariant looks at: the instances, at the end of a run or after a commit.
public struct SimulatedWorld: Sendable {
  private let known: [String: RehearsedInstance]
  /// In the order of creation.
  public let instances: [Perdure.InstanceDescription]
  /// Lines of the script that were refused, by the number that `Simulation.event` and its like return, and
  /// why.
  public let refused: [Int: String]
  /// Virtual time since the begin.
  public let elapsed: Duration

  init(_ end: RehearsalEnd) {
    known = Dictionary(
      end.instances.map { ($0.description.instance, $0) }, uniquingKeysWith: { one, _ in one })
    instances = end.instances.map { InstanceDescription(.init($0.description)) }
    refused = Dictionary(end.refused.map { ($0.line, $0.why) }, uniquingKeysWith: { one, _ in one })
    elapsed = .milliseconds(end.elapsedMS)
  }

  /// What an instance has come to.
  ///
  /// - Throws: `DXError` (`notFound`).
  public func instance(_ instance: String) throws -> Perdure.InstanceDescription {
    InstanceDescription(.init(try find(instance).description))
  }

  /// The events of the current execution, at the end of a run only.
  public func history(_ instance: String) throws -> [HistoryEvent] {
    let found = try find(instance)
    return found.history.map { HistoryEvent($0, of: found.description.execution) }
  }

  /// The key-value state as JSON texts, at the end of a run only.
  public func keyValues(_ instance: String) throws -> [String: String] {
    Dictionary(
      try find(instance).kv.map { ($0.key, $0.value.text) }, uniquingKeysWith: { one, _ in one })
  }

  /// What an instance that has not ended waits for, in words.
  public func waits(_ instance: String) throws -> [String] { try find(instance).waits }

  private func find(_ instance: String) throws -> RehearsedInstance {
    guard let found = known[instance] else {
      throw DXError(.notFound, "There is no instance '\(instance)' in the simulation.")
    }
    return found
  }
}
