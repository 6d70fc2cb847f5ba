import PerdureModel

/// Answers a query from the state of the code; a plain function.
typealias QueryHandler = @Sendable (Payload) throws -> Payload

/// What a call's handler is made of, behind its types. Both get the input of the call.
struct CallHandler: Sendable {
  /// A plain function that throws to refuse the call.
  var validate: @Sendable (Payload) throws -> Void
  var run: @Sendable (Payload) async throws -> Payload
}

/// The handlers that code has registered, and the calls that it has taken.
struct Handlers {
  var queries: [ExactText: QueryHandler] = [:]
  private var served: Set<ExactText> = []
  private var servers: [Task<Void, Never>] = []
  /// Calls that were taken and not answered yet.
  private var open: Set<ExactText> = []
  /// What runs right now and may only look, in words; nil: code.
  var plainFunction: String?

  /// Returns whether the name is new.
  mutating func serve(_ name: String) -> Bool { served.insert(ExactText(name)).inserted }

  mutating func add(server: Task<Void, Never>) { servers.append(server) }

  mutating func takeServers() -> [Task<Void, Never>] {
    defer { servers = [] }
    return servers
  }

  mutating func take(call: String) { open.insert(ExactText(call)) }

  func isOpen(call: String) -> Bool { open.contains(ExactText(call)) }

  mutating func close(call: String) { open.remove(ExactText(call)) }
}

extension LiveOrchestration {
  // MARK: Calls

  /// Waits for the next call of a name.
  func nextCall(_ name: String) async throws -> (id: String, input: Payload) {
    try take(try await perform(.subscribe(channel: .call, name: name), "the wait for a call '\(name)'"))
  }

  private func take(_ result: WorkResult) throws -> (id: String, input: Payload) {
    guard case .received(let message) = result, let id = message.call else { throw CoroutineDropped() }
    handlers.take(call: id)
    return (id, message.data)
  }

  /// Answers a call that was taken.
  func answer(call: String, _ outcome: Outcome) throws {
    try admitWork("the answer to the call '\(call)'")
    guard handlers.isOpen(call: call) else {
      throw DXError(.wrongStatus, "The call '\(call)' to '\(instance)' has been answered already.")
    }
    try emit(.answerCall(call: call, outcome: outcome))
    handlers.close(call: call)
  }

  /// Serves all calls of a name, one after another in the order in which they came, by a task beside that of
  /// the code. It ends with the code.
  func serve(_ name: String, _ handler: CallHandler) throws {
    try admitWork("onCall '\(name)'")
    try limits.checkName(name, "the call name")
    guard handlers.serve(name) else {
      throw DXError(.alreadyExists, "'\(instance)' has a handler for the call '\(name)' already.")
    }
    let first = try begin(.subscribe(channel: .call, name: name))
    handlers.add(
      server: Task(executorPreference: executor) { [self] in
        await WaitScope.$current.withValue(.handler) { await serveAll(name, from: first, handler) }
      })
  }

  private func serveAll(_ name: String, from first: OpenWork, _ handler: CallHandler) async {
    do {
      var work = first
      while true {
        let call = try take(try await outcome(of: work, .handler))
        await serve(call, handler)
        try admitWork("the wait for a call '\(name)'")
        work = try begin(.subscribe(channel: .call, name: name))
      }
    } catch let error as LimitExceeded {
      finish(.failure(error))
    } catch {
      // The code has ended or is being dropped.
    }
  }

  private func serve(_ call: (id: String, input: Payload), _ handler: CallHandler) async {
    let outcome: Outcome
    do {
      try plainly("a validator") { try handler.validate(call.input) }
      do {
        outcome = .completed(try await handler.run(call.input))
      } catch {
        outcome = .failed(failure(of: error))
      }
    } catch {
      outcome = .failed(.rejected(error))
    }
    do {
      try answer(call: call.id, outcome)
    } catch let error as LimitExceeded {
      try? answer(call: call.id, .failed(PerdureModel.Failure(error)))
    } catch {
      // The code has ended or is being dropped: nobody hears of it any more.
    }
  }

  private func failure(of error: any Error) -> PerdureModel.Failure {
    switch error {
    case is ContinueAsNew:
      PerdureModel.Failure(
        type: "ContinueAsNew",
        message: "the handler of a call cannot continue as new; the orchestration's own function can")
    default: PerdureModel.Failure(error)
    }
  }

  // MARK: Queries

  func register(query name: String, _ handler: @escaping QueryHandler) throws {
    try admitWork("onQuery '\(name)'")
    try limits.checkName(name, "the query name")
    handlers.queries[ExactText(name)] = handler
  }

  /// Asks the handler of the code. What it looks at is the state after the last event.
  func ask(_ query: QueryRequest) -> Outcome {
    guard let handler = handlers.queries[ExactText(query.name)] else {
      let known = handlers.queries.keys.map(\.text).sorted().map { "'\($0)'" }.joined(separator: ", ")
      return .failed(
        PerdureModel.Failure(
          type: FailureType.notRegistered,
          message: "the instance '\(instance)' has no handler for the query '\(query.name)'; "
            + (known.isEmpty ? "it has none at all" : "it has \(known)"),
          isNonRetryable: true))
    }
    var outcome = Outcome.completed(.null)
    executor.run {
      do {
        outcome = .completed(try plainly("a query handler") { try handler(query.input) })
      } catch {
        outcome = .failed(PerdureModel.Failure(error))
      }
    }
    return outcome
  }

  /// Runs a function that may look at the state of the code, and nothing more.
  private func plainly<Value>(_ what: String, _ body: () throws -> Value) throws -> Value {
    handlers.plainFunction = what
    defer { handlers.plainFunction = nil }
    return try body()
  }
}

extension PerdureModel.Failure {
  /// The validator of a call refused it: with the text and the details of its error.
  static func rejected(_ error: any Error) -> PerdureModel.Failure {
    let reason = PerdureModel.Failure(error)
    return PerdureModel.Failure(
      type: FailureType.callRejected, message: reason.message, details: reason.details)
  }
}
