import Foundation
import PerdureFuzzing
import TestSupport
import Testing

/// What `make fuzz` does with a fuzzer, in small: the committed inputs, and inputs made of them by chance.
@Suite("Fuzz targets", .serialized) struct CorpusTests {
  private static let seed: UInt64 = 20_260_101

  struct Case: Sendable, CustomTestStringConvertible {
    var name: String
    /// Inputs by chance; those of whole engines take long.
    var rounds: Int
    var testDescription: String { name }
  }

  static let cases = [
    Case(name: "json", rounds: 4_000), Case(name: "wire", rounds: 4_000),
    Case(name: "history", rounds: 2_000), Case(name: "text", rounds: 4_000), Case(name: "abi", rounds: 150),
    Case(name: "rows", rounds: 40),
  ]

  private static func corpus(_ name: String) throws -> [[UInt8]] {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let text = try String(
      contentsOf: folder.appendingPathComponent("fuzz/corpus/\(name).txt"), encoding: .utf8)
    return text.split(separator: "\n").compactMap { Data(base64Encoded: String($0)).map { [UInt8]($0) } }
  }

  /// The input to be run again with `dx-fuzz`, as a line of a corpus file.
  private static func line(_ input: [UInt8]) -> String { Data(input).base64EncodedString() }

  @Test func everyTargetHasACase() {
    #expect(Self.cases.map(\.name) == FuzzTarget.all.map(\.name))
  }

  @Test(arguments: cases) func committedInputs(_ given: Case) async throws {
    // Some inputs set the log of the process.
    let lock = await LogLock()
    defer { withExtendedLifetime(lock) {} }
    let target = try #require(FuzzTarget.named(given.name))
    let corpus = try Self.corpus(given.name)
    #expect(corpus.count > 20)
    for input in corpus {
      do throws(Finding) { try target.run(input) } catch { Issue.record("\(error): \(Self.line(input))") }
    }
    try target.run([])
  }

  @Test(arguments: cases) func inputsByChance(_ given: Case) async throws {
    let lock = await LogLock()
    defer { withExtendedLifetime(lock) {} }
    let target = try #require(FuzzTarget.named(given.name))
    var inputs = Mutations(of: try Self.corpus(given.name), bytesMax: target.bytesMax, seed: Self.seed)
    for round in 0..<given.rounds {
      // Tests that keep time run beside this one, on few threads.
      await Task.yield()
      let input = inputs.next()
      do throws(Finding) {
        try target.run(input)
      } catch {
        Issue.record("seed \(Self.seed), round \(round): \(error): \(Self.line(input))")
      }
    }
  }
}
