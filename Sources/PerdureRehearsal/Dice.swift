import PerdureModel

/// Chance by name: what is drawn for a decision depends on the seed and the name of the decision alone, so
/// that one that is taken away leaves the others as they were.
struct Dice {
  private let seed: UInt64

  init(seed: UInt64) { self.seed = seed }

  private func roll(_ name: String, _ salt: StaticString) -> UInt64 {
    var hash = Trace()
    hash.add(Int64(bitPattern: seed))
    hash.add(name)
    salt.withUTF8Buffer { for byte in $0 { hash.add(byte) } }
    var mixed = hash.value
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// 0..<count; 0 for an empty range.
  func below(_ count: Int64, _ name: String, _ salt: StaticString) -> Int64 {
    count > 0 ? Int64(roll(name, salt) % UInt64(count)) : 0
  }

  /// True in `permille` of a thousand cases.
  func chance(_ permille: Int64, _ name: String, _ salt: StaticString) -> Bool {
    below(1_000, name, salt) < permille
  }

  func pick<Element>(_ elements: [Element], _ name: String, _ salt: StaticString) -> Element? {
    elements.isEmpty ? nil : elements[Int(below(Int64(elements.count), name, salt))]
  }

  /// 1 ms to about 2^`bits` ms, each order of magnitude as likely as the others.
  func span(bits: Int64, _ name: String) -> Int64 {
    let scale = Int64(1) << below(min(max(bits, 1), 40), name, "scale")
    return scale &+ below(scale, name, "rest")
  }
}

/// Boils everything that happened down to one number: FNV-1a.
struct Trace {
  private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

  mutating func add(_ byte: UInt8) { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }

  mutating func add(_ number: Int64) {
    for shift in stride(from: 0, to: 64, by: 8) { add(UInt8(truncatingIfNeeded: number >> shift)) }
  }

  /// With an end, so that two texts are not the same as another two.
  mutating func add(_ text: String) {
    for byte in text.utf8 { add(byte) }
    add(UInt8(0))
  }
}
