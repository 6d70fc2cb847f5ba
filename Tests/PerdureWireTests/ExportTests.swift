import PerdureModel
import PerdureWire
import Testing

/// Instances as JSON lines, and histories to be replayed.
@Suite struct ExportTests {
  static let events = [
    Event(
      id: 1, at: 5,
      kind: .orchestrationStarted(name: "order", version: "1.0.0", input: Payload("1"), parent: nil)),
    Event(
      id: 2, at: 7, kind: .kvChanged(Origin(action: 1, after: 1), .set(key: "k", value: Payload("\"v\"")))),
    Event(id: 3, at: 9, kind: .kvChanged(Origin(action: 2, after: 1), .set(key: "l", value: Payload("2")))),
  ]

  /// An instance at execution 2, with something of everything.
  static let instance: InstanceExport = {
    var row = InstanceDescription(
      instance: "order-7", orchestration: "order", version: "1.0.0", status: .running, execution: 2,
      revision: 0, parent: nil, customStatus: Payload("[1]"), customStatusVersion: 3, output: nil,
      failure: nil, createdAt: 5, updatedAt: 8, endedAt: nil, eventCount: 1)
    row.priority = 2
    var task = ActivityTask(
      key: ActivityKey(instance: "order-7", execution: 2, action: 4), orchestration: "order", name: "pay",
      input: Payload("{\"a\":\"\\u00e9\"}"), attempt: 2, visibleAt: 10, claim: nil, scheduledAt: 9)
    task.options.tag = "gpu"
    task.failures = 1
    task.lastFailure = Failure(type: "T", message: "m")
    task.lastHeartbeat = Payload("5")
    return InstanceExport(
      description: row, closePolicy: .abandon,
      executions: [
        ExecutionHistory(execution: 1, events: events),
        ExecutionHistory(execution: 2, events: [events[0]]),
      ],
      inbox: [
        .raised(channel: .queue, name: "q", data: Payload("1")), .cancel(reason: "why", graceMS: 5),
      ],
      kv: [
        KVRecord(key: "k", now: .init(Payload("\"v\""), at: 5), base: .init(Payload("\"v\""), at: 5)),
        KVRecord(key: "l", now: nil, base: .init(Payload("2"), at: 5)),
        KVRecord(key: "m", now: .init(.null, at: 8), base: nil),
      ],
      activities: [
        ActivityRecord(task: task, token: 77, phase: .deferred, claimedAt: 11, beatAt: 12)
      ],
      calls: [
        CallRecord(call: "a", answer: nil), CallRecord(call: "b", answer: .completed(.null)),
        CallRecord(call: "c", answer: .failed(Failure(type: "T", message: "m"))),
      ], topics: ["news"])
  }()

  /// One that has not begun.
  static let pending: InstanceExport = {
    let start = InstanceStart(instance: "p", orchestration: "order", input: Payload("1"))
    let row = InstanceDescription(
      instance: "p", orchestration: "order", version: nil, status: .pending, execution: 1, revision: 0,
      parent: nil, customStatus: nil, customStatusVersion: 0, output: nil, failure: nil, createdAt: 5,
      updatedAt: 5, endedAt: nil, eventCount: 0)
    return InstanceExport(description: row, start: start)
  }()

  static let file = String(decoding: ExportWire.encode([instance, pending], at: 100), as: UTF8.self)
  static let lines = file.split(separator: "\n").map(String.init)

  static func decode(_ text: String) throws -> [InstanceExport] {
    try Array(text.utf8).read(ExportWire.decode)
  }

  @Test func roundTrip() throws {
    #expect(try Self.decode(Self.file) == [Self.instance, Self.pending])
    #expect(Self.lines.first?.contains(#""format":"perdure-export","v":1"#) == true)
    #expect(Self.lines.last == #"{"line":"end","lines":\#(Self.lines.count - 1)}"#)
  }

  @Test func otherLineBreaksAndBlankLinesAreFine() throws {
    #expect(try Self.decode(Self.lines.joined(separator: "\r\n\n")) == [Self.instance, Self.pending])
  }

  struct Damage: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var change: @Sendable (inout [String]) -> Void
    /// In the message.
    var line: String
  }

  static let damages: [Damage] = [
    Damage(testDescription: "no header", change: { $0.removeFirst() }, line: "Line 1: "),
    Damage(
      testDescription: "a newer format", change: { $0[0].replace(#""v":1"#, with: #""v":2"#) },
      line: "Line 1: The JSON is of version 2"),
    Damage(
      testDescription: "another format", change: { $0[0].replace("perdure-export", with: "other") },
      line: "Line 1: "),
    Damage(testDescription: "cut off", change: { $0.removeLast(2) }, line: "cut off"),
    Damage(testDescription: "a line is missing", change: { $0.remove(at: 5) }, line: "Line "),
    Damage(testDescription: "an event is missing", change: { $0.remove(at: 2) }, line: "Line 3: "),
    Damage(testDescription: "half a line", change: { $0[3] = String($0[3].prefix(20)) }, line: "Line 4: "),
    Damage(testDescription: "a line of no kind", change: { $0[4] = #"{"line":"dance"}"# }, line: "Line 5: "),
    Damage(
      testDescription: "an unknown member", change: { $0[0].replace(#""at""#, with: #""when""#) },
      line: "Line 1: "),
    Damage(testDescription: "something after the end", change: { $0.append($0[0]) }, line: "Line "),
    Damage(
      testDescription: "an instance twice",
      change: { lines in
        lines.insert(lines[1], at: lines.count - 1)
      }, line: "Line "),
    Damage(
      testDescription: "an event before any instance", change: { $0.swapAt(1, 2) }, line: "Line 2: "),
    Damage(
      testDescription: "fewer events than the instance says",
      change: { $0[1].replace(#""eventCount":1"#, with: #""eventCount":2"#) },
      line: "Instance 'order-7' has 1 of 2"),
    Damage(testDescription: "nothing at all", change: { $0 = [] }, line: "empty"),
  ]

  @Test(arguments: damages)
  func isRefused(_ damage: Damage) throws {
    var lines = Self.lines
    damage.change(&lines)
    let error = #expect(throws: WireError.self) { try Self.decode(lines.joined(separator: "\n")) }
    #expect(error?.message.contains(damage.line) == true, "\(error?.message ?? "")")
  }

  /// Whatever one byte does to a file, reading it ends with an answer or an error.
  @Test func nothingTraps() {
    var bytes = Array(Self.file.utf8)
    for index in bytes.indices {
      let byte = bytes[index]
      for other in [UInt8(ascii: "\""), UInt8(ascii: "9"), UInt8(ascii: "}"), 0x0A, 0xFF] {
        bytes[index] = other
        _ = try? bytes.read(ExportWire.decode)
      }
      bytes[index] = byte
    }
  }

  // MARK: Histories

  @Test func executionsOfAnExportKnowWhatTheyBeganWith() throws {
    let recordings = try Array(Self.file.utf8).read(ReplayWire.decodeHistory)
    #expect(recordings.map(\.execution) == [1, 2])
    #expect(recordings[0].kv == [])
    #expect(recordings[1].kv.map(\.key) == ["k", "l"])
    #expect(recordings.map(\.orchestration) == ["order", "order"])
  }

  @Test func earlierExecutionsAreFolded() throws {
    var given = Self.instance
    given.description.execution = 3
    given.executions.append(ExecutionHistory(execution: 3, events: [Self.events[0]]))
    #expect(
      given.recordings[1].kv == [
        KVEntry(key: "k", value: Payload("\"v\""), at: 5), KVEntry(key: "l", value: Payload("2"), at: 5),
      ])
  }

  @Test func aHistoryPageIsOneExecution() throws {
    let page = HistoryPage(
      instance: "a", execution: 1, currentExecution: 1, events: Self.events, hasMore: false)
    let recordings = try ClientWire.encode(page).read(ReplayWire.decodeHistory)
    #expect(recordings == [RecordedExecution(instance: "a", events: Self.events)])
  }

  @Test func aPageThatIsNotAllIsRefused() {
    let page = HistoryPage(
      instance: "a", execution: 1, currentExecution: 1, events: Self.events, hasMore: true)
    let error = #expect(throws: WireError.self) { try ClientWire.encode(page).read(ReplayWire.decodeHistory) }
    #expect(error?.message.contains("not the whole history") == true)
  }

  @Test(arguments: [
    (#"{}"#, PreflightRequest()), ("", PreflightRequest()),
    (
      #"{"orchestration":"o","statuses":["Running"],"includeQuarantined":true,"limit":3,"#
        + #""ignoreNotRegistered":true}"#,
      PreflightRequest(
        orchestration: "o", statuses: [.running, .quarantined], limit: 3, ignoresNotRegistered: true)
    ),
  ])
  func preflightRequests(_ json: String, _ request: PreflightRequest) throws {
    #expect(try Array(json.utf8).read(ReplayWire.decodePreflight) == request)
  }

  @Test(arguments: [#"{"statuses":["Completed"]}"#, #"{"limit":0}"#, #"{"more":1}"#, "[]"])
  func preflightRequestsThatAreRefused(_ json: String) {
    #expect(throws: WireError.self) { try Array(json.utf8).read(ReplayWire.decodePreflight) }
  }

  @Test func aReplayIsMarked() throws {
    var request = TurnRequest(
      turn: 0, instance: "a", execution: 1, orchestration: "o", version: "1.0.0", from: 0, replayed: 1,
      events: [Self.events[0]])
    request.isReplay = true
    #expect(try TurnWire.encode(request).read(TurnWire.decodeRequest) == request)
  }
}
