import Foundation

/// What docs/semantics.md says is proved by tests that it names; they have to be there.
extension Rules {
  static let claims = Rule(
    "Each claim names tests that exist",
    broken: [
      page("| c | `AT/gone` | `test_a.py::test_b` |"), page("| c | `AT/b` | `test_a.py::test_gone` |"),
      page("| c | `ZT/b` | `test_a.py::test_b` |"), page("| c | `AT/b` | `test_z.py::test_b` |"),
      page("| c | `EngineTests.BT/b` | `test_a.py::test_b` |"),
      page("| c | `AT/hidden` | `test_a.py::test_b` |"),
      page("| c | | `test_a.py::test_b` |"), page("| c | `AT/b` | |"), page("| c | `AT/b` |"),
      page("| c | `AT/b` `b` | `test_a.py::test_b` |"), page("Text."),
      page("| c | `AT/b` | `test_a.py::test_b` |\n\n| claim | tests |\n| --- | --- |\n| d | |"),
    ],
    kept: [
      page("| c `x` | `AT/b` `EngineTests.AT/b` | `test_a.py::test_b`, [s](s) |"),
      page("| c | `AT/b` | `test_a.py::test_b` |\n\n| claim | tests |\n| --- | --- |\n| d | `AT/b` |"),
      [SourceFile(path: "docs/a.md", text: "| claim | Swift |\n| --- | --- |\n| c | |\n")],
    ]
  ) { files in
    files.filter { $0.path == "docs/semantics.md" }.flatMap { page in
      let rows = claimRows(page)
      let tests = Set(files.flatMap(tests(in:)))
      let missing = rows.isEmpty ? [Finding(path: page.path, line: 0, message: "no claim")] : []
      return missing
        + rows.flatMap { row in
          zip(row.columns, row.cells).flatMap { problems(column: $0, cell: $1, tests) }
            .map { Finding(path: page.path, line: row.line, message: $0) }
        }
    }
  }

  /// A page with one table of claims, and tests `b` of Swift and Python.
  private static func page(_ rows: String) -> [SourceFile] {
    let table = "| claim | Swift | Python |\n| --- | --- | --- |\n\(rows)\n"
    let test = "@Suite struct AT {\n  @Test func b() {}\n  // func hidden() {}\n}\n"
    return [
      SourceFile(path: "docs/semantics.md", text: table),
      SourceFile(path: "Tests/PerdureTests/AT.swift", text: test),
      SourceFile(path: "Tests/EngineTests/Some.swift", text: test),
      SourceFile(path: "bindings/python/tests/test_a.py", text: "def test_b(rig) -> None:\n    pass\n"),
    ]
  }

  /// The rows of tables whose first column is called `claim`, without that column. A row that is too short
  /// is filled up with empty cells.
  private static func claimRows(
    _ file: SourceFile
  ) -> [(line: Int, columns: [Substring], cells: [Substring])] {
    var columns: [Substring] = []
    return file.lines.enumerated().compactMap { index, line in
      guard line.hasPrefix("|") else {
        columns = []
        return nil
      }
      let cells = line.split(separator: "|", omittingEmptySubsequences: false).dropFirst().map {
        Substring($0.trimmingCharacters(in: .whitespaces))
      }
      if cells.first == "claim" {
        columns = Array(cells.dropFirst().filter { !$0.isEmpty })
        return nil
      }
      guard !columns.isEmpty, !line.hasPrefix("| ---") else { return nil }
      let padding = Array(repeating: Substring(), count: columns.count)
      return (index + 1, columns, Array((cells.dropFirst() + padding).prefix(columns.count)))
    }
  }

  private static func problems(column: Substring, cell: Substring, _ tests: Set<String>) -> [String] {
    let names = cell.matches(of: #/`([^`]+)`/#).map { String($0.output.1) }
    guard !names.isEmpty else { return ["no test in column \(column)"] }
    return names.filter { !tests.contains($0) }.map { "there is no test \($0)" }
  }

  /// The functions of a file of tests under the names that the page uses: `Suite/function`, with `Target.`
  /// before it unless that is PerdureTests; or `test_file.py::test_function`.
  private static func tests(in file: SourceFile) -> [String] {
    let path = file.path.split(separator: "/")
    if file.path.hasPrefix("bindings/python/tests/test_") {
      return declared(["def"], file).map { "\(file.name)::\($0)" }
    }
    guard path.count > 2, path[0] == "Tests", file.language == .swift else { return [] }
    let target = path[1] == "PerdureTests" ? "" : "\(path[1])."
    return declared(["struct", "class", "extension"], file).flatMap { suite in
      declared(["func"], file).map { "\(target)\(suite)/\($0)" }
    }
  }

  /// The names that follow one of the words, up to the parenthesis, colon or blank after them.
  private static func declared(_ words: Set<Substring>, _ file: SourceFile) -> [Substring] {
    file.codeLines.compactMap { line in
      let parts = line.split(separator: " ")
      guard let word = parts.firstIndex(where: words.contains), word + 1 < parts.count else { return nil }
      return parts[word + 1].prefix { $0 != "(" && $0 != ":" }
    }
  }
}
