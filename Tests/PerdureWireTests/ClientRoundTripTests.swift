import PerdureModel
import PerdureWire
import Testing

/// What clients send and get, and options.
@Suite struct ClientRoundTripTests {
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
    var full = list
    full.version = "1.2.0"
    full.statuses = [.running, .failed]
    full.created = TimeSpan(from: 1, to: 2)
    full.updated = TimeSpan(from: 3)
    full.ended = TimeSpan(to: 4)
    full.attributes = [Attribute(key: "é\"", value: "1"), Attribute(key: "b", value: "")]
    full.rootsOnly = true
    full.order = .newest
    #expect(try ClientWire.encode(full).read(ClientWire.decodeList) == full)
    let history = HistoryQuery(instance: "i", execution: 3, after: 9, limit: 10)
    #expect(try ClientWire.encode(history).read(ClientWire.decodeHistory) == history)
    for force in [true, false] {
      let delete = DeleteQuery(instance: "i", force: force)
      #expect(try ClientWire.encode(delete).read(ClientWire.decodeDelete) == delete)
    }
  }

  @Test func startRequests() throws {
    let requests = Samples.startRequests
    for request in requests {
      #expect(try ClientWire.encode(request).read(ClientWire.decodeStart) == request)
    }
    #expect(try ClientWire.encode(requests).read(ClientWire.decodeStarts).map { try $0.get() } == requests)
  }

  @Test func answersOfStartAndDelete() throws {
    #expect(text(ClientWire.encodeStarted(.init("i"))) == #"{"instance":"i"}"#)
    let existing = ClientWire.Started("i", isExisting: true)
    #expect(text(ClientWire.encodeStarted(existing)) == #"{"instance":"i","existing":true}"#)
    #expect(try ClientWire.encodeStarted(existing).read(ClientWire.decodeStarted) == existing)
    let results: [Result<ClientWire.Started, ClientWire.Refusal>] = [
      .success(.init("i")), .success(existing),
      .failure(ClientWire.Refusal(code: 5, message: "taken", details: Payload(#"{"a":1}"#))),
    ]
    #expect(try ClientWire.encodeStarted(results).read(ClientWire.decodeStartedList) == results)
    #expect(try ClientWire.encodeDeleted(["a", "b"]).read(ClientWire.decodeDeleted) == ["a", "b"])
  }

  @Test(arguments: Samples.controls)
  func control(_ request: ControlRequest) throws {
    #expect(try ClientWire.encode(request).read(ClientWire.decodeControl) == request)
  }

  @Test(arguments: InstanceStatus.allCases.filter { $0 != .continuedAsNew })
  func controlled(_ status: InstanceStatus) throws {
    #expect(try ClientWire.encodeControlled(status).read(ClientWire.decodeControlled) == status)
  }

  @Test(arguments: Samples.sends)
  func send(_ request: SendRequest) throws {
    #expect(try ClientWire.encode(request).read(ClientWire.decodeSend) == request)
  }

  @Test func answersOfSendAndPublish() throws {
    #expect(text(ClientWire.encodeSent(isKept: true)) == #"{"kept":true}"#)
    #expect(try ClientWire.encodeSent(isKept: false).read(ClientWire.decodeSent) == false)
    #expect(text(ClientWire.encodePublished(3)) == #"{"delivered":3}"#)
    #expect(try ClientWire.encodePublished(0).read(ClientWire.decodePublished) == 0)
  }

  @Test(arguments: Samples.calls)
  func call(_ request: CallRequest) throws {
    #expect(try ClientWire.encode(request).read(ClientWire.decodeCall) == request)
  }

  @Test(arguments: Samples.queries)
  func query(_ request: InstanceQuery) throws {
    #expect(try ClientWire.encode(request).read(ClientWire.decodeQuery) == request)
  }

  @Test(arguments: Samples.outcomes)
  func answersOfCallAndQuery(_ outcome: Outcome) throws {
    let answer = CallAnswer(call: "c-1", outcome: outcome)
    #expect(try ClientWire.encode(answer).read(ClientWire.decodeCallAnswer) == answer)
    #expect(try ClientWire.encodeQueryAnswer(outcome).read(ClientWire.decodeQueryAnswer) == outcome)
  }

  @Test func keyValues() throws {
    for query in [KVQuery(instance: "i"), KVQuery(instance: "i", key: "")] {
      #expect(try ClientWire.encode(query).read(ClientWire.decodeKV) == query)
    }
    for entries in Samples.requests.map(\.kv) {
      #expect(try ClientWire.encodeKVPage(entries).read(ClientWire.decodeKVPage) == entries)
    }
  }

  @Test func settings() throws {
    for settings in [RuntimeSettings(), Samples.runtime] {
      #expect(try OptionsWire.encode(settings).read(OptionsWire.decodeRuntime) == settings)
    }
    var anyTag = RuntimeSettings()
    anyTag.activityTags = nil
    #expect(try #"{"activityTags":"any"}"#.json.read(OptionsWire.decodeRuntime) == anyTag)
    #expect(try OptionsWire.encode(anyTag).read(OptionsWire.decodeRuntime) == anyTag)
    for settings in [StoreSettings(), Samples.store] {
      #expect(try OptionsWire.encode(settings).read(OptionsWire.decodeStore) == settings)
    }
    var atStandardTime = StoreSettings()
    atStandardTime.clock = .virtual(startMS: 1_767_225_600_000)
    #expect(try #"{"clock":{"mode":"virtual"}}"#.json.read(OptionsWire.decodeStore) == atStandardTime)
    #expect(try #"{"clock":{"mode":"system"}}"#.json.read(OptionsWire.decodeStore) == StoreSettings())
    for clock in [ClockState(now: 5, isVirtual: true), ClockState(now: 1 << 50, isVirtual: false)] {
      #expect(try ClockWire.encode(clock).read(ClockWire.decode) == clock)
    }
    for limits in Samples.activityLimits {
      #expect(try OptionsWire.encode(limits).read(OptionsWire.decodeActivityLimits) == limits)
    }
    for level in LogLevel.allCases {
      #expect(try OptionsWire.encode(level).read(OptionsWire.decodeLog) == level)
    }
  }

  @Test(arguments: ["", " \n", "{}", #"{"activitySlots":null,"cache":null,"level":null}"#])
  func absentOptionsHaveDefaults(_ json: String) throws {
    if !json.contains("level") {
      #expect(try json.json.read(OptionsWire.decodeStore) == StoreSettings())
      #expect(try json.json.read(OptionsWire.decodeActivityLimits) == ActivityLimits())
      #expect(try json.json.read(OptionsWire.decodeLog) == .info)
      #expect(try json.json.read(OptionsWire.decodeRuntime) == RuntimeSettings())
      #expect(try json.json.read(ClientWire.decodeList) == ListQuery())
    } else {
      #expect(try #"{"level":null}"#.json.read(OptionsWire.decodeLog) == .info)
      #expect(
        try #"{"cache":null,"activitySlots":null}"#.json.read(OptionsWire.decodeRuntime) == RuntimeSettings())
    }
  }
}
