package import PerdureModel

/// An activity: a name and an ordinary function, which may do anything. It runs at least once for each time
/// that an orchestration calls it; `ActivityContext.idempotencyKey` tells repeated attempts of one call.
///
///     let makeGreeting = ActivityDefinition("makeGreeting") { (context, name: String) in "Hello, \(name)!" }
public struct ActivityDefinition<Input: Codable & Sendable, Output: Codable & Sendable>: ActivityReference {
  /// What callers have to know of it.
  public let signature: ActivitySignature<Input, Output>
  /// Attempts at once in one runtime; nil: as many as the runtime has slots.
  public let concurrency: Int?
  /// Attempts begun in a time, in one runtime; nil: no limit.
  public let rate: ActivityRate?
  let run: @Sendable (ActivityContext, Input) async throws -> Output

  public var name: String { signature.name }
  /// How it is run when it is called by this definition without others.
  public var options: ActivityOptions { signature.options }

  /// - Parameters:
  ///   - name: 1...256 bytes, the same in every process and language.
  ///   - options: how it is run when it is called by this definition without others.
  ///   - concurrency: attempts at once in one runtime, 1...10,000; nil: as many as the runtime has slots.
  ///   - rate: attempts begun in a time, in one runtime; nil: no limit.
  ///   - errors: what calls by this definition throw as what it was.
  ///   - run: the code. Throwing fails the attempt; the orchestration catches an `ActivityFailure` when no
  ///     other attempt follows.
  public init(
    _ name: String, options: ActivityOptions = ActivityOptions(), concurrency: Int? = nil,
    rate: ActivityRate? = nil, errors: [any DurableError.Type] = [],
    run: @escaping @Sendable (ActivityContext, Input) async throws -> Output
  ) {
    self.init(
      ActivitySignature(name, options: options, errors: errors), concurrency: concurrency, rate: rate,
      run: run)
  }

  init(
    _ signature: ActivitySignature<Input, Output>, concurrency: Int?, rate: ActivityRate?,
    run: @escaping @Sendable (ActivityContext, Input) async throws -> Output
  ) {
    self.signature = signature
    self.concurrency = concurrency
    self.rate = rate
    self.run = run
  }

  package var body: ActivityBody {
    let (name, run) = (name, run)
    return { context, input in
      let input = try PayloadCoding.decode(Input.self, input, "the input of the activity '\(name)'")
      let output = try await run(context, input)
      return try PayloadCoding.encode(output, "the result of the activity '\(name)'")
    }
  }

  /// nil: none. The engine checks the ranges.
  var limits: ActivityLimits? {
    if concurrency == nil, rate == nil { return nil }
    var limits = ActivityLimits(concurrency: concurrency, rate: rate?.count)
    if let rate { limits.ratePeriodMS = rate.period.millisecondsRoundedUp }
    return limits
  }
}

extension ActivityDefinition where Input == Nothing {
  /// An activity without input.
  public init(
    _ name: String, options: ActivityOptions = ActivityOptions(), concurrency: Int? = nil,
    rate: ActivityRate? = nil, errors: [any DurableError.Type] = [],
    run: @escaping @Sendable (ActivityContext) async throws -> Output
  ) {
    self.init(name, options: options, concurrency: concurrency, rate: rate, errors: errors) { context, _ in
      try await run(context)
    }
  }
}

extension ActivityDefinition where Output == Nothing {
  /// An activity without result.
  public init(
    _ name: String, options: ActivityOptions = ActivityOptions(), concurrency: Int? = nil,
    rate: ActivityRate? = nil, errors: [any DurableError.Type] = [],
    run: @escaping @Sendable (ActivityContext, Input) async throws -> Void
  ) {
    self.init(name, options: options, concurrency: concurrency, rate: rate, errors: errors) {
      context, input -> Nothing in
      try await run(context, input)
      return Nothing()
    }
  }
}

extension ActivityDefinition where Input == Nothing, Output == Nothing {
  /// An activity without input and result.
  public init(
    _ name: String, options: ActivityOptions = ActivityOptions(), concurrency: Int? = nil,
    rate: ActivityRate? = nil, errors: [any DurableError.Type] = [],
    run: @escaping @Sendable (ActivityContext) async throws -> Void
  ) {
    self.init(name, options: options, concurrency: concurrency, rate: rate, errors: errors) { context, _ in
      try await run(context)
    }
  }
}

/// User code behind its types: what an activity registers.
package typealias ActivityBody = @Sendable (ActivityContext, Payload) async throws -> Payload
