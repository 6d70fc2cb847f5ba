import Perdure

/// What a runtime serves: an orchestration or an activity, of whatever types.
protocol Definition: Sendable {
  func register(on runtime: Runtime) throws
}

extension ActivityDefinition: Definition {
  func register(on runtime: Runtime) throws { try runtime.register(self) }
}

extension OrchestrationDefinition: Definition {
  func register(on runtime: Runtime) throws { try runtime.register(self) }
}

extension OrchestrationContext {
  /// Does the same with all elements at once, and returns what came of them in their order. When one throws, the
  /// others are cancelled, and have ended when this throws.
  func all<Element: Sendable, Value: Sendable>(
    _ elements: [Element], _ body: @escaping @Sendable (Element) async throws -> Value
  ) async throws -> [Value] {
    try await withThrowingTaskGroup(of: (Int, Value).self) { group in
      for (index, element) in elements.enumerated() {
        group.addTask { (index, try await body(element)) }
      }
      var values: [Int: Value] = [:]
      for try await (index, value) in group { values[index] = value }
      return elements.indices.compactMap { values[$0] }
    }
  }
}
