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
    let wait = hub.waits.wait(
      for: instance, condition, untilMonotonicNS: Self.deadline(timeoutMS), group: self, answer: answer)
    return wait != nil
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
    guard
      let wait = waits.wait(
        for: instance, .told, untilMonotonicNS: Self.deadline(timeoutMS), group: self, answer: answer)
    else { return false }
    let isAsked = hub.ask(snapshot, request.query) { waits.resolve(instance, wait, .answered($0)) }
    if isAsked { return true }
    waits.forget(instance, wait)
    let row = snapshot.description
    throw .unsupported(
      "no runtime of this process serves '\(row.orchestration)' \(row.version ?? ""), so nobody can be asked"
    )
  }

  // MARK: Why nothing happens

  /// Why an instance does not go on, as far as the store tells: what it waits for that no living runtime
  /// does.
  package func pendingReason(_ row: InstanceDescription) -> String? {
    switch row.status {
    case .suspended: return "suspended" + (row.suspendReason.map { $0.isEmpty ? "" : ": \($0)" } ?? "")
    case .quarantined: return row.failure.map { "quarantined: \($0.message)" } ?? "quarantined"
    case .pending, .running: break
    default: return nil
    }
    if row.status == .pending, row.startAt > hub.clock.now() { return "starts at \(row.startAt)" }
    guard let services = try? hub.store.services() else { return nil }
    guard services.contains(where: { $0.runs(row.orchestration, row.version) }) else {
      let version = row.version.map { " \($0)" } ?? ""
      return "no living runtime serves '\(row.orchestration)'\(version); it goes on when one does"
    }
    let tasks = (try? hub.store.activities(of: row.instance)) ?? []
    let stuck = tasks.first { task in
      task.claim == nil && !services.contains { $0.takes(task.name, tag: task.options.tag) }
    }
    return stuck.map { task in
      let tag = task.options.tag.map { " with tag '\($0)'" } ?? ""
      return "no living runtime takes activity '\(task.name)'\(tag); it is run when one does"
    }
  }
}
