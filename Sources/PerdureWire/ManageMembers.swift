import PerdureModel

/// The members of a request, as places in the text: taken by name, so that what is left over is not known.
struct ManageMembers {
  /// The offset of the object.
  let object: Int
  private var left: [(key: JSONName, value: JSONSlice)] = []

  init(_ reader: inout JSONReader) throws(JSONFault) {
    object = try reader.beginObject()
    var first = true
    while let key = try reader.nextKey(&first) {
      let value = try reader.skipValue()
      // Bounds the search of `take`; no request has so many.
      guard left.count < 64 else { throw reader.unknown(key) }
      left.append((key, value))
    }
  }

  /// The value of a member, absent if there is none.
  mutating func take(_ name: StaticString, _ reader: JSONReader) throws(JSONFault) -> JSONSlice {
    guard let index = left.firstIndex(where: { $0.key.matches(name) }) else { return .absent }
    let value = left.remove(at: index).value
    if let again = left.first(where: { $0.key.matches(name) }) { throw reader.twice(again.key) }
    return value
  }

  /// All has been taken.
  func finish(_ reader: JSONReader) throws(JSONFault) {
    if let (key, _) = left.first { throw reader.unknown(key) }
  }
}
