/// What a runtime serves, whatever its types are: an orchestration, an activity, or a group of activities.
public protocol Definition: Sendable {
  /// The name under which it is called; of a group, what its type is called.
  var name: String { get }
  /// Registers it, or all that it has.
  ///
  /// - Throws: `DXError`, as `DefinitionRegistry.register` does.
  func register(on registry: some DefinitionRegistry) throws
}

/// What takes definitions: a `Runtime`, or the simulation of a test.
public protocol DefinitionRegistry {
  /// Serves an orchestration.
  ///
  /// - Throws: `DXError`: `alreadyExists` when this name and version are registered, `wrongStatus` when it is
  ///   too late.
  func register<Input, Output>(_ orchestration: OrchestrationDefinition<Input, Output>) throws

  /// Serves an activity.
  ///
  /// - Throws: `DXError`: `alreadyExists` when this name is registered, `wrongStatus` when it is too late,
  ///   `invalidArgument` for a `concurrency` or `rate` outside its range.
  func register<Input, Output>(_ activity: ActivityDefinition<Input, Output>) throws
}

extension DefinitionRegistry {
  /// Registers all of them; the first that is refused ends it.
  ///
  /// - Throws: `DXError`, as for each of them.
  public func register(_ definitions: [any Definition]) throws {
    for definition in definitions { try definition.register(on: self) }
  }

  /// Registers all activities of a group.
  ///
  ///     try runtime.register(PaymentActivities(gateway: gateway))
  ///
  /// - Throws: `DXError`, as for each of them.
  public func register(_ group: some ActivityGroup) throws { try group.register(on: self) }
}

extension OrchestrationDefinition: Definition {
  public func register(on registry: some DefinitionRegistry) throws { try registry.register(self) }
}

extension ActivityDefinition: Definition {
  public func register(on registry: some DefinitionRegistry) throws { try registry.register(self) }
}
