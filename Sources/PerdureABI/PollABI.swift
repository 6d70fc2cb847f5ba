public import CDX
import PerdureModel
import PerdureRuntime
import PerdureWire

@c @implementation
public func dx_runtime_poll(
  _ runtime: OpaquePointer?, _ answers: dx_text, _ turns_max: Int32, _ activities_max: Int32,
  _ timeout_ms: Int64, _ out: UnsafeMutablePointer<dx_buffer>?
) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let out = try Out(out)
    let runtime = try Handles.runtimes.find(runtime).runtime
    guard turns_max >= 0, activities_max >= 0 else {
      throw ABIError(.invalidArgument, "turns_max and activities_max must not be negative")
    }
    let json = try answers.bytes("answers")
    var work = PollWire.Work()
    if !json.isEmpty {
      let handed = try decoded("answers", as: .protocolViolation) { () throws(WireError) in
        try PollWire.decodeAnswers(json)
      }
      work.refused = handed.turns.compactMap(take) + handed.activities.compactMap(take)
    }
    // What was refused is told at once, not after a wait.
    let polled = runtime.poll(
      turnsMax: Int(turns_max), activitiesMax: Int(activities_max),
      timeoutMS: work.refused.isEmpty ? timeout_ms : 0)
    work.isStopped = polled.isStopped
    work.cancelled = polled.cancelled
    for ticket in polled.turns {
      guard let token: UInt = Handles.turns.add(TurnObject(ticket)) else {
        _ = ticket.fail(.tooManyTokens)
        continue
      }
      work.turns.append(.init(token: Int64(token), input: .request(ticket.request)))
    }
    for ticket in polled.activities {
      guard let token: UInt = Handles.activities.add(ActivityObject(ticket)) else {
        _ = ticket.end(.failed(.tooManyTokens))
        continue
      }
      runtime.watch(ticket, as: Int64(token))
      let attempt = ActivityWire.Attempt(ticket.task, deadline: ticket.deadline)
      work.activities.append(.init(token: Int64(token), input: .task(attempt)))
    }
    try out.set(json: PollWire.encode(work))
  }
}

private func take(_ reply: PollWire.Reply<PollWire.TurnReply>) -> PollWire.Refused? {
  refused(reply.token) { () throws(ABIError) in
    let turn = try Handles.turns.remove(UInt(clamping: reply.token))
    switch reply.value {
    case .success(.answer(let answer)): try turn.complete(answer)
    case .success(.failure(let failure)): try turn.fail(failure)
    case .failure(let error): try turn.complete(malformed: error.message)
    }
  }
}

private func take(_ reply: PollWire.Reply<PollWire.ActivityReply>) -> PollWire.Refused? {
  refused(reply.token) { () throws(ABIError) in
    let activity = try Handles.activities.remove(UInt(clamping: reply.token))
    switch reply.value {
    case .success(.ended(.completed(let result))): try activity.complete(result)
    case .success(.ended(.failed(let failure))): try activity.fail(failure)
    case .success(.deferred): try activity.defer()
    case .failure(let error):
      try activity.refuse(.protocolViolation, FailureType.protocolViolation, error.message)
    }
  }
}

private func refused(_ token: PollWire.Token, _ body: () throws(ABIError) -> Void) -> PollWire.Refused? {
  do throws(ABIError) {
    try body()
    return nil
  } catch {
    return PollWire.Refused(token: token, code: Int64(error.code.rawValue), message: error.message)
  }
}
