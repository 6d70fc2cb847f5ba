import Testing

/// Something that is asked of the files of this repository. A rule brings samples that break it and samples
/// that keep it, so that each rule is shown to work.
struct Rule: Sendable, CustomTestStringConvertible {
  let name: String
  let check: @Sendable ([SourceFile]) -> [Finding]
  /// Each is a small repository in which the rule finds something.
  let broken: [[SourceFile]]
  /// Each is a small repository in which the rule finds nothing.
  let kept: [[SourceFile]]

  var testDescription: String { name }

  /// A rule about the repository as a whole.
  init(
    _ name: String, broken: [[SourceFile]], kept: [[SourceFile]],
    check: @escaping @Sendable ([SourceFile]) -> [Finding]
  ) {
    self.name = name
    self.check = check
    self.broken = broken
    self.kept = kept
  }

  /// A rule that looks at one file at a time.
  static func each(
    _ name: String, broken: [SourceFile], kept: [SourceFile],
    check: @escaping @Sendable (SourceFile) -> [Finding]
  ) -> Rule {
    Rule(name, broken: broken.map { [$0] }, kept: kept.map { [$0] }) { $0.flatMap(check) }
  }
}

struct Finding: Sendable, CustomStringConvertible {
  let path: String
  /// From 1; 0 for the file as a whole.
  let line: Int
  let message: String

  var description: String { line > 0 ? "\(path):\(line): \(message)" : "\(path): \(message)" }
}

extension SourceFile {
  /// A finding for each line of code that `pattern` matches.
  func findings(_ pattern: Regex<Substring>, _ message: String) -> [Finding] {
    // Unicode's idea of a word would take `Task.sleep` for one.
    let pattern = pattern.wordBoundaryKind(.simple)
    return codeLines.enumerated().compactMap { index, line in
      line.firstMatch(of: pattern).map {
        Finding(path: path, line: index + 1, message: "\(message): \($0.output)")
      }
    }
  }
}

enum Rules {
  static let all = layout + modules + safety + documents
}

@Suite struct TidyTests {
  @Test(arguments: Rules.all)
  func `The repository keeps the rule`(_ rule: Rule) {
    for finding in rule.check(Repository.files) {
      Issue.record("\(finding)")
    }
  }

  @Test(arguments: Rules.all)
  func `The rule tells broken from kept`(_ rule: Rule) {
    #expect(!rule.broken.isEmpty && !rule.kept.isEmpty)
    for (index, files) in rule.broken.enumerated() {
      #expect(!rule.check(files).isEmpty, "broken sample \(index) passes")
    }
    for (index, files) in rule.kept.enumerated() {
      #expect(rule.check(files).map(\.description) == [], "kept sample \(index) fails")
    }
  }

  @Test func `The repository was found`() {
    let paths = Set(Repository.files.map(\.path))
    #expect(paths.isSuperset(of: ["Package.swift", "include/dx.h", "Sources/PerdureModel/Event.swift"]))
  }

  @Test(arguments: [
    (Language.swift, #"a = "x! \(b!) y"; c"#, #"a = "     b!   "; c"#),
    (.swift, "a /* b! */ c // d!", "a          c      "),
    (.swift, ##"#"x! \(y!)"# z"##, #" "        "  z"#),
    (.python, "a = '''x\n!'''  # b", "a = ''' \n '''     "),
    (.c, "q = '\"'; /* x */ b;", "q = ' ';         b;"),
  ])
  func `The scanner keeps code and blanks the rest`(language: Language, text: String, code: String) {
    #expect(CodeScanner.code(of: text, in: language) == code)
  }
}
