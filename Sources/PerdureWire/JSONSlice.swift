import PerdureModel

/// Where a value stands in the text: its bytes without surrounding white space. Its syntax has been checked.
struct JSONSlice {
  // Not Int: an event is read through thirty of these. `decodeWhole` refuses texts that are too large for it.
  private var first: Int32
  private var last: Int32

  @inline(__always)
  init(start: Int, end: Int) {
    first = Int32(truncatingIfNeeded: start)
    last = Int32(truncatingIfNeeded: end)
  }

  @inline(__always)
  var start: Int { Int(first) }
  @inline(__always)
  var end: Int { Int(last) }

  static var absent: JSONSlice {
    @inline(__always) get { JSONSlice(start: -1, end: -1) }
  }

  @inline(__always)
  var isPresent: Bool { first >= 0 }
}

/// The bytes between the quotes of a key or kind, compared in place.
struct JSONName {
  let base: UnsafeRawPointer
  /// Of the first byte after the quote.
  let start: Int
  let count: Int
  /// Legal and never seen; only then is a string made to compare.
  let isEscaped: Bool

  /// With a literal all branches but one fold away: one comparison of lengths and one or two of words.
  @inline(__always)
  func matches(_ literal: StaticString) -> Bool {
    let size = literal.utf8CodeUnitCount
    if count == size {
      return equal(base + start, UnsafeRawPointer(literal.utf8Start), size)
    }
    return count > size && isEscaped && whole.utf8.elementsEqual("\(literal)".utf8)
  }

  @inline(__always)
  private func equal(_ one: UnsafeRawPointer, _ other: UnsafeRawPointer, _ size: Int) -> Bool {
    if size >= 8 {
      var offset = 0
      while offset <= size - 8 {
        if word(one, offset, UInt64.self) != word(other, offset, UInt64.self) { return false }
        offset += 8
      }
      return word(one, size - 8, UInt64.self) == word(other, size - 8, UInt64.self)
    }
    if size >= 4 {
      return word(one, 0, UInt32.self) == word(other, 0, UInt32.self)
        && word(one, size - 4, UInt32.self) == word(other, size - 4, UInt32.self)
    }
    if size >= 2 {
      return word(one, 0, UInt16.self) == word(other, 0, UInt16.self)
        && word(one, size - 2, UInt16.self) == word(other, size - 2, UInt16.self)
    }
    return size == 0 || word(one, 0, UInt8.self) == word(other, 0, UInt8.self)
  }

  @inline(__always)
  private func word<Word: FixedWidthInteger & BitwiseCopyable>(
    _ pointer: UnsafeRawPointer, _ offset: Int, _ type: Word.Type
  ) -> Word {
    pointer.loadUnaligned(fromByteOffset: offset, as: type)
  }

  /// The text, with what it escapes.
  @inline(never)
  var whole: String { JSONText.string(bytes) }

  private var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base + start, count: count) }

  /// A name that a user gave, whole.
  var fullText: String { JSONText.string(bytes) }

  /// For messages: shortened, since it comes from outside.
  var text: String { String(JSONText.string(bytes).prefix(64)) }
}
