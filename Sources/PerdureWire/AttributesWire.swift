package import PerdureModel

/// The labels of instances: a JSON object of strings.
package enum AttributesWire {
  /// None of what is no such object. Of two with the same key the last one counts.
  package static func decode(_ payload: Payload) -> [Attribute] {
    payload.bytes.withUnsafeBytes { json in
      var reader = JSONReader(json)
      return (try? read(&reader)) ?? []
    }
  }

  static func read(_ reader: inout JSONReader) throws(JSONFault) -> [Attribute] {
    var attributes: [Attribute] = []
    _ = try reader.beginObject()
    var first = true
    while let key = try reader.nextKey(&first) {
      let attribute = Attribute(key: key.whole, value: try reader.string(try reader.skipValue()))
      attributes.removeAll { ExactText($0.key) == ExactText(attribute.key) }
      attributes.append(attribute)
    }
    return attributes
  }

  package static func encode(_ attributes: [Attribute]) -> Payload {
    .object(attributes.map { (name: $0.key, value: $0.value) })
  }
}
