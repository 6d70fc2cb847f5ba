/// Everything that happened in a world, boiled down to one number: FNV-1a over the lines. Two runs of one
/// seed agree on it.
struct Trace {
  private(set) var hash: UInt64 = 0xCBF2_9CE4_8422_2325
  private let printer: ((String) -> Void)?

  init(printer: ((String) -> Void)?) { self.printer = printer }

  mutating func note(
    _ at: Int64, _ what: StaticString, _ text: String = "", _ one: Int64 = 0, _ two: Int64 = 0
  ) {
    add(at)
    what.withUTF8Buffer { for byte in $0 { add(byte) } }
    for byte in text.utf8 { add(byte) }
    add(one)
    add(two)
    printer?("\(at) \(what) \(text) \(one) \(two)")
  }

  /// For the reader only; not a part of the hash.
  func remark(_ at: Int64, _ line: @autoclosure () -> String) { printer?("\(at)   \(line())") }

  private mutating func add(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }

  private mutating func add(_ number: Int64) { hash = (hash ^ UInt64(bitPattern: number)) &* 0x100_0000_01B3 }
}
