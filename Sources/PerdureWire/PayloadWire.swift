package import PerdureModel

/// User JSON: checked once where it enters.
package enum PayloadWire {
  /// The bytes without surrounding white space; empty (or only white space) is null. Throws unless they are
  /// one well-formed JSON value without \u0000 and with nesting of at most `Limits.jsonDepth`.
  package static func decode(_ json: UnsafeRawBufferPointer) throws(WireError) -> Payload {
    if json.isBlank { return .null }
    return try decodeWhole(json) { reader throws(JSONFault) in
      let slice = try reader.skipValue()
      return try reader.payload(slice, slice.start, "")
    }
  }
}
