/// Finds functions by their braces (Swift, C) or their indentation (Python). It trusts that the formatter
/// ran.
struct FunctionScanner {
  struct Function {
    /// Where it begins, from 1.
    let line: Int
    let lineCount: Int
  }

  static func functions(of file: SourceFile) -> [Function] {
    let lines = file.codeLines.map(Array.init)
    return switch file.language {
    case .swift: lines.indices.compactMap { isSwiftStart(lines[$0]) ? braced(from: $0, in: lines) : nil }
    case .c: lines.indices.compactMap { isCStart(lines[$0]) ? braced(from: $0, in: lines) : nil }
    case .python: lines.indices.compactMap { isPythonStart(lines[$0]) ? indented(from: $0, in: lines) : nil }
    case nil: []
    }
  }

  private static func isSwiftStart(_ line: [Character]) -> Bool {
    let text = String(line)
    guard ["func", "init", "subscript"].contains(where: text.contains) else { return false }
    return text.firstMatch(
      of: /(?:^|\s)func\s|^\s*(?:[a-z]+(?:\([a-z]+\))?\s+)*(?:init[?(<]|deinit(?:\s|$)|subscript[(<])/)
      != nil
  }

  private static func isCStart(_ line: [Character]) -> Bool {
    let text = String(line)
    return text.firstMatch(of: /^[A-Za-z_][\w \t*]*\(/) != nil && !text.hasSuffix(";")
  }

  private static func isPythonStart(_ line: [Character]) -> Bool {
    String(line).firstMatch(of: /^\s*(?:async\s+)?def\s/) != nil
  }

  /// From the line of the name to the brace that closes the body; nil for a declaration without one.
  private static func braced(from start: Int, in lines: [[Character]]) -> Function? {
    var parentheses = 0
    var braces = 0
    for index in start..<lines.count {
      // The next declaration comes before a body: a requirement of a protocol.
      if index > start, braces == 0, parentheses == 0, isSwiftStart(lines[index]) { return nil }
      for character in lines[index] {
        switch character {
        case "(", "[": parentheses += 1
        case ")", "]": parentheses -= 1
        case "{" where parentheses == 0 || braces > 0: braces += 1
        case ";" where braces == 0 && parentheses == 0: return nil
        case "}" where parentheses == 0 || braces > 0:
          braces -= 1
          if braces < 0 { return nil }
          if braces == 0 { return Function(line: start + 1, lineCount: index - start + 1) }
        default: break
        }
      }
    }
    return nil
  }

  /// From `def` to the last line that is indented deeper; the signature may close at the depth of `def`.
  private static func indented(from start: Int, in lines: [[Character]]) -> Function {
    let depth = indentation(lines[start])
    var parentheses = 0
    var last = start
    for index in start..<lines.count {
      let isInside = index == start || parentheses > 0
      let isBlank = lines[index].allSatisfy(\.isWhitespace)
      if !isInside, !isBlank, indentation(lines[index]) <= depth { break }
      for character in lines[index] {
        if "([{".contains(character) { parentheses += 1 }
        if ")]}".contains(character) { parentheses -= 1 }
      }
      if !isBlank { last = index }
    }
    return Function(line: start + 1, lineCount: last - start + 1)
  }

  private static func indentation(_ line: [Character]) -> Int { line.prefix { $0 == " " }.count }
}
