import PerdureModel
import PerdureWire

/// The JSON codec against a second reader, and strings there and back.
enum JSONTarget {
  static func run(_ input: borrowing [UInt8]) throws(Finding) {
    var script = ByteScript(copy input)
    switch script.pick(3) {
    case 0: try payload(script.rest())
    case 1: try strings(script.rest())
    default: try payload(expanded(&script))
    }
  }

  /// Runs of few bytes many times, for depth and length.
  private static func expanded(_ script: inout ByteScript) -> [UInt8] {
    var json: [UInt8] = []
    while !script.isAtEnd, json.count < 8_192 {
      let times = Int(script.byte()) * (script.flag() ? 5 : 1)
      let part = script.chunk(limit: 8)
      for _ in 0..<times { json += part }
    }
    return json
  }

  /// The engine takes what the standard calls JSON, with its own bounds, and keeps it byte for byte.
  private static func payload(_ json: [UInt8]) throws(Finding) {
    let kept = try? json.alone { buffer throws(WireError) in try PayloadWire.decode(buffer) }
    let isBlank = json.allSatisfy(StrictJSON.isSpace)
    try expect(
      (kept != nil) == (isBlank || StrictJSON.accepts(json)),
      "the payload is \(kept == nil ? "refused" : "taken"), and should not be: \(json.shown)")
    guard let kept else { return }
    if isBlank { return try expect(kept == .null, "a blank payload is \(kept.bytes.shown)") }
    let trimmed = json.drop(while: StrictJSON.isSpace).reversed().drop(while: StrictJSON.isSpace).reversed()
    try expect(kept.bytes.elementsEqual(trimmed), "the payload changed to \(kept.bytes.shown)")
    try spliced(kept)
  }

  /// A payload inside a message comes out as it went in.
  private static func spliced(_ payload: Payload) throws(Finding) {
    let failure = Failure(type: "t", message: "m", details: payload)
    let json = FailureWire.encode(failure)
    let back = try? json.alone { buffer throws(WireError) in try FailureWire.decode(buffer) }
    // null is as good as absent there, and inside a message there is less room for nesting.
    if back == nil, StrictJSON.depth(of: payload.bytes) >= Limits.jsonDepth { return }
    let wanted = payload == .null ? nil : payload
    try expect(back?.details == wanted, "inside a message the payload became \(json.shown)")
  }

  /// Any text becomes a string of JSON that stands for the very same text.
  private static func strings(_ bytes: [UInt8]) throws(Finding) {
    let text = String(
      String(decoding: bytes, as: UTF8.self).unicodeScalars.filter { $0 != "\0" }.map(Character.init))
    let json = AttributesWire.encode([Attribute(key: text, value: text)])
    try expect(StrictJSON.accepts(json.bytes), "text was written as \(json.bytes.shown)")
    let back = AttributesWire.decode(json)
    try expect(
      back.count == 1 && back[0].key.utf8.elementsEqual(text.utf8)
        && back[0].value.utf8.elementsEqual(text.utf8),
      "text came back changed: \(json.bytes.shown)")
    let failure = FailureWire.encode(Failure(type: text, message: text, stack: text))
    let read = try? failure.alone { buffer throws(WireError) in try FailureWire.decode(buffer) }
    try expect(
      read.map { [$0.type, $0.message, $0.stack ?? ""].allSatisfy { $0.utf8.elementsEqual(text.utf8) } }
        == true,
      "a failure came back changed: \(failure.shown)")
  }
}

extension StrictJSON {
  /// How deep well-formed JSON nests.
  static func depth(of json: [UInt8]) -> Int {
    var (depth, deepest) = (0, 0)
    var (isString, isEscape) = (false, false)
    for byte in json {
      if isEscape {
        isEscape = false
      } else if byte == UInt8(ascii: "\\") {
        isEscape = isString
      } else if byte == UInt8(ascii: "\"") {
        isString.toggle()
      } else if !isString, byte == UInt8(ascii: "[") || byte == UInt8(ascii: "{") {
        depth += 1
        deepest = max(deepest, depth)
      } else if !isString, byte == UInt8(ascii: "]") || byte == UInt8(ascii: "}") {
        depth -= 1
      }
    }
    return deepest
  }
}
