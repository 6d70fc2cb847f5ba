import Perdure
import Synchronization

/// One run of the code of an orchestration: docs/kit.md, "Orchestrations".
struct Orchestration: Sendable {
  let context: OrchestrationContext
  let expressions: Expressions
  let calls = Calls()

  /// The calls that are to be answered, by their variables.
  final class Calls: Sendable {
    private let byName: Mutex<[String: IncomingCall<JSONValue>]> = Mutex([:])

    func keep(_ call: IncomingCall<JSONValue>, _ variable: String) { byName.withLock { $0[variable] = call } }

    func find(_ variable: String) throws -> IncomingCall<JSONValue> {
      guard let call = byName.withLock({ $0[variable] }) else {
        throw KitError("no call is named '\(variable)'")
      }
      return call
    }
  }

  init(_ context: OrchestrationContext) {
    self.context = context
    expressions = Expressions { name, argument in try Self.look(context, name, argument) }
  }

  func run(_ program: JSONValue, _ input: JSONValue) async throws -> JSONValue {
    try await body(program, Scope(["input": input]))
  }

  /// A block that `return` ends.
  func body(_ steps: JSONValue?, _ scope: Scope) async throws -> JSONValue {
    do { return try await block(steps, scope) } catch let end as Return { return end.value }
  }

  func block(_ steps: JSONValue?, _ scope: Scope) async throws -> JSONValue {
    var value = JSONValue.null
    for step in steps?.elements ?? [] {
      guard let members = step.members else { throw KitError("\(step) is no step") }
      value = try await perform(members, scope)
      if let name = members["as"]?.text { scope.set(name, value) }
    }
    return value
  }

  private func perform(_ step: Members, _ scope: Scope) async throws -> JSONValue {
    if let value = try await work(step, scope) { return value }
    if let value = try await receive(step, scope) { return value }
    if let value = try await send(step, scope) { return value }
    if let value = try await compose(step, scope) { return value }
    if let value = try await control(step, scope) { return value }
    if let value = try state(step, scope) { return value }
    throw KitError("there is no step \(step)")
  }

  func value(_ expression: JSONValue?, _ scope: Scope) throws -> JSONValue {
    try expressions.value(expression, scope)
  }

  func text(_ expression: JSONValue?, _ scope: Scope) throws -> String {
    let value = try value(expression, scope)
    guard let text = value.text else { throw KitError("\(value) is no text") }
    return text
  }

  /// Expressions that only orchestrations have.
  private static func look(
    _ context: OrchestrationContext, _ name: String, _ argument: JSONValue
  ) throws -> JSONValue? {
    switch name {
    case "$kv": return try context.kv.get(argument.text ?? "", default: .null)
    case "$kvKeys": return .array(try context.kv.keys.map { .string($0) })
    case "$kvAll":
      let entries = try context.kv.all
      return .object(try Dictionary(uniqueKeysWithValues: entries.map { ($0.key, try $0.value()) }))
    case "$now": return .integer(context.now.millisecondsSince1970)
    case "$late": return .bool(context.shouldContinueAsNew)
    case "$self":
      switch argument.text {
      case "instance": return .string(context.instance)
      case "execution": return .integer(context.execution)
      case "name": return .string(context.orchestration)
      case "version": return .string(context.version)
      case "parent": return context.parentInstance.map { .string($0) } ?? .null
      default: return nil
      }
    default: return nil
    }
  }

  // MARK: Work

  private func work(_ step: Members, _ scope: Scope) async throws -> JSONValue? {
    let input = try value(step["with"], scope)
    if let name = step["activity"]?.text {
      return try await context.activity(
        name, with: input, options: try Self.options(step["options"]?.members ?? [:]),
        returning: JSONValue.self)
    }
    if let name = step["child"]?.text {
      return try await context.subOrchestration(
        name, with: input, version: step["version"]?.text, instance: try value(step["instance"], scope).text,
        closePolicy: ClosePolicy(rawValue: step["closePolicy"]?.text ?? "") ?? .cancel,
        returning: JSONValue.self)
    }
    if let name = step["detached"]?.text {
      return .string(
        try context.startDetached(
          name, with: input, version: step["version"]?.text,
          instance: try value(step["instance"], scope).text))
    }
    if step["sleep"] != nil {
      try await context.sleep(for: .milliseconds(try step.whole("sleep")))
      return .null
    }
    return nil
  }

  private static func options(_ given: Members) throws -> ActivityOptions {
    var retry: RetryPolicy?
    if let policy = given["retry"]?.members {
      var made = RetryPolicy()
      if let attempts = policy["maxAttempts"]?.whole { made.maxAttempts = Int(attempts) }
      if let backoff = policy["backoff"]?.text { made.backoff = .init(rawValue: backoff) ?? .none }
      if let interval = policy.duration("initialIntervalMS") { made.initialInterval = interval }
      if let coefficient = policy["coefficient"]?.whole { made.coefficient = Double(coefficient) }
      if let interval = policy.duration("maxIntervalMS") { made.maxInterval = interval }
      made.nonRetryable = (policy["nonRetryable"]?.elements ?? []).compactMap(\.text)
      retry = made
    }
    return ActivityOptions(
      retry: retry, scheduleToStart: given.duration("scheduleToStartMS"),
      startToClose: given.duration("startToCloseMS"), scheduleToClose: given.duration("scheduleToCloseMS"),
      heartbeat: given.duration("heartbeatMS"), tag: given["tag"]?.text, session: given["session"]?.text,
      priority: Int(given["priority"]?.whole ?? 0))
  }
}
