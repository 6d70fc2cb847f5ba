/// What a runtime serves: an orchestration or an activity, whatever its types are.
public protocol Definition: Sendable {
  var name: String { get }
  /// `Runtime.register` of this one.
  func register(on runtime: Runtime) throws
}

extension OrchestrationDefinition: Definition {
  public func register(on runtime: Runtime) throws { try runtime.register(self) }
}

extension ActivityDefinition: Definition {
  public func register(on runtime: Runtime) throws { try runtime.register(self) }
}

extension Runtime {
  /// Registers all of them; the first that is refused ends it.
  ///
  /// - Throws: `DXError`, as for each of them.
  public func register(_ definitions: [any Definition]) throws {
    for definition in definitions { try definition.register(on: self) }
  }
}
