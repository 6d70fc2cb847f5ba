extension OrchestrationContext {
  /// Runs several pieces of code at once and returns what the first one to end returns, or throws
  /// what it throws. The others are cancelled, and have ended when this returns.
  @discardableResult
  public func race<Value: Sendable>(
    _ first: @escaping @Sendable () async throws -> Value,
    _ others: (@Sendable () async throws -> Value)...
  ) async throws -> Value {
    try await race([first] + others)
  }

  /// The same for any number of pieces; throws `CancellationError` when there are none.
  @discardableResult
  public func race<Value: Sendable>(_ branches: [@Sendable () async throws -> Value]) async throws -> Value {
    try await withThrowingTaskGroup(of: Value.self) { group in
      for branch in branches { group.addTask(operation: branch) }
      defer { group.cancelAll() }
      guard let winner = try await group.next() else { throw CancellationError() }
      return winner
    }
  }

  /// Does the same with all elements at once, and returns what came of them in their order.
  ///
  ///     let greetings = try await context.all(names) { try await context.call(makeGreeting, with: $0) }
  ///
  /// - Throws: what the first to throw throws; the others are then cancelled, and have ended.
  @discardableResult
  public func all<Element: Sendable, Value: Sendable>(
    _ elements: [Element], _ body: @escaping @Sendable (Element) async throws -> Value
  ) async throws -> [Value] {
    try await withThrowingTaskGroup(of: (index: Int, value: Value).self) { group in
      for (index, element) in elements.enumerated() {
        group.addTask { (index, try await body(element)) }
      }
      var values: [Value?] = Array(repeating: nil, count: elements.count)
      for try await ended in group { values[ended.index] = ended.value }
      return values.compactMap(\.self)
    }
  }

  /// Runs code that has to end in time.
  ///
  /// - Throws: `TimedOut` when it has not; the code is then cancelled and has ended when this throws.
  @discardableResult
  public func withTimeout<Value: Sendable>(
    _ duration: Duration, _ body: @escaping @Sendable () async throws -> Value
  ) async throws -> Value {
    try await race(
      body,
      {
        try await sleep(for: duration)
        throw TimedOut()
      })
  }

  /// Runs code that no cancellation reaches: neither of its task nor of the instance. For clean-up in child
  /// tasks that have been cancelled. A cancellation of the instance that comes meanwhile is thrown by the
  /// next call after it.
  @discardableResult
  public func withCancellationShield<Value: Sendable>(
    _ body: @Sendable () async throws -> Value
  ) async rethrows -> Value {
    try await WaitScope.$current.withValue(.shielded) { try await body() }
  }
}
