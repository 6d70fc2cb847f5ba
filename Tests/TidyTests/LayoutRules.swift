/// Sizes and names: what makes a file pleasant to open.
extension Rules {
  static let layout = [fileLength, functionLength, lineLength, plainNames, finished, noPlaceholders]

  static let fileLength = Rule.each(
    "Files of code have at most 500 lines",
    broken: [SourceFile(path: "a.swift", text: String(repeating: "a\n", count: 501))],
    kept: [SourceFile(path: "a.c", text: String(repeating: "a\n", count: 500))]
  ) { file in
    let count = file.lines.count - 1
    guard file.language != nil, count > 500 else { return [] }
    return [Finding(path: file.path, line: 0, message: "\(count) lines; would read better as two files")]
  }

  static let functionLength = Rule.each(
    "Functions have at most 70 lines",
    broken: [
      SourceFile(path: "a.swift", text: "  func f(\n    _ a: Int = g({ 1 })\n  ) {\n\(body(68))  }\n"),
      SourceFile(path: "a.swift", text: "struct S {\n  init?() {\n\(body(69))  }\n}\n"),
      SourceFile(path: "a.c", text: "static int f(int a)\n{\n\(body(70))}\n"),
      SourceFile(path: "a.py", text: "def f(\n    a,\n):\n\(body(68))"),
    ],
    kept: [
      SourceFile(path: "a.swift", text: "  func f() {\n\(body(68))  }\n"),
      SourceFile(path: "a.swift", text: "protocol P {\n  func f()\n  func g()\n}\nenum E {\n\(body(80))}\n"),
      SourceFile(path: "a.c", text: "int f(void);\nstatic int rows[] = {\n\(body(90))};\n"),
      SourceFile(path: "a.py", text: "def f():\n\(body(69))\n\nx = [\n\(body(80))]\n"),
    ]
  ) { file in
    FunctionScanner.functions(of: file).compactMap { function in
      guard function.lineCount > 70 else { return nil }
      let message = "a function of \(function.lineCount) lines; 70 are enough"
      return Finding(path: file.path, line: function.line, message: message)
    }
  }

  /// Lines that have a URL in them may be as long as it makes them; what tools are told at the end does not
  /// count.
  static let lineLength = Rule.each(
    "Lines of code have at most 110 columns",
    broken: [SourceFile(path: "a.py", text: String(repeating: "é", count: 111))],
    kept: [
      SourceFile(path: "a.py", text: String(repeating: "é", count: 110)),
      SourceFile(path: "a.c", text: "// https://" + String(repeating: "a", count: 110)),
      SourceFile(path: "a.py", text: String(repeating: "a", count: 110) + "  # type: ignore[misc]"),
      SourceFile(path: "a.md", text: String(repeating: "a", count: 200)),
    ]
  ) { file in
    guard file.language != nil else { return [] }
    return file.lines.enumerated().compactMap { index, line in
      // Most lines are known to be short without a look at their characters.
      guard line.utf8.count > 110 else { return nil }
      let count = line.replacing(#/ +# type: ignore\[[\w-]+\]$/#, with: "").count
      guard count > 110, !line.contains("https://") else { return nil }
      return Finding(path: file.path, line: index + 1, message: "\(count) columns")
    }
  }

  static let plainNames = Rule.each(
    "Types are named after what they are",
    broken: [
      SourceFile(path: "a.swift", text: "final class TurnManager {}"),
      SourceFile(path: "a.py", text: "class JsonUtil:\n"),
    ],
    kept: [SourceFile(path: "a.swift", text: "let manager = FileManager.default // class TurnManager")]
  ) { file in
    file.findings(
      #/\b(?:class|struct|enum|protocol|actor)\s+\w*(?:Manager|Helpers?|Utils?|Utilities)\b/#,
      "a name that says nothing")
  }

  /// The words are put together here so that this file keeps its own rule.
  static let finished = Rule.each(
    "Nothing is left for later",
    broken: [
      SourceFile(path: "a.swift", text: "// TO" + "DO: more"), SourceFile(path: "a.md", text: "FIX" + "ME"),
    ],
    kept: [SourceFile(path: "a.swift", text: "let todos = mastodon")]
  ) { file in
    let words = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]
    return file.lines.enumerated().flatMap { index, line in
      words.filter { line.contains($0) }.map { Finding(path: file.path, line: index + 1, message: $0) }
    }
  }

  static let noPlaceholders = Rule.each(
    "No file only keeps a place",
    broken: [
      SourceFile(path: "Sources/A/Placeholder.swift", text: "let a = 1"),
      SourceFile(path: "Sources/A/B.swift", text: "throw WireError(\"place" + "holder\")"),
      SourceFile(path: "Tests/A/B.swift", text: "\n"),
    ],
    kept: [SourceFile(path: "Sources/A/B.swift", text: "let a = 1\n")]
  ) { file in
    guard file.language != nil else { return [] }
    let isEmpty = file.text.allSatisfy(\.isWhitespace) && !file.name.hasPrefix("__init__")
    guard isEmpty || file.name.hasPrefix("Placeholder") || file.text.contains("\"place" + "holder\"") else {
      return []
    }
    return [Finding(path: file.path, line: 0, message: "keeps a place")]
  }

  private static func body(_ lines: Int) -> String { String(repeating: "    a\n", count: lines) }
}
