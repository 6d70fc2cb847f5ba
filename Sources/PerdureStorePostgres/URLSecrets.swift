/// What of a URL must come into no message: the password, and what libpq may take for a host, a port or a
/// database when a character of the password was not written as %20 and the like.
package struct URLSecrets: Sendable {
  private let pieces: [[UInt8]]

  /// - Parameters:
  ///   - user: what stands before the host, such as `app:sesame`; empty if there is nothing.
  ///   - options: pairs of a name and a value, as they stand in the URL.
  init(user: Substring, options: [(name: Substring, value: Substring)]) {
    let password = user.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).dropFirst()
    var texts = Array(password)
    for option in options where ["password", "sslpassword"].contains(option.name) {
      texts.append(option.value)
    }
    var pieces: [[UInt8]] = []
    for text in texts {
      pieces.append(Array(text.utf8))
      pieces.append(Array(PostgresURL.decoded(text).utf8))
      pieces += text.utf8.split(whereSeparator: { ":@/?&#".utf8.contains($0) }).map { Array($0) }
    }
    self.pieces = Array(Set(pieces.filter { !$0.isEmpty }))
  }

  /// - Parameter password: given from outside.
  init(password: String) { pieces = password.isEmpty ? [] : [Array(password.utf8)] }

  /// Whether one of them stands in a line as a word: a short password is a part of many words.
  package func areIn(_ line: String) -> Bool {
    let line = Array(line.utf8)
    return pieces.contains { Self.stands($0, in: line) }
  }

  private static func stands(_ piece: [UInt8], in line: [UInt8]) -> Bool {
    guard piece.count <= line.count else { return false }
    for start in 0...(line.count - piece.count) {
      let end = start + piece.count
      guard line[start..<end].elementsEqual(piece) else { continue }
      let isInside =
        (start > 0 && isOfWord(line[start - 1]) && isOfWord(line[start]))
        || (end < line.count && isOfWord(line[end]) && isOfWord(line[end - 1]))
      if !isInside { return true }
    }
    return false
  }

  private static func isOfWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...:
      true
    default: false
    }
  }
}
