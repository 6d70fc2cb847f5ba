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

  @Test(arguments: Samples.requests)
  func request(_ request: TurnRequest) throws {
    #expect(try TurnWire.encode(request).read(TurnWire.decodeRequest) == request)
  }

  @Test func failure() throws {
    #expect(try FailureWire.encode(Samples.failure).read(FailureWire.decode) == Samples.failure)
  }

  @Test(arguments: Samples.attempts)
  func activityTask(_ attempt: ActivityWire.Attempt) throws {
    #expect(try ActivityWire.encode(attempt).read(ActivityWire.decode) == attempt)
  }

  @Test func activityTaskHasItsKeyAndToken() throws {
    var task = Samples.task
    task.claim = ActivityClaim(node: 5, token: 77)
    let json = ActivityWire.encode(ActivityWire.Attempt(task, deadline: 9))
    let expected = #""attempt":2,"key":"order-7/2/3","token":"77.2.3.order-7","deadline":9,"input":"#
    #expect(text(json).contains(expected))
    let decoded = try json.read(ActivityWire.decode)
    #expect(CompletionToken(text: decoded.token) == CompletionToken(key: task.key, token: 77))
  }

  @Test(arguments: Samples.options)
  func activityOptions(_ options: ActivityOptions) throws {
    #expect(try ActivityOptionsWire.encode(options).read(ActivityOptionsWire.decode) == options)
  }

  @Test func optionsWithTheirDefaultAreNotWritten() {
    #expect(text(ActivityOptionsWire.encode(ActivityOptions())) == "{}")
    var options = ActivityOptions()
    options.retry = RetryPolicy()
    #expect(text(ActivityOptionsWire.encode(options)) == #"{"retry":{}}"#)
  }

  @Test(arguments: Samples.services)
  func service(_ service: NodeService) throws {
    #expect(try StoreWire.encode(service).read(StoreWire.decodeService) == service)
  }

  @Test(arguments: [
    LogRecord(at: 1, level: .warn, message: "m"),
    Samples.fullLog,
  ])
  func log(_ record: LogRecord) throws {
    #expect(try LogWire.encode(record).read(LogWire.decode) == record)
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
