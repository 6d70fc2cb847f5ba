/// Opaque JSON text that belongs to the user: spliced into messages and rows, never interpreted.
///
/// Whoever makes one from outside bytes has checked that they are one well-formed JSON value.
package struct Payload: Hashable, Sendable {
  package var bytes: [UInt8]

  package init(bytes: [UInt8]) { self.bytes = bytes }
  package init(_ json: String) { bytes = Array(json.utf8) }

  package static let null = Payload("null")

  /// The JSON text.
  package var text: String { String(decoding: bytes, as: UTF8.self) }
}
