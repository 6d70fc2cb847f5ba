public import CDX
import PerdureClient
import PerdureModel
import PerdureRehearsal
import PerdureWire
import Synchronization

/// A run in virtual time. One step at a time, whoever makes it.
final class SimulationObject: @unchecked Sendable {
  /// Guards `rehearsal`, which knows of no threads.
  private let lock = Mutex(())
  private let rehearsal: Rehearsal
  private var lines: Int
  private var isOver = false

  init(_ plan: RehearsalPlan) {
    rehearsal = Rehearsal(plan)
    lines = plan.script.count
  }

  /// Takes the answers to what the last step handed out, and goes on until the host is wanted again.
  func step(
    _ answers: PollWire.Answers, _ extras: RehearsalWire.Extras
  ) throws(ABIError) -> [UInt8] {
    try lock.withLock { _ throws(ABIError) in
      guard !isOver else { throw ABIError(.wrongStatus, "the simulation has ended") }
      lines += extras.script.count
      guard lines <= RehearsalPlan.scriptLines else {
        throw ABIError(
          .limitExceeded, "the script has \(lines) lines; the limit is \(RehearsalPlan.scriptLines)")
      }
      for line in extras.script { rehearsal.add(line) }
      var refused: [PollWire.Refused] = []
      for reply in answers.turns { try take(reply, into: &refused) }
      for reply in answers.activities { try take(reply, extras.heartbeat, into: &refused) }
      guard let work = rehearsal.next() else {
        throw ABIError(.wrongStatus, "what the last step handed out has not been answered")
      }
      if case .ended = work { isOver = true }
      return RehearsalWire.encode(work, refused: refused)
    }
  }

  private func take(
    _ reply: PollWire.Reply<PollWire.TurnReply>, into refused: inout [PollWire.Refused]
  ) throws(ABIError) {
    let verdict: Rehearsal.Verdict
    switch reply.value {
    case .success(.answer(let answer)): verdict = rehearsal.answer(turn: reply.token, answer)
    case .success(.failure(let failure)):
      verdict = rehearsal.fail(turn: reply.token, failure) ? .taken : .unknown
    case .failure(let error):
      let failure = Failure(type: FailureType.protocolViolation, message: error.message)
      verdict = rehearsal.fail(turn: reply.token, failure) ? .refused(error.message) : .unknown
    }
    switch verdict {
    case .taken: break
    case .refused(let message): refused.append(violation(reply.token, message))
    case .unknown: throw unknown("turn", reply.token)
    }
  }

  private func take(
    _ reply: PollWire.Reply<PollWire.ActivityReply>, _ heartbeat: Payload?,
    into refused: inout [PollWire.Refused]
  ) throws(ABIError) {
    let outcome: Outcome?
    switch reply.value {
    case .success(.ended(let ended)): outcome = ended
    case .success(.deferred): outcome = nil
    case .failure(let error):
      outcome = .failed(Failure(type: FailureType.protocolViolation, message: error.message))
      refused.append(violation(reply.token, error.message))
    }
    guard rehearsal.answer(activity: reply.token, outcome, heartbeat: heartbeat) else {
      throw unknown("activity", reply.token)
    }
  }

  private func violation(_ token: Int64, _ message: String) -> PollWire.Refused {
    PollWire.Refused(token: token, code: Int64(ABICode.protocolViolation.rawValue), message: message)
  }

  private func unknown(_ what: String, _ token: Int64) -> ABIError {
    ABIError(.invalidHandle, "no \(what) with the token \(token) waits for an answer")
  }
}

@c @implementation
public func dx_simulation_new(
  _ config: dx_text, _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let out = try Out(out)
    let json = try config.bytes("config")
    let plan = try decoded("config") { () throws(WireError) in try RehearsalWire.decodePlan(json) }
    try mapped { () throws(ClientError) in
      for orchestration in plan.orchestrations { try Check.name(orchestration.name, "orchestration") }
      for activity in plan.activities { try Check.name(activity.name, "activity") }
    }
    out.set(try Handles.simulations.add(SimulationObject(plan)))
  }
}

@c @implementation
public func dx_simulation_step(
  _ simulation: OpaquePointer?, _ answers: dx_text, _ out: UnsafeMutablePointer<dx_buffer>?
) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let out = try Out(out)
    let simulation = try Handles.simulations.find(simulation)
    let json = try answers.bytes("answers")
    let (given, extras) = try decoded("answers", as: .protocolViolation) { () throws(WireError) in
      (try PollWire.decodeAnswers(json), try RehearsalWire.decodeExtras(json))
    }
    try out.set(json: try simulation.step(given, extras))
  }
}

@c @implementation
public func dx_simulation_free(_ simulation: OpaquePointer?) {
  _ = try? Handles.simulations.remove(simulation)
}
