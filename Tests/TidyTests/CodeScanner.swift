/// Blanks out comments and the insides of literals, so that rules see code only. Knows just enough of Swift,
/// C and Python for that; code inside a Swift interpolation stays.
struct CodeScanner {
  static func code(of text: String, in language: Language) -> String {
    var scanner = CodeScanner(input: Array(text.utf8), language: language)
    scanner.scanCode(untilParenthesis: false)
    return String(decoding: scanner.output, as: UTF8.self)
  }

  private let input: [UInt8]
  private let language: Language
  private var position = 0
  private var output: [UInt8] = []

  private init(input: [UInt8], language: Language) {
    self.input = input
    self.language = language
    output.reserveCapacity(input.count)
  }

  private func starts(with text: StaticString) -> Bool {
    let size = text.utf8CodeUnitCount
    guard position + size <= input.count else { return false }
    return (0..<size).allSatisfy { input[position + $0] == text.utf8Start[$0] }
  }

  private mutating func keep(_ count: Int = 1) {
    for _ in 0..<count where position < input.count {
      output.append(input[position])
      position += 1
    }
  }

  private mutating func blank(_ count: Int = 1) {
    for _ in 0..<count where position < input.count {
      output.append(input[position] == UInt8(ascii: "\n") ? UInt8(ascii: "\n") : UInt8(ascii: " "))
      position += 1
    }
  }

  private mutating func scanCode(untilParenthesis: Bool) {
    var depth = 0
    while position < input.count {
      if scanComment() || scanLiteral() { continue }
      let byte = input[position]
      if byte == UInt8(ascii: "(") { depth += 1 }
      if byte == UInt8(ascii: ")") {
        if untilParenthesis, depth == 0 { return }
        depth -= 1
      }
      keep()
    }
  }

  private mutating func scanComment() -> Bool {
    let isLine = language == .python ? starts(with: "#") : starts(with: "//")
    if isLine {
      while position < input.count, input[position] != UInt8(ascii: "\n") { blank() }
      return true
    }
    guard language != .python, starts(with: "/*") else { return false }
    blank(2)
    while position < input.count, !starts(with: "*/") { blank() }
    blank(2)
    return true
  }

  private mutating func scanLiteral() -> Bool {
    if language == .swift {
      var hashes = 0
      while position + hashes < input.count, input[position + hashes] == UInt8(ascii: "#") { hashes += 1 }
      guard position + hashes < input.count, input[position + hashes] == UInt8(ascii: "\"") else {
        return false
      }
      blank(hashes)
      scanString(quote: UInt8(ascii: "\""), hashes: hashes)
      return true
    }
    let byte = input[position]
    guard byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") else { return false }
    scanString(quote: byte, hashes: 0)
    return true
  }

  private mutating func scanString(quote: UInt8, hashes: Int) {
    let isTriple =
      language != .c && position + 2 < input.count && input[position + 1] == quote
      && input[position + 2] == quote
    let quotes = isTriple ? 3 : 1
    keep(quotes)
    while position < input.count {
      if input[position] == UInt8(ascii: "\n"), !isTriple { return }
      if ends(quote: quote, quotes: quotes, hashes: hashes) {
        keep(quotes)
        blank(hashes)
        return
      }
      if input[position] == UInt8(ascii: "\\"), hashes == 0 {
        let isInterpolation =
          language == .swift && position + 1 < input.count && input[position + 1] == UInt8(ascii: "(")
        blank(2)
        if isInterpolation { scanCode(untilParenthesis: true) }
        continue
      }
      blank()
    }
  }

  private func ends(quote: UInt8, quotes: Int, hashes: Int) -> Bool {
    guard position + quotes + hashes <= input.count else { return false }
    return (0..<quotes).allSatisfy { input[position + $0] == quote }
      && (0..<hashes).allSatisfy { input[position + quotes + $0] == UInt8(ascii: "#") }
  }
}
