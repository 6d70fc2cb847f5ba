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

  /// Without what is not compared: logs, and of failures stacks, and causes where the vector has none.
  private static func compared(_ answer: AnyJSON, to expected: AnyJSON) -> AnyJSON {
    guard case .object(var members) = answer else {
      if case .array(let elements) = answer {
        let others = expected.elements
        return .array(
          elements.enumerated().map { index, element in
            compared(element, to: index < others.count ? others[index] : .null)
          })
      }
      return answer
    }
    members["logs"] = nil
    if members["type"] != nil, members["message"] != nil {
      members["stack"] = nil
      if expected["cause"] == nil { members["cause"] = nil }
    }
    return .object(
      members.reduce(into: [:]) { $0[$1.key] = compared($1.value, to: expected[$1.key] ?? .null) })
  }
}
