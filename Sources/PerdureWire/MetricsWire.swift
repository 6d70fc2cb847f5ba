package import PerdureModel

/// The snapshot of metrics as JSON.
package enum MetricsWire {
  package enum Format: String, CaseIterable, Sendable {
    case json, openmetrics
  }

  /// The request of `dx_store_metrics`: `{"format"?}`.
  package static func decodeRequest(_ json: UnsafeRawBufferPointer) throws(WireError) -> Format {
    try decodeWhole(json) { reader throws(JSONFault) in
      var format = JSONSlice.absent
      _ = try reader.beginObject()
      var first = true
      while let key = try reader.nextKey(&first) {
        guard key.matches("format") else { throw reader.unknown(key) }
        try reader.take(&format, key)
      }
      return try reader.optionalChoice(format) ?? .json
    }
  }

  package static func encode(_ snapshot: MetricsSnapshot) -> [UInt8] {
    var writer = JSONWriter(capacity: 16_384)
    writer.beginObject()
    writer.member("v", 1)
    writer.member("at", snapshot.at)
    writer.member("since", snapshot.since)
    writer.key("families")
    writer.list(snapshot.families) { family, writer in write(family, to: &writer) }
    writer.endObject()
    return writer.finish()
  }

  private static func write(_ family: MetricFamily, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("name", family.name)
    writer.member("type", family.kind.rawValue)
    writer.member("unit", optional: family.unit)
    writer.member("help", family.help)
    writer.member("source", optional: family.source)
    writer.key("series")
    writer.list(family.series) { series, writer in write(series, to: &writer) }
    writer.endObject()
  }

  private static func write(_ series: MetricSeries, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.key("labels")
    writer.payload(.object(series.labels.map { ($0.name, $0.value) }))
    switch series.value {
    case .integer(let value): writer.member("value", value)
    case .real(let value): writer.member("value", number(value))
    case .histogram(let bounds, let counts, let sum):
      writer.member("count", counts.reduce(0, &+))
      writer.member("sum", number(sum))
      writer.key("buckets")
      var below: Int64 = 0
      writer.list(zip(bounds, counts).map { $0 }) { bucket, writer in
        below &+= bucket.1
        writer.beginObject()
        writer.member("le", number(bucket.0))
        writer.member("count", below)
        writer.endObject()
      }
    }
    writer.endObject()
  }

  private static func number(_ value: Double) -> Payload { Payload(MetricText.number(value)) }
}
