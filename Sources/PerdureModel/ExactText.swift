/// Text as a key, told apart by its bytes. Swift's own `==` takes canonically equivalent strings ("é" in its
/// two spellings) for the same; stores and other languages do not.
package struct ExactText: Hashable, Sendable {
  package let text: String

  package init(_ text: String) { self.text = text }

  package static func == (one: ExactText, other: ExactText) -> Bool {
    var (a, b) = (one.text, other.text)
    return a.withUTF8 { a in
      b.withUTF8 { b in areEqual(UnsafeRawBufferPointer(a), UnsafeRawBufferPointer(b)) }
    }
  }

  /// Word by word: this is the comparison of every key of the hot path.
  private static func areEqual(_ one: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer) -> Bool {
    let count = one.count
    guard count == other.count else { return false }
    let words = count & ~7
    for at in stride(from: 0, to: words, by: 8) {
      let a = one.loadUnaligned(fromByteOffset: at, as: UInt64.self)
      if a != other.loadUnaligned(fromByteOffset: at, as: UInt64.self) { return false }
    }
    for at in words..<count where one[at] != other[at] { return false }
    return true
  }

  package func hash(into hasher: inout Hasher) {
    var bytes = text
    bytes.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}
