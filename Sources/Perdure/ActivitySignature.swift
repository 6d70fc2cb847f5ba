/// What names an activity: its definition, or its signature.
public protocol ActivityReference<Input, Output>: Sendable {
  /// What it gets; `Nothing` for nothing.
  associatedtype Input: Codable & Sendable
  /// What it returns; `Nothing` for nothing.
  associatedtype Output: Codable & Sendable

  /// The name, its options, and the errors that come back as what they were.
  var signature: ActivitySignature<Input, Output> { get }
}

/// An activity without its code: what callers have to know. Its code is given elsewhere, in an
/// `ActivityGroup`, in another process, or in another language.
///
///     static let charge = ActivitySignature<Order, String>("charge", errors: [Declined.self])
public struct ActivitySignature<Input: Codable & Sendable, Output: Codable & Sendable>: ActivityReference {
  /// The same in every process and language.
  public let name: String
  /// How it is run when it is called without other options.
  public let options: ActivityOptions
  /// Errors that calls throw as what they were; all others are `ActivityFailure`s.
  public let errors: [any DurableError.Type]

  public var signature: ActivitySignature { self }

  /// - Parameters:
  ///   - name: 1...256 bytes, the same in every process and language.
  ///   - options: how it is run when it is called without others.
  ///   - errors: what calls throw as what it was; all other errors are `ActivityFailure`s.
  public init(
    _ name: String, options: ActivityOptions = ActivityOptions(), errors: [any DurableError.Type] = []
  ) {
    self.name = name
    self.options = options
    self.errors = errors
  }

  /// This activity with its code.
  ///
  /// - Parameters:
  ///   - concurrency: attempts at once in one runtime, 1...10,000; nil: as many as the runtime has slots.
  ///   - rate: attempts begun in a time, in one runtime; nil: no limit.
  ///   - run: the code; see `ActivityDefinition`.
  public func implemented(
    concurrency: Int? = nil, rate: ActivityRate? = nil,
    by run: @escaping @Sendable (ActivityContext, Input) async throws -> Output
  ) -> ActivityDefinition<Input, Output> {
    ActivityDefinition(self, concurrency: concurrency, rate: rate, run: run)
  }
}

extension ActivitySignature where Input == Nothing {
  /// This activity, which takes no input, with its code.
  public func implemented(
    concurrency: Int? = nil, rate: ActivityRate? = nil,
    by run: @escaping @Sendable (ActivityContext) async throws -> Output
  ) -> ActivityDefinition<Input, Output> {
    implemented(concurrency: concurrency, rate: rate) { context, _ in try await run(context) }
  }
}

extension ActivitySignature where Output == Nothing {
  /// This activity, which has no result, with its code.
  public func implemented(
    concurrency: Int? = nil, rate: ActivityRate? = nil,
    by run: @escaping @Sendable (ActivityContext, Input) async throws -> Void
  ) -> ActivityDefinition<Input, Output> {
    implemented(concurrency: concurrency, rate: rate) { context, input -> Nothing in
      try await run(context, input)
      return Nothing()
    }
  }
}

extension ActivitySignature where Input == Nothing, Output == Nothing {
  /// This activity, which has neither input nor result, with its code.
  public func implemented(
    concurrency: Int? = nil, rate: ActivityRate? = nil,
    by run: @escaping @Sendable (ActivityContext) async throws -> Void
  ) -> ActivityDefinition<Input, Output> {
    implemented(concurrency: concurrency, rate: rate) { context, _ -> Nothing in
      try await run(context)
      return Nothing()
    }
  }
}
