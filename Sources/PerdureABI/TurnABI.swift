public import CDX
import PerdureModel
import PerdureRuntime
import PerdureWire
import Synchronization

/// A turn that is out at a host by callback.
final class TurnObject: Sendable {
  let ticket: TurnTicket
  private let input = Mutex<LentText?>(nil)

  init(_ ticket: TurnTicket) { self.ticket = ticket }

  /// The request, made on first use; lives as long as the token.
  func lendInput() -> dx_text {
    input.withLock { input in
      let text = input ?? LentText(TurnWire.encode(ticket.request))
      input = text
      return text.text
    }
  }

  func complete(_ answer: TurnAnswer) throws(ABIError) { try Self.check(ticket.answer(answer)) }
  func fail(_ failure: Failure) throws(ABIError) { try Self.check(ticket.fail(failure)) }

  /// An answer that cannot be read is a turn that failed.
  func complete(malformed message: String) throws(ABIError) {
    _ = ticket.fail(Failure(type: FailureType.protocolViolation, message: message))
    throw ABIError(.protocolViolation, message)
  }

  private static func check(_ answer: TicketAnswer) throws(ABIError) {
    switch answer {
    case .taken: return
    case .refused(let message): throw ABIError(.protocolViolation, message)
    case .isGone: throw ABIError(.invalidHandle, "the turn was answered before")
    case .stale: throw ABIError(.stale, "the runtime has ended; the turn is run again elsewhere or later")
    }
  }
}

@c @implementation
public func dx_turn_input(_ turn: OpaquePointer?, _ out: UnsafeMutablePointer<dx_text>?) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let out = try Out(out)
    out.set(try Handles.turns.find(turn).lendInput())
  }
}

@c @implementation
public func dx_turn_complete(_ turn: OpaquePointer?, _ answer: dx_text) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let turn = try Handles.turns.remove(turn)
    let parsed: TurnAnswer
    do throws(ABIError) {
      let json = try answer.bytes("answer")
      parsed = try decoded("answer", as: .protocolViolation) { () throws(WireError) in
        try TurnWire.decodeAnswer(json)
      }
    } catch {
      return try turn.complete(malformed: error.message)
    }
    try turn.complete(parsed)
  }
}

@c @implementation
public func dx_turn_fail(_ turn: OpaquePointer?, _ failure: dx_text) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let turn = try Handles.turns.remove(turn)
    let parsed: Failure
    do throws(ABIError) {
      parsed = try hostFailure(failure)
    } catch {
      _ = turn.ticket.fail(Failure(type: FailureType.protocolViolation, message: error.message))
      throw error
    }
    try turn.fail(parsed)
  }
}

/// A failure as hosts give it.
func hostFailure(_ text: dx_text) throws(ABIError) -> Failure {
  let json = try text.bytes("failure")
  return try decoded("failure", as: .protocolViolation) { () throws(WireError) in try FailureWire.decode(json)
  }
}
