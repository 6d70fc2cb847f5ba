/// What names an orchestration: its definition, or its signature.
public protocol OrchestrationReference<Input, Output>: Sendable {
  /// What it gets; `Nothing` for nothing.
  associatedtype Input: Codable & Sendable
  /// What it returns; `Nothing` for nothing.
  associatedtype Output: Codable & Sendable

  /// The name, and the errors that come back as what they were.
  var signature: OrchestrationSignature<Input, Output> { get }
}

/// An orchestration without its code: what clients and parents have to know. Its code may be in another
/// process, or in another language.
///
///     let order = OrchestrationSignature<Order, Receipt>("order")
///     let receipt = try await client.start(order, input: new).result()
public struct OrchestrationSignature<Input: Codable & Sendable, Output: Codable & Sendable>:
  OrchestrationReference
{
  /// The same in every process and language.
  public let name: String
  /// Errors that parents and clients get as what they were; all others are `OrchestrationFailure`s.
  public let errors: [any DurableError.Type]

  public var signature: OrchestrationSignature { self }

  /// - Parameters:
  ///   - name: 1...256 bytes, the same in every process and language.
  ///   - errors: what parents and clients get as what it was; all other errors are `OrchestrationFailure`s.
  public init(_ name: String, errors: [any DurableError.Type] = []) {
    self.name = name
    self.errors = errors
  }

  /// This orchestration with its code.
  ///
  /// - Parameters:
  ///   - version: a semantic version.
  ///   - run: the code; see `OrchestrationDefinition`.
  public func implemented(
    version: String = "1.0.0",
    by run: @escaping @Sendable (OrchestrationContext, Input) async throws -> Output
  ) -> OrchestrationDefinition<Input, Output> {
    OrchestrationDefinition(self, version: version, run: run)
  }
}
