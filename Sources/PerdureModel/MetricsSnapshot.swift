/// All metrics of one open store at one moment.
package struct MetricsSnapshot: Hashable, Sendable {
  package var at: TimestampMS
  /// When counting began.
  package var since: TimestampMS
  package var families: [MetricFamily] = []

  package init(at: TimestampMS, since: TimestampMS) {
    self.at = at
    self.since = since
  }
}

/// The series of one name. Names and labels are as OpenMetrics wants them.
package struct MetricFamily: Hashable, Sendable {
  /// Without the `_total` of counters; ends with the unit, if there is one.
  package var name: String
  package var kind: MetricLine.Kind
  package var unit: String?
  package var help: String
  /// Of a metric of orchestration code: the name that the code gave it.
  package var source: String?
  package var series: [MetricSeries] = []

  package init(
    _ name: String, _ kind: MetricLine.Kind, unit: String? = nil, help: String, source: String? = nil
  ) {
    self.name = name
    self.kind = kind
    self.unit = unit
    self.help = help
    self.source = source
  }
}

package struct MetricLabel: Hashable, Sendable {
  package var name: String
  package var value: String

  package init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

package struct MetricSeries: Hashable, Sendable {
  package var labels: [MetricLabel]
  package var value: MetricValue

  package init(_ labels: [MetricLabel], _ value: MetricValue) {
    self.labels = labels
    self.value = value
  }
}

package enum MetricValue: Hashable, Sendable {
  case integer(Int64)
  case real(Double)
  /// - bounds: upper ends of the buckets, but the last, which has none.
  /// - counts: of each bucket, one more than there are bounds.
  case histogram(bounds: [Double], counts: [Int64], sum: Double)
}
