import Foundation
import PerdureModel
import PerdureWire
import Testing

@testable import Perdure

/// The turns that every language must answer alike: Tests/Vectors/turns.
@Suite struct VectorTests {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Vectors/turns")

  static let names: [String] = {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return files.filter { $0.hasSuffix(".json") }.sorted()
  }()

  @Test func thereAreVectorsForEverySample() throws {
    let samples = try Self.names.map { try Self.load($0)["sample"]?.text }
    #expect(Set(samples.compactMap { $0 }) == Set(Samples.all.keys))
  }

  @Test(arguments: names)
  func isAnsweredAlike(name: String) throws {
    let vector = try Self.load(name)
    let body = try #require(Samples.all[vector["sample"]?.text ?? ""])
    let driver = TurnDriver(cachedInstances: 10)
    for (number, step) in (vector["steps"]?.elements ?? []).enumerated() {
      let request = try PayloadCoding.encode(try #require(step["request"]), "")
      let turn = try request.bytes.withUnsafeBytes { try TurnWire.decodeRequest($0) }
      let answer = TurnWire.encode(driver.run(turn, body: body))
      let given = try PayloadCoding.decode(AnyJSON.self, Payload(bytes: answer), "")
      let expected = try #require(step["answer"])
      #expect(Self.compared(given, to: expected) == Self.compared(expected, to: expected), "step \(number)")
    }
  }

  private static func load(_ name: String) throws -> AnyJSON {
    let data = try Data(contentsOf: folder.appending(path: name))
    return try JSONDecoder().decode(AnyJSON.self, from: data)
  }

  /// Without what is not compared: logs, stacks, and causes where the vector has none.
  private static func compared(_ answer: AnyJSON, to expected: AnyJSON) -> AnyJSON {
    var answer = answer
    answer["logs"] = nil
    guard var end = answer["end"], var failure = end["failure"] else { return answer }
    failure["stack"] = nil
    if expected["end"]?["failure"]?["cause"] == nil { failure["cause"] = nil }
    end["failure"] = failure
    answer["end"] = end
    return answer
  }
}
