import PerdureModel
import PerdureWire

/// Every reader of the wire format. Whoever takes a text must be able to write what it read, and to read that
/// as the same value. The first byte says which reader.
enum WireTarget {
  static func run(_ input: borrowing [UInt8]) throws(Finding) {
    var script = ByteScript(copy input)
    let choice = Int(script.byte())
    guard choice < readers.count else { return }
    try readers[choice].check(script.rest())
  }

  /// One way to read, and what must hold of what it reads.
  struct Reader: Sendable {
    let name: String
    let check: @Sendable ([UInt8]) throws(Finding) -> Void

    /// Read and written by the engine.
    init<Value: Equatable & Sendable>(
      _ name: String, _ decode: @escaping @Sendable (UnsafeRawBufferPointer) throws(WireError) -> Value,
      _ encode: @escaping @Sendable (Value) -> [UInt8]
    ) {
      self.name = name
      check = { json throws(Finding) in
        guard let value = try? json.alone(decode) else { return }
        let written = encode(value)
        let again: Value
        do throws(WireError) {
          again = try written.alone(decode)
        } catch {
          throw Finding("\(name): what was written cannot be read (\(error.message)): \(written.shown)")
        }
        try expect(again == value, "\(name): another value is read from \(written.shown)")
        try expect(
          encode(again).elementsEqual(written),
          "\(name): written differently the second time: \(written.shown)")
      }
    }

    /// Only read by the engine: reading twice comes to the same.
    init<Value: Equatable & Sendable>(
      reading name: String, _ decode: @escaping @Sendable (UnsafeRawBufferPointer) throws(WireError) -> Value
    ) {
      self.name = name
      check = { json throws(Finding) in
        guard let value = try? json.alone(decode) else { return }
        let again = try? json.alone(decode)
        try expect(again == value, "\(name): read differently the second time: \(json.shown)")
      }
    }
  }

  /// The corpus knows them by their places: new ones go to the end.
  static let readers: [Reader] = history + requests + answers + hosts + operators + schedules
}

extension WireTarget {
  private static let history: [Reader] = [
    Reader("event", EventWire.decode, { EventWire.encode($0) }),
    Reader("action", ActionWire.decode, ActionWire.encode),
    Reader("failure", FailureWire.decode, { FailureWire.encode($0) }),
    Reader("message", StoreWire.decodeMessage, { StoreWire.encode($0) }),
    Reader("start", StoreWire.decodeStart, { StoreWire.encode($0) }),
    Reader("node service", StoreWire.decodeService, { StoreWire.encode($0) }),
    Reader("activity options", ActivityOptionsWire.decode, { ActivityOptionsWire.encode($0) }),
    Reader("turn request", TurnWire.decodeRequest, { TurnWire.encode($0) }),
    Reader("turn answer", TurnWire.decodeAnswer, { TurnWire.encode($0) }),
    Reader("activity task", ActivityWire.decode, ActivityWire.encode),
  ]

  private static let requests: [Reader] = [
    Reader("start request", ClientWire.decodeStart, { ClientWire.encode($0) }),
    Reader(
      "start requests", { json throws(WireError) in try startRequests(json) }, { ClientWire.encode($0) }),
    Reader("list query", ClientWire.decodeList, { ClientWire.encode($0) }),
    Reader("history query", ClientWire.decodeHistory, { ClientWire.encode($0) }),
    Reader("delete query", ClientWire.decodeDelete, { ClientWire.encode($0) }),
    Reader("control request", ClientWire.decodeControl, { ClientWire.encode($0) }),
    Reader("send request", ClientWire.decodeSend, { ClientWire.encode($0) }),
    Reader("call request", ClientWire.decodeCall, { ClientWire.encode($0) }),
    Reader("query request", ClientWire.decodeQuery, { ClientWire.encode($0) }),
    Reader("KV query", ClientWire.decodeKV, { ClientWire.encode($0) }),
    Reader("runtime options", OptionsWire.decodeRuntime, { OptionsWire.encode($0) }),
    Reader("activity limits", OptionsWire.decodeActivityLimits, { OptionsWire.encode($0) }),
    Reader("store config", OptionsWire.decodeStore, { OptionsWire.encode($0) }),
    Reader("log config", OptionsWire.decodeLog, { OptionsWire.encode($0) }),
  ]

  private static let answers: [Reader] = [
    Reader("description", ClientWire.decodeDescription, { ClientWire.encode($0) }),
    Reader("history page", ClientWire.decodeHistoryPage, { ClientWire.encode($0) }),
    Reader("list page", { json throws(WireError) in try listPage(json) }, { ClientWire.encode($0) }),
    Reader("control answer", ClientWire.decodeControlled, ClientWire.encodeControlled),
    Reader("send answer", ClientWire.decodeSent, { ClientWire.encodeSent(isKept: $0) }),
    Reader("published", ClientWire.decodePublished, ClientWire.encodePublished),
    Reader("call answer", ClientWire.decodeCallAnswer, { ClientWire.encode($0) }),
    Reader("query answer", ClientWire.decodeQueryAnswer, ClientWire.encodeQueryAnswer),
    Reader("KV page", ClientWire.decodeKVPage, ClientWire.encodeKVPage),
    Reader("started", ClientWire.decodeStarted, { ClientWire.encodeStarted($0) }),
    Reader("started list", ClientWire.decodeStartedList, { ClientWire.encodeStarted($0) }),
    Reader("deleted", ClientWire.decodeDeleted, ClientWire.encodeDeleted),
    Reader("clock", ClockWire.decode, ClockWire.encode),
    Reader("log record", LogWire.decode, { LogWire.encode($0) }),
  ]

  private static let hosts: [Reader] = [
    Reader("poll work", PollWire.decodeWork, { PollWire.encode($0) }),
    Reader("poll answers", { json throws(WireError) in try pollAnswers(json) }, { PollWire.encode($0) }),
    Reader("simulation config", RehearsalWire.decodePlan, { RehearsalWire.encode($0) }),
    Reader(
      "simulation answers", RehearsalWire.decodeExtras,
      { RehearsalWire.encode(PollWire.Answers(), $0) }),
    Reader(reading: "simulation work", RehearsalWire.decodeWork),
    Reader(reading: "recorded history", ReplayWire.decodeHistory),
    Reader(reading: "preflight request", ReplayWire.decodePreflight),
    Reader(reading: "metrics request", MetricsWire.decodeRequest),
  ]

  private static let operators: [Reader] = [
    Reader(reading: "management request", ManageWire.decode),
    Reader("export", ExportWire.decode, { ExportWire.encode($0, at: 0) }),
  ]

  private static let schedules: [Reader] = [
    Reader("schedule record", payload(ScheduleWire.record), { ScheduleWire.payload($0).bytes }),
    Reader("schedule question", payload(ScheduleWire.question), { ScheduleWire.payload($0).bytes }),
    Reader("schedule message", optional(ScheduleWire.message), { ScheduleWire.payload($0).bytes }),
    Reader("schedule times", optional(ScheduleWire.times), { ScheduleWire.payload($0).bytes }),
    Reader("schedule look", optional(ScheduleWire.look), { ScheduleWire.payload($0).bytes }),
    Reader("schedule runs", payload(ScheduleWire.instances), { ScheduleWire.payload($0).bytes }),
  ]

  // MARK: Readers of a shape of their own

  /// The elements that are good.
  private static func startRequests(_ json: UnsafeRawBufferPointer) throws(WireError) -> [StartRequest] {
    try ClientWire.decodeStarts(json).compactMap { try? $0.get() }
  }

  private static func listPage(_ json: UnsafeRawBufferPointer) throws(WireError) -> ListPage {
    let page = try ClientWire.decodeListPage(json)
    return ListPage(instances: page.instances.map(\.description), next: page.next)
  }

  /// Answers that cannot be read are told of one by one: they are left out here.
  private static func pollAnswers(_ json: UnsafeRawBufferPointer) throws(WireError) -> PollWire.Answers {
    var answers = try PollWire.decodeAnswers(json)
    answers.turns.removeAll { (try? $0.value.get()) == nil }
    answers.activities.removeAll { (try? $0.value.get()) == nil }
    return answers
  }

  /// Readers of payloads, which were checked where they entered.
  private static func payload<Value: Sendable>(
    _ read: @escaping @Sendable (Payload) throws(WireError) -> Value
  ) -> @Sendable (UnsafeRawBufferPointer) throws(WireError) -> Value {
    { json throws(WireError) in try read(try PayloadWire.decode(json)) }
  }

  private static func optional<Value: Sendable>(
    _ read: @escaping @Sendable (Payload) -> Value?
  ) -> @Sendable (UnsafeRawBufferPointer) throws(WireError) -> Value {
    { json throws(WireError) in
      guard let value = read(try PayloadWire.decode(json)) else { throw WireError("nothing to be read") }
      return value
    }
  }
}
