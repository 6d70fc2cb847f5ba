public import Perdure
import PerdureModel

/// What runs in place of an activity in a `TestEnvironment`.
public struct ActivityStub: Sendable {
  let body: @Sendable (ActivityContext, Payload) async throws -> Payload
  /// The stubs of successive attempts.
  let successive: [ActivityStub]

  private init(
    _ successive: [ActivityStub] = [],
    body: @escaping @Sendable (ActivityContext, Payload) async throws -> Payload
  ) {
    self.body = body
    self.successive = successive
  }

  /// Runs a function on the input of the call.
  public static func run<Input: Decodable & Sendable, Output: Encodable & Sendable>(
    _ body: @escaping @Sendable (ActivityContext, Input) async throws -> Output
  ) -> ActivityStub {
    ActivityStub { context, input in
      let input = try PayloadCoding.decode(
        Input.self, input, "the input of the stub of '\(context.activity)'")
      return try encode(try await body(context, input), context)
    }
  }

  /// Answers with a value.
  public static func returns(_ value: some Encodable & Sendable) -> ActivityStub {
    ActivityStub { context, _ in try encode(value, context) }
  }

  /// Fails: a `Failure`, or what any error becomes.
  public static func fails(_ error: any Error) -> ActivityStub { ActivityStub { _, _ in throw error } }

  /// One after the other, attempt by attempt; the last one again and again.
  public static func inTurn(_ stubs: ActivityStub...) -> ActivityStub {
    ActivityStub(stubs) { context, _ in
      throw Perdure.Failure(
        type: FailureType.notRegistered, message: "no stub is given for activity '\(context.activity)'",
        isNonRetryable: true)
    }
  }

  /// Does not answer. Time goes on, so that a time limit of the call ends the attempt, or a test that takes
  /// the token of the call (`ActivityCall.token`).
  public static let never = ActivityStub { context, _ in throw context.deferred() }

  private static func encode(_ value: some Encodable, _ context: ActivityContext) throws -> Payload {
    try PayloadCoding.encode(value, "the result of the stub of '\(context.activity)'")
  }
}

/// One attempt of an activity in a `TestEnvironment`, stubbed or not.
public struct ActivityCall: Sendable, CustomStringConvertible {
  /// The name of the activity.
  public let activity: String
  /// The instance that called it.
  public let instance: String
  /// 1 for the first attempt.
  public let attempt: Int64
  /// The same in every attempt of one call.
  public let idempotencyKey: String
  /// Names the attempt for `Client.completeActivity` and its like.
  public let token: String
  /// When it began, in virtual time.
  public let at: Timestamp
  /// What it got, as JSON text.
  public let inputJSON: String

  /// What it got.
  ///
  /// - Throws: `PayloadError` when it is of another type.
  public func input<Input: Decodable>(as type: Input.Type = Input.self) throws -> Input {
    try PayloadCoding.decode(type, Payload(inputJSON), "the input of the activity '\(activity)'")
  }

  public var description: String { "\(activity)(\(inputJSON)) of '\(instance)', attempt \(attempt)" }
}
