/// Counts by size, in buckets that grow by a fixed factor. No storage of its own: tables of them are flat.
struct Histogram {
  struct Scale {
    /// The upper end of the first bucket.
    let first: Int64
    /// Each further one is 2 to this power times as large.
    let shift: Int
    /// Buckets that have an end.
    let count: Int
    /// What one of the shown unit is.
    let unit: Double

    /// 100 us, 200 us ... 3.3 s; in nanoseconds.
    static var moments: Scale { Scale(first: 100_000, shift: 1, count: 16, unit: 1e9) }
    /// 1 ms, 4 ms ... 3.1 days; in nanoseconds.
    static var spans: Scale { Scale(first: 1_000_000, shift: 2, count: 15, unit: 1e9) }
    /// 1, 2, 4 ... 1,024.
    static var numbers: Scale { Scale(first: 1, shift: 1, count: 11, unit: 1) }

    var bounds: [Double] { (0..<count).map { Double(first << Int64($0 * shift)) / unit } }

    func bucket(_ value: Int64) -> Int {
      let steps = (max(value, 1) &- 1) / first
      guard steps > 0 else { return 0 }
      let power = Int64.bitWidth - steps.leadingZeroBitCount
      return min((power + shift - 1) / shift, count)
    }
  }

  private(set) var counts = [17 of Int64](repeating: 0)
  private(set) var count: Int64 = 0
  private(set) var sum: Int64 = 0

  mutating func add(_ value: Int64, _ scale: Scale) {
    counts[scale.bucket(value)] &+= 1
    count &+= 1
    sum &+= max(value, 0)
  }
}
