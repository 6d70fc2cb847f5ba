import Foundation
import PerdureModel
import PerdureWire
import Testing

/// `Tests/Vectors/`, shared by all languages. What hosts make of `turns/` is tested where the hosts are.
@Suite struct VectorTests {
  struct Vector: Sendable, CustomTestStringConvertible {
    let folder: String
    let file: String
    let data: Data
    var testDescription: String { "\(folder)/\(file)" }

    var object: [String: Any] {
      get throws { try #require(JSONSerialization.jsonObject(with: data) as? [String: Any]) }
    }
  }

  static func vectors(_ folder: String) -> [Vector] {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let url = root.appendingPathComponent("Vectors/\(folder)")
    let files = (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []
    return files.sorted().compactMap { file in
      (try? Data(contentsOf: url.appendingPathComponent(file))).map {
        Vector(folder: folder, file: file, data: $0)
      }
    }
  }

  static let codecs: [String: Codec] = ["events": .event, "actions": .action, "failures": .failure]
  static let texts = ["events", "actions", "failures"].flatMap(vectors)
  static let turns = vectors("turns")

  @Test func allAreThere() {
    #expect(Set(Self.texts.map(\.folder)).count == 3)
    #expect(Self.texts.count >= 190)
    #expect(Self.turns.count >= 40)
  }

  @Test(arguments: texts)
  func text(_ vector: Vector) throws {
    let object = try vector.object
    #expect(object["name"] as? String == String(vector.file.dropLast(5)))
    let given = Array(try #require(object["given"] as? String).utf8)
    let codec = try #require(Self.codecs[vector.folder])
    if object["error"] as? Bool == true {
      #expect(throws: WireError.self) { try codec.canonical(given) }
    } else {
      let expected = try #require(object["expect"] as? String)
      #expect(String(decoding: try codec.canonical(given), as: UTF8.self) == expected)
    }
  }

  /// What the engine can write is what the vectors show: a kind that is in one and not in the other is either
  /// not told to the other languages or not tested here.
  @Test(arguments: [
    ("events", Samples.events.map { EventWire.encode($0) }),
    ("actions", Samples.actions.map { ActionWire.encode($0) }),
  ])
  func everyKindHasAVector(_ folder: String, _ samples: [[UInt8]]) throws {
    let written = try samples.map { json in
      let object = try JSONSerialization.jsonObject(with: Data(json)) as? [String: Any]
      return try #require(object?["kind"] as? String)
    }
    let shown = try Self.vectors(folder).compactMap { try $0.object["kind"] as? String }
    #expect(Set(written) == Set(shown))
  }

  private static let samples: Set = [
    "sequence", "fan-out", "race", "timer", "early-event", "queue", "child", "retry", "continue-as-new",
    "cancel-cleanup", "retry-policy", "kv", "topic", "calls", "requests", "patch", "late", "limit",
    "trace",
  ]

  @Test func everySampleHasTurns() throws {
    let named = try Self.turns.map { try #require(try $0.object["sample"] as? String) }
    #expect(Set(named) == Self.samples)
  }

  @Test(arguments: turns)
  func turnsAreConsistent(_ vector: Vector) throws {
    let object = try vector.object
    #expect(object["name"] as? String == String(vector.file.dropLast(5)))
    let steps = try #require(object["steps"] as? [[String: Any]])
    var progress = Progress()
    for step in steps {
      let request = try Self.bytes(step["request"]).read(TurnWire.decodeRequest)
      let answer = try Self.bytes(step["answer"]).read(TurnWire.decodeAnswer)
      #expect(try TurnWire.encode(request).read(TurnWire.decodeRequest) == request)
      #expect(try TurnWire.encode(answer).read(TurnWire.decodeAnswer) == answer)
      #expect(request.orchestration == object["sample"] as? String)
      try progress.check(request)
      try progress.check(answer, to: request)
    }
    #expect(progress.hasEnded, "a story is told to its end")
  }

  private static func bytes(_ value: Any?) throws -> [UInt8] {
    Array(try JSONSerialization.data(withJSONObject: try #require(value)))
  }

  /// What has been handed out and listed so far.
  private struct Progress {
    var delivered: [Event] = []
    var actions: [Action] = []
    var hasEnded = false
    var steps = 0

    mutating func check(_ request: TurnRequest) throws {
      guard request.query == nil, !request.isReplay else {
        // Asks about what was delivered, also after the end.
        #expect(request.from == 0 && request.events == delivered)
        return
      }
      defer { steps += 1 }
      #expect(!hasEnded)
      let seen = delivered.last?.id ?? 0
      // A story of a lost coroutine, or of one that began elsewhere with other code, begins in the middle.
      let isLost = delivered.isEmpty && max(request.from, request.replayed) > 0
      #expect(request.replayed == seen || isLost || steps == 1)
      #expect(request.from == 0 || request.from == seen || isLost)
      let ids = request.events.map(\.id)
      #expect(zip(ids, ids.dropFirst()).allSatisfy(<))
      #expect(zip(request.events, request.events.dropFirst()).allSatisfy { $0.at <= $1.at })
      #expect(request.events.allSatisfy { $0.kind.isDelivered && $0.id > request.from })
      #expect(request.events.contains { $0.id > request.replayed }, "a turn has news")
      if request.from == 0 {
        #expect(Array(request.events.prefix(delivered.count)) == delivered || delivered.isEmpty)
        guard case .orchestrationStarted? = request.events.first?.kind else {
          Issue.record("a replay begins with OrchestrationStarted")
          return
        }
      }
    }

    mutating func check(_ answer: TurnAnswer, to request: TurnRequest) throws {
      guard request.query == nil else {
        if case .query = answer { return }
        Issue.record("a query is answered as one")
        return
      }
      if request.isReplay {
        guard case .ran(let result) = answer else {
          Issue.record("a replay is answered as a turn")
          return
        }
        #expect(result.actions == actions && (result.end != nil) == hasEnded && !result.retained)
        return
      }
      guard case .ran(let result) = answer else {
        #expect(request.from > 0)
        // The same turn follows, with the whole history.
        return
      }
      let listed = request.from == 0 ? result.actions : actions + result.actions
      #expect(listed.map(\.id) == Array(1...Int64(max(1, listed.count))).prefix(listed.count).map { $0 })
      #expect(Array(listed.prefix(actions.count)) == actions, "a replay lists the same actions again")
      let places = Set(request.events.map(\.id))
      #expect(result.actions.allSatisfy { places.contains($0.after) })
      if let end = result.end {
        #expect(places.contains(end.after))
        #expect((result.actions.last?.after ?? 0) <= end.after)
      }
      #expect(result.retained == (result.end == nil))
      actions = listed
      delivered = request.from == 0 ? request.events : delivered + request.events
      hasEnded = result.end != nil
    }
  }
}
