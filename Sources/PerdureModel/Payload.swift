/// Opaque JSON text that belongs to the user: spliced into messages and rows, never interpreted.
///
/// Whoever makes one from outside bytes has checked that they are one well-formed JSON value.
package struct Payload: Hashable, Sendable {
  package var bytes: [UInt8]

  package init(bytes: [UInt8]) { self.bytes = bytes }
  package init(_ json: String) { bytes = Array(json.utf8) }

  /// An object of strings, for the details of a failure.
  package static func object(_ members: [(name: String, value: String)]) -> Payload {
    Payload("{" + members.map { quoted($0.name) + ":" + quoted($0.value) }.joined(separator: ",") + "}")
  }

  private static func quoted(_ text: String) -> String {
    var json = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": json += "\\\(scalar)"
      // As the wire format writes it: not every store can keep it.
      case "\0": json += "\u{FFFD}"
      case "\u{1}"..<" ": json += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
      default: json.unicodeScalars.append(scalar)
      }
    }
    return json + "\""
  }

  package static let null = Payload("null")

  /// The JSON text.
  package var text: String { String(decoding: bytes, as: UTF8.self) }
}
