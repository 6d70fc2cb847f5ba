import PerdureModel

/// The generator behind an orchestration's GUIDs and random numbers: docs/wire-format.md, "Derived
/// randomness".
struct SplitMix64 {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  /// The generator of one execution.
  init(instance: InstanceID, execution: ExecutionID) {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func take(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    for byte in instance.utf8 { take(byte) }
    take(0)
    for byte in String(execution).utf8 { take(byte) }
    state = hash
  }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  /// Uniform in 0..<1.
  mutating func nextUnit() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// A version 4 GUID in lower case.
  mutating func nextGUID() -> String {
    let high = (next() & 0xffff_ffff_ffff_0fff) | 0x4000
    let low = (next() & 0x3fff_ffff_ffff_ffff) | 0x8000_0000_0000_0000
    let digits = Self.hex(high) + Self.hex(low)
    var text = ""
    for (index, digit) in digits.enumerated() {
      if [8, 12, 16, 20].contains(index) { text.append("-") }
      text.append(digit)
    }
    return text
  }

  private static func hex(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
