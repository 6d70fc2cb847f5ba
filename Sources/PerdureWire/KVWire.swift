import PerdureModel

/// One key of an instance's state: in turn requests and in KV pages.
enum KVWire {
  static func write(_ entry: KVEntry, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("key", entry.key)
    writer.member("value", entry.value)
    writer.member("at", entry.at)
    writer.endObject()
  }

  static func read(_ reader: inout JSONReader) throws(JSONFault) -> KVEntry {
    let m = try Members(&reader)
    return KVEntry(
      key: try m.key(reader), value: try reader.payload(m.value, m.object, "value"),
      at: try reader.int(m.at, m.object, "at"))
  }
}
