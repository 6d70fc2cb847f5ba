import Foundation
import Testing

/// Each block of Swift on a page is in code that is compiled: here, or in an example.
@Suite struct BlockTests {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  static func files(_ folder: String, _ suffix: String) -> [String] {
    let names =
      (try? FileManager.default.contentsOfDirectory(atPath: root.appending(path: folder).path)) ?? []
    return names.filter { $0.hasSuffix(suffix) }.sorted().map { "\(folder)/\($0)" }
  }

  static let pages =
    ["docs/swift.md"] + files("docs/guides", ".md") + files("Sources/Perdure/Perdure.docc", ".md")
    + files("Sources/PerdureTesting/PerdureTesting.docc", ".md")

  static func text(_ path: String) throws -> String {
    try String(contentsOf: root.appending(path: path), encoding: .utf8)
  }

  /// What is between the fences, and where it begins.
  static func blocks(_ page: String) throws -> [(line: Int, code: String)] {
    var blocks: [(line: Int, code: String)] = []
    var isOpen = false
    for (index, line) in try text(page).split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    {
      if line.hasPrefix("```") {
        isOpen = line == "```swift"
        if isOpen { blocks.append((index + 1, "")) }
      } else if isOpen {
        blocks[blocks.count - 1].code += line + "\n"
      }
    }
    return blocks
  }

  /// Without imports and white space: how code stands on a page is the page's own affair.
  static func core(_ code: String) -> String {
    let lines = code.split(separator: "\n").filter { !$0.contains(#/^(?:@testable )?import /#) }
    return lines.joined(separator: "\n").filter { !$0.isWhitespace }
  }

  static let compiled: String? = {
    let sources = files("Tests/DocumentationTests", ".swift").filter { !$0.hasSuffix("BlockTests.swift") }
    let texts = try? (sources + ["examples/hello/hello.swift"]).map { core(try text($0)) }
    return texts?.joined(separator: "\n")
  }()

  @Test(arguments: pages) func isCompiled(page: String) throws {
    let compiled = try #require(Self.compiled)
    for block in try Self.blocks(page) {
      // A manifest is tried by `make swift-package`.
      if block.code.hasPrefix("// swift-tools-version") { continue }
      let isThere = compiled.contains(Self.core(block.code))
      #expect(isThere, "\(page):\(block.line)\n\(block.code)")
    }
  }

  @Test func thereArePages() throws {
    let blocks = try Self.pages.flatMap { try Self.blocks($0) }
    #expect(blocks.count > 20, "\(blocks.count)")
  }

  /// The page for the web and that of DocC begin in the same way.
  @Test func theFirstProgramIsTheSameOnAllPages() throws {
    let first = try Self.blocks("docs/swift.md").prefix(3).map { Self.core($0.code) }
    let second = try Self.blocks("Sources/Perdure/Perdure.docc/GettingStarted.md").map { Self.core($0.code) }
    #expect(first == second && first.count == 3)
  }
}
