package import PerdureModel

/// The snapshot of metrics as OpenMetrics 1.0 text.
package enum OpenMetrics {
  package static let contentType = "application/openmetrics-text; version=1.0.0; charset=utf-8"

  package static func encode(_ snapshot: MetricsSnapshot) -> [UInt8] {
    var text = ""
    for family in snapshot.families where !family.series.isEmpty { write(family, to: &text) }
    text += "# EOF\n"
    return Array(text.utf8)
  }

  private static func write(_ family: MetricFamily, to text: inout String) {
    text += "# TYPE \(family.name) \(family.kind.rawValue)\n"
    if let unit = family.unit { text += "# UNIT \(family.name) \(unit)\n" }
    text += "# HELP \(family.name) \(MetricText.escaped(family.help))\n"
    for series in family.series {
      let labels = series.labels.map { "\($0.name)=\"\(MetricText.escaped($0.value))\"" }
      let all = labels.isEmpty ? "" : "{\(labels.joined(separator: ","))}"
      let suffix = family.kind == .counter ? "_total" : ""
      switch series.value {
      case .integer(let value): text += "\(family.name)\(suffix)\(all) \(value)\n"
      case .real(let value): text += "\(family.name)\(suffix)\(all) \(MetricText.number(value))\n"
      case .histogram(let bounds, let counts, let sum):
        var below: Int64 = 0
        for (index, count) in counts.enumerated() {
          below &+= count
          let bound = index < bounds.count ? MetricText.bound(bounds[index]) : "+Inf"
          let bucket = (labels + ["le=\"\(bound)\""]).joined(separator: ",")
          text += "\(family.name)_bucket{\(bucket)} \(below)\n"
        }
        text += "\(family.name)_count\(all) \(below)\n\(family.name)_sum\(all) \(MetricText.number(sum))\n"
      }
    }
  }
}

/// Names, labels and numbers as metrics have them.
package enum MetricText {
  /// A name that fits: letters, digits and underscores, the rest becomes underscores.
  package static func name(_ name: String) -> String {
    var fitting = ""
    for byte in name.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"):
        fitting.unicodeScalars.append(Unicode.Scalar(byte))
      case UInt8(ascii: "0")...UInt8(ascii: "9"): fitting.unicodeScalars.append(Unicode.Scalar(byte))
      // One for each character that does not fit: its later bytes leave nothing.
      case 0x80...0xbf: break
      default: fitting += "_"
      }
    }
    return fitting
  }

  /// The attributes of a measurement (a JSON object of strings) as labels, by name. Of two names that come to
  /// the same, the first one stays.
  package static func labels(_ attributes: Payload, isHistogram: Bool) -> [MetricLabel] {
    let read = try? attributes.bytes.withUnsafeBytes { bytes throws(WireError) in
      try decodeWhole(bytes) { reader throws(JSONFault) in
        var pairs: [(String, String)] = []
        _ = try reader.beginObject()
        var first = true
        while let key = try reader.nextKey(&first) {
          pairs.append((key.text, try reader.string(try reader.skipValue())))
        }
        return pairs
      }
    }
    var taken: Set<String> = []
    var labels: [MetricLabel] = []
    for (name, value) in (read ?? []).sorted(by: { $0.0 < $1.0 }) {
      var fitting = Self.name(name)
      // Reserved, or no beginning of a name.
      let isReserved = fitting.hasPrefix("__") || fitting.isEmpty || (isHistogram && fitting == "le")
      if isReserved || fitting.utf8.first.map({ (48...57).contains($0) }) ?? true {
        fitting = "label_" + fitting
      }
      if taken.insert(fitting).inserted { labels.append(MetricLabel(fitting, value)) }
    }
    return labels
  }

  static func escaped(_ text: String) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": escaped += "\\\\"
      case "\"": escaped += "\\\""
      case "\n": escaped += "\\n"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }

  /// Whole numbers as such.
  static func number(_ value: Double) -> String {
    if let whole = Int64(exactly: value), abs(value) < 9e15 { return "\(whole)" }
    return "\(value)"
  }

  /// Bounds of buckets are written as floating point numbers.
  static func bound(_ value: Double) -> String { "\(value)" }
}
