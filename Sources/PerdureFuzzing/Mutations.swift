/// Inputs derived from good ones by chance, the same for the same seed: fuzzing without a fuzzer, for tests
/// that every change must pass.
package struct Mutations {
  private let corpus: [[UInt8]]
  private let bytesMax: Int
  private var state: UInt64

  /// - corpus: at least one input.
  package init(of corpus: [[UInt8]], bytesMax: Int, seed: UInt64) {
    self.corpus = corpus
    self.bytesMax = bytesMax
    state = seed
  }

  package mutating func next() -> [UInt8] {
    var input = corpus.isEmpty ? [] : corpus[pick(corpus.count)]
    for _ in 0...pick(4) { mutate(&input) }
    return Array(input.prefix(bytesMax))
  }

  private static let interesting =
    Array("\"\\{}[]:,0-1.eEntf \u{1}é\u{301}".utf8) + [0, 0x7F, 0x80, 0xED, 0xFF]

  private mutating func mutate(_ input: inout [UInt8]) {
    guard !input.isEmpty else { return input.append(UInt8(pick(256))) }
    let place = pick(input.count)
    let end = min(input.count, place + 1 + pick(12))
    switch pick(8) {
    case 0: input[place] = UInt8(pick(256))
    case 1: input[place] = Self.interesting[pick(Self.interesting.count)]
    case 2: input.insert(Self.interesting[pick(Self.interesting.count)], at: place)
    case 3: input[place] ^= 1 << UInt8(pick(8))
    case 4: input.removeSubrange(place..<end)
    case 5: input.insert(contentsOf: Array(input[place..<end]), at: pick(input.count + 1))
    case 6: input.removeSubrange(end...)
    default:
      let other = corpus[pick(corpus.count)]
      guard !other.isEmpty else { return }
      let from = pick(other.count)
      input.replaceSubrange(place..<end, with: other[from..<min(other.count, from + 1 + pick(40))])
    }
  }

  /// SplitMix64.
  private mutating func pick(_ count: Int) -> Int {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return Int((mixed ^ (mixed >> 31)) % UInt64(max(1, count)))
  }
}
