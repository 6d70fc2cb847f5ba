package import PerdureModel
package import PerdureRuntime
import PerdureStore

extension Client {
  /// Calls `answer` once when the instance has ended, or has a custom status above a version. false: the
  /// store is closed, and `answer` is never called.
  ///
  /// - timeoutMS: negative for no limit.
  package func wait(
    for instance: InstanceID, _ condition: WaitDesk.Condition = .ended, timeoutMS: Int64,
    answer: @escaping @Sendable (WaitDesk.Answer) -> Void
  ) throws(ClientError) -> Bool {
    try Check.instance(instance)
    return openWait(instance, condition, timeoutMS, answer) != nil
  }

  /// The number of a new wait. nil: the store is closed.
  private func openWait(
    _ instance: InstanceID, _ condition: WaitDesk.Condition, _ timeoutMS: Int64,
    _ answer: @escaping @Sendable (WaitDesk.Answer) -> Void
  ) -> UInt64? {
    let wait = hub.waits.wait(
      for: instance, condition, untilMonotonicNS: Self.deadline(timeoutMS), group: self, answer: answer)
    // Another thread closed this client after the call had begun, and could not yet see the wait.
    if isClosed { hub.waits.abandon(self) }
    return wait
  }

  private static func deadline(_ timeoutMS: Int64) -> Int64? {
    timeoutMS < 0 ? nil : monotonicNowNS() + min(timeoutMS, 1 << 40) * 1_000_000
  }

  /// Posts a call, durable on return, and waits for its answer. Answers the call's name.
  package func call(
    _ request: CallRequest, timeoutMS: Int64,
    answer: @escaping @Sendable (String, WaitDesk.Answer) -> Void
  ) throws(ClientError) -> Bool {
    try Check.instance(request.instance)
    try Check.name(request.name, "call")
    try Check.payload(request.input, "the input", limit: hub.limits.payloadBytes)
    let call = request.call ?? RandomID.make()
    try Check.name(call, "call's own", limit: Limits.instanceIDBytes)
    // One that is made again may have been answered by an instance that has ended since.
    let known = try read { () throws(StoreError) in
      request.call == nil ? .unknown : try hub.store.callState(of: request.instance, call: call)
    }
    if known == .unknown {
      let kind = MessageKind.call(id: call, name: request.name, input: request.input)
      _ = try hub.atOneMoment { now throws(ClientError) in
        try write(
          .post(OutgoingMessage(to: request.instance, kind: kind), now: now), request.instance, "be called")
      }
    }
    return try wait(for: request.instance, .call(call), timeoutMS: timeoutMS) { answer(call, $0) }
  }

  /// Calls `answer` once when there is something after the query's `after` (or the execution is not the last
  /// one, or the instance has ended): with what `history` then says.
  package func waitForHistory(
    _ query: HistoryQuery, timeoutMS: Int64,
    answer: @escaping @Sendable (WaitDesk.Answer, Result<HistoryPage, ClientError>?) -> Void
  ) throws(ClientError) -> Bool {
    let condition = WaitDesk.Condition.history(query.execution, after: query.after)
    return try wait(for: query.instance, condition, timeoutMS: timeoutMS) { [self] found in
      guard case .reached(let description) = found else { return answer(found, nil) }
      var query = query
      query.execution = query.execution ?? description.execution
      answer(found, Result { () throws(ClientError) in try history(query) })
    }
  }

  /// Asks the code of an instance, in a runtime of this process.
  package func query(
    _ request: InstanceQuery, timeoutMS: Int64, answer: @escaping @Sendable (WaitDesk.Answer) -> Void
  ) throws(ClientError) -> Bool {
    try Check.instance(request.instance)
    try Check.name(request.query.name, "query")
    try Check.payload(request.query.input, "the input", limit: hub.limits.payloadBytes)
    let snapshot = try read { () throws(StoreError) in try hub.store.load(request.instance) }
    guard let snapshot else { throw Self.notFound(request.instance) }
    guard snapshot.start == nil else {
      throw .wrongStatus(
        request.instance, snapshot.description.status,
        "instance '\(request.instance)' has not begun, so there is no code to ask")
    }
    let waits = hub.waits
    let instance = request.instance
    guard let wait = openWait(instance, .told, timeoutMS, answer) else { return false }
    let isAsked = hub.ask(snapshot, request.query) { waits.finish(instance, wait, .answered($0)) }
    // One that was answered meanwhile, as its time was over, is not to be refused as well.
    if isAsked || !waits.forget(instance, wait) { return true }
    let row = snapshot.description
    throw .unsupported(
      "no runtime of this process serves '\(row.orchestration)' \(row.version ?? ""), so nobody can be asked"
    )
  }
}
