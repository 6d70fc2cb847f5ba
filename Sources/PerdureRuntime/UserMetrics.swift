import PerdureModel
import PerdureWire

/// Measurements of orchestration code. Their names and attributes come from outside: they are made to fit
/// OpenMetrics, and there is an end to how many are told apart.
struct UserMetrics {
  private struct Family {
    var name: String
    var kind: MetricLine.Kind
    var source: String
    /// By their labels, written out.
    var places: [String: Int] = [:]
    var series: [Series] = []
  }

  private struct Series {
    var labels: [MetricLabel]
    var value = 0.0
    var counts: [Int64] = []
  }

  /// As code named it.
  private struct Key: Hashable {
    var name: ExactText
    var kind: MetricLine.Kind
  }

  private var places: [Key: Int] = [:]
  private var families: [Family] = []
  /// Names of samples that are taken: no two families may have one in common.
  private var taken: Set<String> = []
  /// What could not be counted: no number, a counter that would go down, or one name too many.
  private(set) var dropped: Int64 = 0

  /// 0.001, 0.004 ... 268,435.
  static let bounds: [Double] = (0..<15).map { Double(1 << (2 * $0)) / 1_000 }

  mutating func add(_ line: MetricLine) {
    guard let value = Double(line.value.text), value.isFinite, line.kind != .counter || value >= 0,
      let family = family(of: line)
    else { return dropped &+= 1 }
    let place = series(of: line, in: family)
    switch line.kind {
    case .counter: families[family].series[place].value += value
    case .gauge: families[family].series[place].value = value
    case .histogram:
      families[family].series[place].value += value
      let bucket = Self.bounds.firstIndex { value <= $0 } ?? Self.bounds.count
      families[family].series[place].counts[bucket] &+= 1
    }
  }

  private mutating func family(of line: MetricLine) -> Int? {
    let key = Key(name: ExactText(line.name), kind: line.kind)
    if let place = places[key] { return place }
    guard places.count < Limits.userMetrics else { return nil }
    let name = "user_" + MetricText.name(line.name.droppingSuffix("_total"))
    // Names that come to the same are the same metric, unless they are of different kinds.
    if let same = families.firstIndex(where: { $0.name == name && $0.kind == line.kind }) {
      places[key] = same
      return same
    }
    var free = name
    if !isFree(free) { free += "_" + line.kind.rawValue }
    var number = 2
    while !isFree(free) {
      free = "\(name)_\(line.kind.rawValue)_\(number)"
      number += 1
    }
    taken.formUnion(Self.samples(free))
    places[key] = families.count
    families.append(Family(name: free, kind: line.kind, source: line.name))
    return families.count - 1
  }

  private func isFree(_ name: String) -> Bool { taken.isDisjoint(with: Self.samples(name)) }

  /// All that a family may need, whatever its kind.
  private static func samples(_ name: String) -> [String] {
    ["", "_total", "_created", "_count", "_sum", "_bucket", "_info"].map { name + $0 }
  }

  private mutating func series(of line: MetricLine, in family: Int) -> Int {
    let labels = line.attributes.map { MetricText.labels($0, isHistogram: line.kind == .histogram) } ?? []
    let text = labels.map { "\($0.name)=\($0.value.utf8.count):\($0.value)" }.joined(separator: ",")
    if let place = families[family].places[text] { return place }
    let isFull = families[family].series.count >= Limits.userMetricSeries
    if isFull, let others = families[family].places["_other"] { return others }
    families[family].places[isFull ? "_other" : text] = families[family].series.count
    var series = Series(labels: isFull ? [MetricLabel("overflow", "true")] : labels)
    if line.kind == .histogram { series.counts = Array(repeating: 0, count: Self.bounds.count + 1) }
    families[family].series.append(series)
    return families[family].series.count - 1
  }

  var shown: [MetricFamily] {
    families.map { family in
      var shown = MetricFamily(
        family.name, family.kind, help: "The metric '\(family.source)' of orchestrations.",
        source: family.source)
      shown.series = family.series.map { series in
        MetricSeries(
          series.labels,
          family.kind == .histogram
            ? .histogram(bounds: Self.bounds, counts: series.counts, sum: series.value) : .real(series.value))
      }
      return shown
    }
  }
}

extension String {
  fileprivate func droppingSuffix(_ suffix: String) -> String {
    hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
  }
}
