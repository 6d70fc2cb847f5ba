import PerdureModel

// Requests from outside that the code answers.
extension OrchestrationContext {
  /// Waits for the next call (`Client.call`) of a name. Calls that came early have been kept, in order.
  ///
  /// A call whose input is of another type is rejected, and the next one taken.
  public func nextCall<Input: Decodable & Sendable>(
    _ name: String, as type: Input.Type = Nothing.self
  ) async throws -> IncomingCall<Input> {
    while true {
      let call = try await live.nextCall(name)
      do {
        let input = try PayloadCoding.decode(type, call.input, "the input of the call '\(name)'")
        return IncomingCall(id: call.id, name: name, input: input, live: live)
      } catch {
        try live.answer(call: call.id, .failed(.rejected(error)))
      }
    }
  }

  /// Serves all calls of a name while this orchestration runs: one after another, in the order in which they
  /// came. The handler may do durable work; what it returns or throws is the answer.
  ///
  /// The handlers run beside the orchestration's own code and end with it: a call that is being handled then
  /// gets no answer. A cancellation of the instance does not reach them: calls are served until it has ended.
  ///
  /// - Parameters:
  ///   - name: 1...256 bytes.
  ///   - validator: a plain function that throws to refuse a call (`perdure.CallRejected`), before any of it
  ///     is done. It may look at `kv`, and do no durable work.
  ///   - handler: does what was asked; what it returns or throws is the answer.
  /// - Throws: `DXError` (`alreadyExists`) when the name has a handler.
  public func onCall<Input: Decodable & Sendable, Output: Encodable & Sendable>(
    _ name: String, validator: (@Sendable (Input) throws -> Void)? = nil,
    handler: @escaping @Sendable (Input) async throws -> Output
  ) throws {
    let read: @Sendable (Payload) throws -> Input = { input in
      try PayloadCoding.decode(Input.self, input, "the input of the call '\(name)'")
    }
    try live.serve(
      name,
      CallHandler(
        validate: { input in
          let input = try read(input)
          try validator?(input)
        },
        run: { input in
          try PayloadCoding.encode(try await handler(try read(input)), "the result of the call '\(name)'")
        }))
  }

  /// Serves calls whose answer is that they were done.
  public func onCall<Input: Decodable & Sendable>(
    _ name: String, validator: (@Sendable (Input) throws -> Void)? = nil,
    handler: @escaping @Sendable (Input) async throws -> Void
  ) throws {
    try onCall(name, validator: validator) { (input: Input) -> Nothing in
      try await handler(input)
      return Nothing()
    }
  }

  /// Answers queries (`Client.query`) of a name. The code is built anew from its history for each query and
  /// then asked, so register it at the beginning.
  ///
  /// - Parameters:
  ///   - name: 1...256 bytes.
  ///   - handler: a plain function. It may look at `kv` and at what the code has set, and do no durable work.
  public func onQuery<Input: Decodable & Sendable, Output: Encodable & Sendable>(
    _ name: String, handler: @escaping @Sendable (Input) throws -> Output
  ) throws {
    try live.register(query: name) { input in
      let input = try PayloadCoding.decode(Input.self, input, "the input of the query '\(name)'")
      return try PayloadCoding.encode(try handler(input), "the answer to the query '\(name)'")
    }
  }

  /// Answers queries that take no input.
  public func onQuery<Output: Encodable & Sendable>(
    _ name: String, handler: @escaping @Sendable () throws -> Output
  ) throws {
    try onQuery(name) { (_: Nothing) in try handler() }
  }
}

/// A request from outside, to be answered once. One that is not answered when the instance ends fails at its
/// caller.
public struct IncomingCall<Input: Sendable>: Sendable {
  /// Names the call; its caller may have chosen it.
  public let id: String
  /// Under which it came.
  public let name: String
  /// What came with it.
  public let input: Input
  let live: LiveOrchestration

  /// - Throws: `DXError` (`wrongStatus`) when it has been answered, `LimitExceeded`, `PayloadError`.
  public func answer(_ result: some Encodable = Nothing()) throws {
    let result = try PayloadCoding.encode(result, "the result of the call '\(name)'")
    try live.answer(call: id, .completed(result))
  }

  /// Refuses it: the caller gets a failure of type `perdure.CallRejected`.
  public func reject(_ message: String) throws {
    let failure = PerdureModel.Failure(type: FailureType.callRejected, message: message)
    try live.answer(call: id, .failed(failure))
  }

  /// Refuses it with an error, which the caller gets as a `Failure`.
  public func reject(_ error: some Error) throws {
    try live.answer(call: id, .failed(PerdureModel.Failure(error)))
  }
}
