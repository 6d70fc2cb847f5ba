import PerdureModel
import PerdureWire
import Testing

@Suite struct RoundTripTests {
  @Test(arguments: Samples.events)
  func event(_ event: Event) throws {
    #expect(try EventWire.encode(event).read(EventWire.decode) == event)
  }

  @Test(arguments: Samples.actions)
  func action(_ action: Action) throws {
    #expect(try ActionWire.encode(action).read(ActionWire.decode) == action)
  }

  @Test(arguments: Samples.messages)
  func message(_ message: MessageKind) throws {
    #expect(try StoreWire.encode(message).read(StoreWire.decodeMessage) == message)
  }

  @Test(arguments: Samples.starts)
  func start(_ start: InstanceStart) throws {
    #expect(try StoreWire.encode(start).read(StoreWire.decodeStart) == start)
  }

  @Test(arguments: Samples.answers)
  func answer(_ answer: TurnAnswer) throws {
    #expect(try TurnWire.encode(answer).read(TurnWire.decodeAnswer) == answer)
  }

  @Test func request() throws {
    #expect(try TurnWire.encode(Samples.request).read(TurnWire.decodeRequest) == Samples.request)
  }

  @Test func failure() throws {
    #expect(try FailureWire.encode(Samples.failure).read(FailureWire.decode) == Samples.failure)
  }

  @Test func activityTaskHasItsIdempotencyKey() throws {
    let json = ActivityWire.encode(Samples.task)
    #expect(try json.read(ActivityWire.decode) == Samples.task)
    #expect(text(json).contains(#""attempt":2,"key":"order-7/2/3","input":"#))
  }

  @Test(arguments: [
    LogRecord(at: 1, level: .warn, message: "m"),
    LogRecord(
      at: 1, level: .error, message: "m", instance: "i", execution: 2, orchestration: "o", activity: "a",
      node: 3),
  ])
  func log(_ record: LogRecord) throws {
    #expect(try LogWire.encode(record).read(LogWire.decode) == record)
  }

  @Test(arguments: Samples.descriptions)
  func description(_ description: InstanceDescription) throws {
    for reason in [nil, "no runtime serves order 2.0.0"] {
      let described = ClientWire.Described(description, pendingReason: reason)
      #expect(try ClientWire.encode(described).read(ClientWire.decodeDescription) == described)
    }
  }

  @Test func listPage() throws {
    let page = ListPage(instances: Samples.descriptions, next: 77)
    let json = ClientWire.encode(page, pendingReasons: [Samples.descriptions[0].instance: "why"])
    let decoded = try json.read(ClientWire.decodeListPage)
    #expect(decoded.instances.map(\.description) == page.instances)
    #expect(decoded.instances.map(\.pendingReason).prefix(2) == ["why", nil])
    #expect(decoded.next == 77)
    let last = try ClientWire.encode(ListPage(instances: [], next: nil)).read(ClientWire.decodeListPage)
    #expect(last.instances.isEmpty && last.next == nil)
  }

  @Test func historyPage() throws {
    let page = HistoryPage(
      instance: "i", execution: 1, currentExecution: 2, events: Samples.events, hasMore: true)
    #expect(try ClientWire.encode(page).read(ClientWire.decodeHistoryPage) == page)
  }

  @Test func queries() throws {
    let list = ListQuery(
      orchestration: "order", status: .quarantined, instancePrefix: "o-", parent: "p", cursor: 5, limit: 1_000
    )
    #expect(try ClientWire.encode(list).read(ClientWire.decodeList) == list)
    let history = HistoryQuery(instance: "i", execution: 3, after: 9, limit: 10)
    #expect(try ClientWire.encode(history).read(ClientWire.decodeHistory) == history)
    for force in [true, false] {
      let delete = DeleteQuery(instance: "i", force: force)
      #expect(try ClientWire.encode(delete).read(ClientWire.decodeDelete) == delete)
    }
  }

  @Test func startRequests() throws {
    let requests = [
      StartRequest(orchestration: "order"),
      StartRequest(orchestration: "order", instance: "i", version: "1.0.0", input: Samples.payload),
    ]
    for request in requests {
      #expect(try ClientWire.encode(request).read(ClientWire.decodeStart) == request)
    }
    #expect(try ClientWire.encode(requests).read(ClientWire.decodeStarts).map { try $0.get() } == requests)
  }

  @Test func answersOfStartAndDelete() throws {
    #expect(text(ClientWire.encodeStarted("i")) == #"{"instance":"i"}"#)
    #expect(try ClientWire.encodeStarted("i").read(ClientWire.decodeStarted) == "i")
    let results: [Result<InstanceID, ClientWire.Refusal>] = [
      .success("i"), .failure(ClientWire.Refusal(code: 5, message: "taken", details: Payload(#"{"a":1}"#))),
    ]
    #expect(try ClientWire.encodeStarted(results).read(ClientWire.decodeStartedList) == results)
    #expect(try ClientWire.encodeDeleted(["a", "b"]).read(ClientWire.decodeDeleted) == ["a", "b"])
  }

  @Test func settings() throws {
    var runtime = RuntimeSettings()
    runtime.activitySlots = 10_000
    runtime.turnThreads = 64
    runtime.isCaching = false
    runtime.cachedInstances = 0
    #expect(try OptionsWire.encode(runtime).read(OptionsWire.decodeRuntime) == runtime)
    var store = StoreSettings()
    store.busyTimeoutMS = 600_000
    #expect(try OptionsWire.encode(store).read(OptionsWire.decodeStore) == store)
    for level in LogLevel.allCases {
      #expect(try OptionsWire.encode(level).read(OptionsWire.decodeLog) == level)
    }
  }

  @Test(arguments: ["", " \n", "{}", #"{"activitySlots":null,"cache":null,"level":null}"#])
  func absentOptionsHaveDefaults(_ json: String) throws {
    if !json.contains("level") {
      #expect(try json.json.read(OptionsWire.decodeStore) == StoreSettings())
      #expect(try json.json.read(OptionsWire.decodeLog) == .info)
      #expect(try json.json.read(OptionsWire.decodeRuntime) == RuntimeSettings())
      #expect(try json.json.read(ClientWire.decodeList) == ListQuery())
    } else {
      #expect(try #"{"level":null}"#.json.read(OptionsWire.decodeLog) == .info)
      #expect(
        try #"{"cache":null,"activitySlots":null}"#.json.read(OptionsWire.decodeRuntime) == RuntimeSettings())
    }
  }

  /// The writer has an upper bound for nothing: every size of string crosses its growth somewhere.
  @Test func stringsOfEverySize() throws {
    for size in 0...1_100 {
      let failure = Failure(
        type: String(repeating: "x", count: size), message: String(repeating: "é\"", count: size / 2))
      #expect(try FailureWire.encode(failure).read(FailureWire.decode) == failure)
    }
  }

  @Test(arguments: [0, 1, -1, 9, 10, 99, 100, 9_007_199_254_740_991, -9_007_199_254_740_991] as [Int64])
  func integers(_ value: Int64) throws {
    let event = Event(id: value, at: -value, kind: .timerFired(action: value))
    #expect(try EventWire.encode(event).read(EventWire.decode) == event)
  }

  @Test(arguments: [Int64.max, Int64.min, 1_000_000_000_000_000_000])
  func integersBeyondTheFormatAreWrittenInFull(_ value: Int64) {
    var writer = JSONWriter()
    writer.int(value)
    #expect(text(writer.finish()) == "\(value)")
  }

  @Test func textThatTheFormatExcludesIsReplaced() throws {
    let failure = Failure(type: "a\0b", message: "\u{1}\u{7F}\u{2028}")
    let json = FailureWire.encode(failure)
    #expect(text(json) == "{\"type\":\"a\u{FFFD}b\",\"message\":\"\\u0001\u{7F}\u{2028}\"}")
    #expect(try json.read(FailureWire.decode).type == "a\u{FFFD}b")
  }
}
