import Perdure
import PerdureModel
import Synchronization

/// The stubs of a test environment, and what was called.
final class Stubs: Sendable {
  private struct State {
    var stubs: [String: ActivityStub] = [:]
    /// How often each stub was taken.
    var uses: [String: Int] = [:]
    var calls: [ActivityCall] = []
  }

  private let now: @Sendable () throws -> Timestamp
  private let state: Mutex<State>

  init(_ stubs: [String: ActivityStub], now: @escaping @Sendable () throws -> Timestamp) {
    self.now = now
    state = Mutex(State(stubs: stubs))
  }

  /// nil: the activity runs as it is defined.
  func set(_ activity: String, _ stub: ActivityStub?) {
    state.withLock { state in
      state.stubs[activity] = stub
      state.uses[activity] = 0
    }
  }

  var calls: [ActivityCall] { state.withLock { $0.calls } }

  /// Runs the stub of an activity, or what it is the stub of.
  func body(of activity: String, insteadOf original: @escaping ActivityBody) -> ActivityBody {
    { [self] context, input in
      try await (begin(activity, context, input)?.body ?? original)(context, input)
    }
  }

  /// Of the activities that nobody defined.
  var body: ActivityBody {
    { [self] context, input in
      guard let stub = try begin(context.activity, context, input) else {
        throw Perdure.Failure(
          type: FailureType.notRegistered,
          message: "activity '\(context.activity)' is neither defined nor stubbed in this test environment",
          isNonRetryable: true)
      }
      return try await stub.body(context, input)
    }
  }

  private func begin(
    _ activity: String, _ context: ActivityContext, _ input: Payload
  ) throws -> ActivityStub? {
    let at = try now()
    return state.withLock { state in
      state.calls.append(
        ActivityCall(
          activity: activity, instance: context.instance, attempt: context.attempt,
          idempotencyKey: context.idempotencyKey, token: context.token, at: at, inputJSON: input.text))
      guard let stub = state.stubs[activity] else { return nil }
      let use = state.uses[activity, default: 0]
      state.uses[activity] = use + 1
      guard let last = stub.successive.last else { return stub }
      return use < stub.successive.count ? stub.successive[use] : last
    }
  }
}
