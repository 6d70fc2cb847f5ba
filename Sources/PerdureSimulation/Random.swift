/// The only source of chance in a simulated world: xoshiro256**, seeded by SplitMix64.
package struct Random: Sendable {
  private var a, b, c, d: UInt64

  package init(seed: UInt64) {
    var state = seed
    func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
      return mixed ^ (mixed >> 31)
    }
    (a, b, c, d) = (next(), next(), next(), next())
  }

  package mutating func next() -> UInt64 {
    let scaled = b &* 5
    let result = ((scaled << 7) | (scaled >> 57)) &* 9
    let shifted = b << 17
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = (d << 45) | (d >> 19)
    return result
  }

  /// A generator of its own, so that one part of the world does not disturb another.
  mutating func fork() -> Random { Random(seed: next()) }

  /// 0..<count; 0 for an empty range.
  mutating func below(_ count: Int) -> Int { count > 0 ? Int(next() % UInt64(count)) : 0 }

  mutating func within(_ range: ClosedRange<Int>) -> Int { range.lowerBound + below(range.count) }

  mutating func delay(_ range: ClosedRange<Int>) -> Int64 { Int64(within(range)) }

  /// True in `permille` of a thousand cases.
  mutating func chance(_ permille: Int) -> Bool { below(1_000) < permille }

  mutating func pick<Element>(_ elements: [Element]) -> Element? {
    elements.isEmpty ? nil : elements[below(elements.count)]
  }
}
