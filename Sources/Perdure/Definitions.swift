import PerdureModel

/// An orchestration: a name, a version, and a deterministic function.
///
/// The function may be run again from its recorded history at any time, on any machine. It must take the same
/// decisions then: everything that is not a plain computation goes through its `OrchestrationContext` or an
/// activity.
///
///     let greet = OrchestrationDefinition("greet") { (context, name: String) in
///       try await context.call(makeGreeting, with: name)
///     }
public struct OrchestrationDefinition<Input: Codable & Sendable, Output: Codable & Sendable>:
  OrchestrationReference
{
  /// What clients and parents have to know of it.
  public let signature: OrchestrationSignature<Input, Output>
  /// A semantic version. Running instances stay with theirs; new ones take the highest that is registered.
  public let version: String
  let run: @Sendable (OrchestrationContext, Input) async throws -> Output

  public var name: String { signature.name }

  /// - Parameters:
  ///   - name: 1...256 bytes, the same in every process and language.
  ///   - version: a semantic version.
  ///   - errors: what parents and clients get as what it was.
  ///   - run: the code. Throwing ends the instance as failed, with the error as its failure.
  public init(
    _ name: String, version: String = "1.0.0", errors: [any DurableError.Type] = [],
    run: @escaping @Sendable (OrchestrationContext, Input) async throws -> Output
  ) {
    self.init(OrchestrationSignature(name, errors: errors), version: version, run: run)
  }

  init(
    _ signature: OrchestrationSignature<Input, Output>, version: String,
    run: @escaping @Sendable (OrchestrationContext, Input) async throws -> Output
  ) {
    self.signature = signature
    self.version = version
    self.run = run
  }

  package var body: OrchestrationBody {
    let (name, run) = (name, run)
    return { context, input in
      let input = try PayloadCoding.decode(Input.self, input, "the input of the orchestration '\(name)'")
      let output = try await run(context, input)
      return try PayloadCoding.encode(output, "the output of the orchestration '\(name)'")
    }
  }
}

extension OrchestrationDefinition where Input == Nothing {
  /// An orchestration without input.
  public init(
    _ name: String, version: String = "1.0.0", errors: [any DurableError.Type] = [],
    run: @escaping @Sendable (OrchestrationContext) async throws -> Output
  ) {
    self.init(name, version: version, errors: errors) { context, _ in try await run(context) }
  }
}

extension OrchestrationDefinition where Output == Nothing {
  /// An orchestration without output.
  public init(
    _ name: String, version: String = "1.0.0", errors: [any DurableError.Type] = [],
    run: @escaping @Sendable (OrchestrationContext, Input) async throws -> Void
  ) {
    self.init(name, version: version, errors: errors) { context, input -> Nothing in
      try await run(context, input)
      return Nothing()
    }
  }
}

extension OrchestrationDefinition where Input == Nothing, Output == Nothing {
  /// An orchestration without input and output.
  public init(
    _ name: String, version: String = "1.0.0", errors: [any DurableError.Type] = [],
    run: @escaping @Sendable (OrchestrationContext) async throws -> Void
  ) {
    self.init(name, version: version, errors: errors) { context, _ in try await run(context) }
  }
}

/// The type of what is not there: null in JSON, and any JSON value can be read as one.
public struct Nothing: Codable, Hashable, Sendable {
  /// The only value.
  public init() {}
  public init(from decoder: any Decoder) throws {}
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encodeNil()
  }
}
