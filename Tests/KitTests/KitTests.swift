import Foundation
import Perdure
import Testing

/// The scenarios that all languages share: docs/kit.md.
@Suite(.serialized) struct KitTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../Kit/scenarios").standardizedFileURL

  static let scenarios: [String] = {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return files.filter { $0.hasSuffix(".json") }.sorted().map { String($0.dropLast(5)) }
  }()

  @Test(arguments: scenarios, [true, false])
  func scenario(name: String, isCaching: Bool) async throws {
    let data = try Data(contentsOf: Self.folder.appending(path: "\(name).json"))
    let scenario = try #require(try JSONDecoder().decode(JSONValue.self, from: data).members)
    let site = try await Site(scenario, isCaching: isCaching)
    do { try await site.run() } catch {
      try await site.close()
      throw error
    }
    try await site.close()
  }

  @Test func thereAreScenarios() { #expect(Self.scenarios.count >= 50) }
}
