import PerdureModel

/// Bytes that are not what docs/wire-format.md asks for.
package struct WireError: Error, Hashable, Sendable {
  /// One sentence: where (a path such as `actions[2].fireAt`) and what.
  package var message: String

  package init(_ message: String) { self.message = message }
}

/// What is wrong, and at which byte. It becomes a `WireError` at the entry points: the path is found by
/// walking the text once more, so that reading a good text costs nothing for it.
struct JSONFault: Error {
  /// Of the value that is wrong (or of the key, if the member should not be there at all).
  var offset: Int
  /// The member of the object at `offset` that is missing.
  var member: StaticString?
  /// Goes on from the path: "must be an integer".
  var problem: String

  init(_ offset: Int, member: StaticString? = nil, _ problem: String) {
    self.offset = offset
    self.member = member
    self.problem = problem
  }
}

extension WireError {
  init(_ fault: JSONFault, in json: UnsafeRawBufferPointer) {
    var path = JSONPath.locate(fault.offset, in: json)
    if let member = fault.member { path += path.isEmpty ? "\(member)" : ".\(member)" }
    message = "\(path.isEmpty ? "The JSON" : path) \(fault.problem)."
  }
}

/// Reads one whole message: nothing but white space may follow.
@inline(__always)
func decodeWhole<Value>(
  _ json: UnsafeRawBufferPointer, _ read: (inout JSONReader) throws(JSONFault) -> Value
) throws(WireError) -> Value {
  guard json.count <= Limits.jsonBytes else {
    throw WireError("The JSON has more than \(Limits.jsonBytes) bytes.")
  }
  var reader = JSONReader(json)
  do throws(JSONFault) {
    let value = try read(&reader)
    try reader.finish()
    return value
  } catch {
    throw WireError(error, in: json)
  }
}

extension UnsafeRawBufferPointer {
  /// Requests and options may be left out altogether.
  var isBlank: Bool { allSatisfy { $0 == 0x20 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 } }
}
