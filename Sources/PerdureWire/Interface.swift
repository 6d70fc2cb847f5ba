package import PerdureModel

/// Bytes that are not what docs/wire-format.md asks for.
package struct WireError: Error, Hashable, Sendable {
  /// One sentence: where (a path such as `actions[2].fireAt`) and what.
  package var message: String

  package init(_ message: String) { self.message = message }
}

/// One event, as history rows and hosts have it.
package enum EventWire {
  package static func encode(_ event: Event) -> [UInt8] { [] }
  package static func decode(_ json: UnsafeRawBufferPointer) throws(WireError) -> Event {
    throw WireError("placeholder")
  }
}

package enum FailureWire {
  package static func encode(_ failure: Failure) -> [UInt8] { [] }
  package static func decode(_ json: UnsafeRawBufferPointer) throws(WireError) -> Failure {
    throw WireError("placeholder")
  }
}

/// Rows of stores that are not history: an inbox message, and the start that waits in an instance row.
package enum StoreWire {
  package static func encode(_ message: MessageKind) -> [UInt8] { [] }
  package static func decodeMessage(_ json: UnsafeRawBufferPointer) throws(WireError) -> MessageKind {
    throw WireError("placeholder")
  }
  package static func encode(_ start: InstanceStart) -> [UInt8] { [] }
  package static func decodeStart(_ json: UnsafeRawBufferPointer) throws(WireError) -> InstanceStart {
    throw WireError("placeholder")
  }
}

package enum TurnWire {
  package static func encode(_ request: TurnRequest) -> [UInt8] { [] }
  package static func decodeRequest(_ json: UnsafeRawBufferPointer) throws(WireError) -> TurnRequest {
    throw WireError("placeholder")
  }
  package static func encode(_ answer: TurnAnswer) -> [UInt8] { [] }
  package static func decodeAnswer(_ json: UnsafeRawBufferPointer) throws(WireError) -> TurnAnswer {
    throw WireError("placeholder")
  }
}

package enum ActivityWire {
  package static func encode(_ task: ActivityTask) -> [UInt8] { [] }
  package static func decode(_ json: UnsafeRawBufferPointer) throws(WireError) -> ActivityTask {
    throw WireError("placeholder")
  }
}

/// User JSON: checked once where it enters.
package enum PayloadWire {
  /// The bytes without surrounding white space; empty (or only white space) is null. Throws unless they are one
  /// well-formed JSON value without \u0000 and with nesting of at most `Limits.jsonDepth`.
  package static func decode(_ json: UnsafeRawBufferPointer) throws(WireError) -> Payload {
    throw WireError("placeholder")
  }
}
