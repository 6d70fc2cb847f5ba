import PerdureModel

/// A measurement: in turn answers, and in log records.
enum MetricWire {
  static func write(_ metric: MetricLine, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("name", metric.name)
    writer.member("kind", metric.kind.rawValue)
    writer.member("value", metric.value)
    writer.member("attributes", optional: metric.attributes)
    writer.endObject()
  }

  static func read(_ reader: inout JSONReader) throws(JSONFault) -> MetricLine {
    var name = JSONSlice.absent
    var kind = JSONSlice.absent
    var value = JSONSlice.absent
    var attributes = JSONSlice.absent
    let object = try reader.beginObject()
    var first = true
    while let key = try reader.nextKey(&first) {
      if key.matches("name") {
        try reader.take(&name, key)
      } else if key.matches("kind") {
        try reader.take(&kind, key)
      } else if key.matches("value") {
        try reader.take(&value, key)
      } else if key.matches("attributes") {
        try reader.take(&attributes, key)
      } else {
        _ = try reader.skipValue()
      }
    }
    guard let chosen = try reader.optionalChoice(kind, MetricLine.Kind.self) else {
      throw reader.missing(object, "kind")
    }
    return MetricLine(
      name: try reader.string(name, object, "name"), kind: chosen,
      value: try reader.number(value, object, "value"),
      attributes: try reader.optionalAttributes(attributes))
  }
}
