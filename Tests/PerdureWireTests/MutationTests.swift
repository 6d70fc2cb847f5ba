import PerdureModel
import PerdureWire
import Testing

/// Good messages with bytes changed: they decode or throw, and what decodes is stable from then on.
@Suite struct MutationTests {
  private static let seed: UInt64 = 20_260_101
  private static let rounds = 40_000

  private static let pool: [(codec: Codec, json: [UInt8])] =
    Samples.events.map { (.event, EventWire.encode($0)) }
    + Samples.actions.map { (.action, ActionWire.encode($0)) }
    + Samples.messages.map { (.message, StoreWire.encode($0)) }
    + Samples.starts.map { (.start, StoreWire.encode($0)) }
    + Samples.answers.map { (.turnAnswer, TurnWire.encode($0)) }
    + Samples.requests.map { (.turnRequest, TurnWire.encode($0)) }
    + Samples.attempts.map { (.activity, ActivityWire.encode($0)) }
    + Samples.options.map { (.options, ActivityOptionsWire.encode($0)) }
    + Samples.services.map { (.service, StoreWire.encode($0)) }
    + Samples.startRequests.map { (.startRequest, ClientWire.encode($0)) }
    + Samples.controls.map { (.control, ClientWire.encode($0)) }
    + Samples.sends.map { (.send, ClientWire.encode($0)) }
    + Samples.calls.map { (.call, ClientWire.encode($0)) }
    + Samples.queries.map { (.query, ClientWire.encode($0)) }
    + Samples.activityLimits.map { (.activityLimits, OptionsWire.encode($0)) }
    + Samples.outcomes.map { (.queryAnswer, ClientWire.encodeQueryAnswer($0)) }
    + Samples.outcomes.map { (.callAnswer, ClientWire.encode(CallAnswer(call: "c-1", outcome: $0))) }
    + Samples.descriptions.map {
      (.description, ClientWire.encode(ClientWire.Described($0, pendingReason: "x")))
    }
    + [
      (.failure, FailureWire.encode(Samples.failure)),
      (.payload, Samples.payload.bytes),
      (.log, LogWire.encode(Samples.fullLog)),
      (.controlled, ClientWire.encodeControlled(.suspended)),
      (.sent, ClientWire.encodeSent(isKept: true)),
      (.published, ClientWire.encodePublished(3)),
      (.kvQuery, ClientWire.encode(KVQuery(instance: "i", key: "total"))),
      (.kvPage, ClientWire.encodeKVPage([KVEntry(key: "total", value: Samples.payload, at: 5)])),
      (
        .startRequests,
        ClientWire.encode([StartRequest(orchestration: "o"), StartRequest(orchestration: "p")])
      ),
      (.listQuery, ClientWire.encode(ListQuery(orchestration: "o", status: .failed, cursor: 5))),
      (.historyQuery, ClientWire.encode(HistoryQuery(instance: "i", execution: 2, after: 1))),
      (.deleteQuery, ClientWire.encode(DeleteQuery(instance: "i", force: true))),
      (.listPage, ClientWire.encode(ListPage(instances: Samples.descriptions, next: 4))),
      (
        .historyPage,
        ClientWire.encode(
          HistoryPage(
            instance: "i", execution: 1, currentExecution: 1, events: Array(Samples.events.suffix(5)),
            hasMore: false))
      ),
      (.started, ClientWire.encodeStarted(.init("i", isExisting: true))),
      (
        .startedList,
        ClientWire.encodeStarted([.success(.init("i")), .failure(.init(code: 5, message: "m"))])
      ),
      (.deleted, ClientWire.encodeDeleted(["a", "b"])),
      (.runtime, OptionsWire.encode(Samples.runtime)),
      (.store, OptionsWire.encode(Samples.store)),
      (.logLevel, OptionsWire.encode(LogLevel.warn)),
      (
        .pollWork,
        PollWire.encode(
          PollWire.Work(
            turns: [.init(token: 1, input: .request(Samples.requests[1]))],
            activities: [.init(token: 2, input: .task(Samples.attempts[1]))], cancelled: [4],
            refused: [.init(token: 3, code: 1, message: "m")]))
      ),
      (
        .pollAnswers,
        PollWire.encode(
          PollWire.Answers(
            turns: Samples.answers.suffix(8).map { .init(token: 1, value: .success(.answer($0))) },
            activities: [
              .init(token: 2, value: .success(.ended(.failed(Samples.failure)))),
              .init(token: 3, value: .success(.deferred)),
            ]))
      ),
    ]

  private static let interesting =
    Array("\"\\{}[]:,0-1.eEntfu \u{1}\u{7F}é".utf8) + [0, 0x80, 0xC3, 0xED, 0xF4, 0xFF]

  @Test func mutatedMessagesDecodeOrThrow() throws {
    var generator = SeededGenerator(state: Self.seed)
    var decoded = 0
    for round in 0..<Self.rounds {
      let (codec, good) = Self.pool[round % Self.pool.count]
      var json = good
      for _ in 0...Int.random(in: 0..<3, using: &generator) { Self.mutate(&json, &generator) }
      guard let once = try? codec.canonical(json) else { continue }
      decoded += 1
      let twice = try codec.canonical(once)
      #expect(text(once) == text(twice), "seed \(Self.seed), round \(round), \(codec.name): \(text(json))")
    }
    // Changes inside strings and payloads are legal: if none were, the loop would have tested nothing.
    #expect(decoded > Self.rounds / 100)
    #expect(decoded < Self.rounds * 3 / 4)
  }

  private static func mutate(_ json: inout [UInt8], _ generator: inout SeededGenerator) {
    guard let index = json.indices.randomElement(using: &generator) else { return }
    let end = min(json.count, index + Int.random(in: 1...12, using: &generator))
    switch Int.random(in: 0..<7, using: &generator) {
    case 0: json[index] = UInt8.random(in: .min ... .max, using: &generator)
    case 1: json[index] = interesting.randomElement(using: &generator) ?? 0
    case 2: json.insert(interesting.randomElement(using: &generator) ?? 0, at: index)
    case 3: json.removeSubrange(index..<end)
    case 4: json.insert(contentsOf: Array(json[index..<end]), at: index)
    case 5: json.removeSubrange(index...)
    default: json.swapAt(index, end - 1)
    }
  }

  /// Every prefix of every message: the end of the text can come anywhere.
  @Test func prefixesThrow() {
    for (codec, json) in Self.pool where codec.name != "payload" {
      for size in 1..<json.count where (try? codec.canonical(Array(json.prefix(size)))) != nil {
        Issue.record("\(codec.name): the first \(size) of \(json.count) bytes decode")
      }
    }
  }

  @Test func goodMessagesAreCanonical() throws {
    for (codec, json) in Self.pool {
      #expect(text(try codec.canonical(json)) == text(json), "\(codec.name)")
    }
  }
}
