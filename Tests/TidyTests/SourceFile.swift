import Foundation

/// A text file of the repository, with its code apart from its comments and literals.
struct SourceFile: Sendable {
  /// Relative to the root of the repository.
  let path: String
  let text: String
  /// The same number of lines as `text`, with comments and the insides of literals blanked out.
  let code: String

  let lines: [Substring]
  let codeLines: [Substring]

  init(path: String, text: String) {
    self.path = path
    self.text = text
    code = SourceFile.language(of: path).map { CodeScanner.code(of: text, in: $0) } ?? text
    lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    codeLines = code.split(separator: "\n", omittingEmptySubsequences: false)
  }

  var language: Language? { SourceFile.language(of: path) }
  var name: String { String(path.split(separator: "/").last ?? "") }

  /// `PerdureModel` for `Sources/PerdureModel/Event.swift`.
  var sourceTarget: String? {
    let parts = path.split(separator: "/")
    return parts.count > 2 && parts[0] == "Sources" ? String(parts[1]) : nil
  }

  private static func language(of path: String) -> Language? {
    switch path.split(separator: ".").last {
    case "swift": .swift
    case "c", "h": .c
    case "py": .python
    default: nil
    }
  }
}

enum Language: Sendable {
  case swift, c, python
}

/// The files of this repository, read once.
enum Repository {
  static let root = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  static let files: [SourceFile] = {
    var found: [SourceFile] = []
    collect(in: root, prefix: "", into: &found)
    return found.sorted { $0.path < $1.path }
  }()

  /// Build products, caches and virtual environments.
  private static let skipped: Set<String> = [
    "__pycache__", "build", "dist", "node_modules", "venv", "Package.resolved",
  ]
  private static let textEndings: Set<String> = [
    "swift", "c", "h", "py", "pyi", "js", "mjs", "ts", "mts", "rb", "cpp", "hpp", "md", "toml", "json",
    "jsonl",
    "sh", "txt", "map", "modulemap", "in",
  ]
  private static let textNames: Set<String> = ["Makefile", "LICENSE"]

  private static func collect(in folder: URL, prefix: String, into found: inout [SourceFile]) {
    let manager = FileManager.default
    let names = (try? manager.contentsOfDirectory(atPath: folder.path())) ?? []
    for name in names where !skipped.contains(name) && !name.hasSuffix(".egg-info") {
      if name.hasPrefix("."), name != ".ci" { continue }
      let file = folder.appending(path: name)
      var isFolder: ObjCBool = false
      guard manager.fileExists(atPath: file.path(), isDirectory: &isFolder) else { continue }
      if isFolder.boolValue {
        collect(in: file, prefix: prefix + name + "/", into: &found)
      } else if isText(name, prefix: prefix), let text = try? String(contentsOf: file, encoding: .utf8) {
        found.append(SourceFile(path: prefix + name, text: text))
      }
    }
  }

  private static func isText(_ name: String, prefix: String) -> Bool {
    textNames.contains(name) || prefix == ".ci/"
      || name.split(separator: ".").last.map { textEndings.contains(String($0)) } ?? false
  }
}
