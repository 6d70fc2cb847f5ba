import PerdureModel

/// An activity: a name and an ordinary function, which may do anything. It runs at least once for each time
/// that an orchestration calls it; `ActivityContext.idempotencyKey` tells repeated attempts of one call.
///
///     let makeGreeting = ActivityDefinition("makeGreeting") { (context, name: String) in "Hello, \(name)!" }
public struct ActivityDefinition<Input: Codable & Sendable, Output: Codable & Sendable>: Sendable {
  public let name: String
  /// How it is run when it is called by this definition without others.
  public let options: ActivityOptions
  /// Attempts at once in one runtime; nil: as many as the runtime has slots.
  public let concurrency: Int?
  /// Attempts begun in a time, in one runtime; nil: no limit.
  public let rate: ActivityRate?
  let run: @Sendable (ActivityContext, Input) async throws -> Output

  /// - Parameters:
  ///   - name: 1...256 bytes, the same in every process and language.
  ///   - options: how it is run when it is called by this definition without others.
  ///   - concurrency: attempts at once in one runtime, 1...10,000; nil: as many as the runtime has slots.
  ///   - rate: attempts begun in a time, in one runtime; nil: no limit.
  ///   - run: the code. Throwing fails the attempt; the orchestration catches an `ActivityFailure` when no
  ///     other attempt follows.
  public init(
    _ name: String, options: ActivityOptions = ActivityOptions(), concurrency: Int? = nil,
    rate: ActivityRate? = nil, run: @escaping @Sendable (ActivityContext, Input) async throws -> Output
  ) {
    self.name = name
    self.options = options
    self.concurrency = concurrency
    self.rate = rate
    self.run = run
  }

  var body: ActivityBody {
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
    rate: ActivityRate? = nil, run: @escaping @Sendable (ActivityContext) async throws -> Output
  ) {
    self.init(name, options: options, concurrency: concurrency, rate: rate) { context, _ in
      try await run(context)
    }
  }
}

extension ActivityDefinition where Output == Nothing {
  /// An activity without result.
  public init(
    _ name: String, options: ActivityOptions = ActivityOptions(), concurrency: Int? = nil,
    rate: ActivityRate? = nil, run: @escaping @Sendable (ActivityContext, Input) async throws -> Void
  ) {
    self.init(name, options: options, concurrency: concurrency, rate: rate) { context, input -> Nothing in
      try await run(context, input)
      return Nothing()
    }
  }
}

extension ActivityDefinition where Input == Nothing, Output == Nothing {
  /// An activity without input and result.
  public init(
    _ name: String, options: ActivityOptions = ActivityOptions(), concurrency: Int? = nil,
    rate: ActivityRate? = nil, run: @escaping @Sendable (ActivityContext) async throws -> Void
  ) {
    self.init(name, options: options, concurrency: concurrency, rate: rate) { context, _ in
      try await run(context)
    }
  }
}

/// User code behind its types: what an activity registers.
typealias ActivityBody = @Sendable (ActivityContext, Payload) async throws -> Payload
