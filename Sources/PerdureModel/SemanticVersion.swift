/// A version by semver.org 2.0.0, without build metadata: `MAJOR.MINOR.PATCH` or
/// `MAJOR.MINOR.PATCH-PRERELEASE`.
package struct SemanticVersion: Hashable, Sendable, Comparable {
  package let text: String
  private let numbers: [UInt64]
  private let prerelease: [Identifier]

  private enum Identifier: Hashable, Sendable {
    case number(UInt64)
    case word(String)
  }

  package static let first = SemanticVersion(numbers: [1, 0, 0])

  private init(numbers: [UInt64]) {
    self.numbers = numbers
    prerelease = []
    text = numbers.map { String($0) }.joined(separator: ".")
  }

  /// nil if the text is no semantic version.
  package init?(_ text: String) {
    let halves = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
    guard let core = halves.first else { return nil }
    let parts = core.split(separator: ".", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { Self.number($0) }
    guard parts.count == 3, numbers.count == 3 else { return nil }
    var identifiers: [Identifier] = []
    if halves.count == 2 {
      for word in halves[1].split(separator: ".", omittingEmptySubsequences: false) {
        guard let identifier = Self.identifier(word) else { return nil }
        identifiers.append(identifier)
      }
    }
    self.text = text
    self.numbers = numbers
    prerelease = identifiers
  }

  private static func number(_ text: Substring) -> UInt64? {
    guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
    guard text.utf8.count == 1 || text.utf8.first != 0x30 else { return nil }
    return UInt64(text)
  }

  private static func identifier(_ word: Substring) -> Identifier? {
    let isWord = word.utf8.allSatisfy { byte in
      (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        || byte == 0x2D
    }
    guard !word.isEmpty, isWord else { return nil }
    guard word.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return .word(String(word)) }
    return number(word).map { .number($0) }
  }

  package static func < (one: SemanticVersion, other: SemanticVersion) -> Bool {
    if one.numbers != other.numbers { return one.numbers.lexicographicallyPrecedes(other.numbers) }
    if one.prerelease.isEmpty || other.prerelease.isEmpty {
      return !one.prerelease.isEmpty && other.prerelease.isEmpty
    }
    return one.prerelease.lexicographicallyPrecedes(other.prerelease) { left, right in
      switch (left, right) {
      case (.number(let a), .number(let b)): a < b
      case (.number, .word): true
      case (.word, .number): false
      case (.word(let a), .word(let b)): Array(a.utf8).lexicographicallyPrecedes(Array(b.utf8))
      }
    }
  }
}
