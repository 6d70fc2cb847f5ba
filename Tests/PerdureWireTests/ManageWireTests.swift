import PerdureModel
import PerdureWire
import Testing

/// What operators ask, as text.
@Suite struct ManageWireTests {
  static let requests: [(String, ManageOperation)] = [
    (#"{"operation":"inspect","instance":"a"}"#, .inspect("a")),
    (#"{"instance":"a","actor":"ana","operation":"why"}"#, .why("a")),
    (#"{"operation":"executions","instance":"a"}"#, .executions(ExecutionsQuery(instance: "a"))),
    (
      #"{"operation":"executions","instance":"a","after":3,"limit":2}"#,
      .executions(ExecutionsQuery(instance: "a", after: 3, limit: 2))
    ),
    (#"{"operation":"tree","instance":"a"}"#, .tree(TreeQuery(instance: "a", depth: 100, limit: 1_000))),
    (
      #"{"operation":"tree","instance":"a","depth":0,"limit":5}"#,
      .tree(TreeQuery(instance: "a", depth: 0, limit: 5))
    ),
    (#"{"operation":"ancestors","instance":"a"}"#, .ancestors("a")),
    (#"{"operation":"statistics"}"#, .statistics(.system)),
    (#"{"operation":"statistics","orchestration":"o"}"#, .statistics(.orchestration("o"))),
    (#"{"operation":"statistics","instance":"a"}"#, .statistics(.instance("a"))),
    (#"{"operation":"queues"}"#, .queues),
  ]

  @Test(arguments: requests) func reads(_ json: String, _ operation: ManageOperation) throws {
    #expect(try Array(json.utf8).read(ManageWire.decode).operation == operation)
  }

  static let refused: [(String, String)] = [
    (#"{"operation":"why"}"#, "instance is missing"),
    (#"{"operation":"why","instance":1}"#, "instance must be a string"),
    (#"{"operation":"tree","instance":"a","depth":101}"#, "depth must be within 0...100"),
    (#"{"operation":"tree","instance":"a","limit":0}"#, "limit must be within 1...10000"),
    (#"{"operation":"executions","instance":"a","limit":1001}"#, "limit must be within 1...1000"),
    (#"{"operation":"statistics","instance":"a","orchestration":"o"}"#, "cannot be given together"),
    (#"{"operation":"queues","instance":"a"}"#, "instance is not a member known here"),
  ]

  @Test(arguments: refused) func refuses(_ json: String, _ message: String) {
    let error = #expect(throws: WireError.self) { try Array(json.utf8).read(ManageWire.decode) }
    #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
  }

  static let lists: [(String, String)] = [
    (#"{"status":["Running","Nonsense"]}"#, "must be one of"),
    (#"{"status":["ContinuedAsNew"]}"#, "must be one of"),
    (#"{"attributes":{"a":1}}"#, "must be a string"),
    (#"{"attributes":[]}"#, "must be an object"),
    (#"{"order":"sideways"}"#, "must be \"oldest\" or \"newest\""),
    (#"{"createdFrom":1.5}"#, "must be an integer"),
    (#"{"limit":2,"limit":3}"#, "is given twice"),
  ]

  @Test(arguments: lists) func refusesAsFilter(_ json: String, _ message: String) {
    let error = #expect(throws: WireError.self) { try Array(json.utf8).read(ClientWire.decodeList) }
    #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
  }

  static let labels: [(String, [Attribute])] = [
    ("{}", []), (#"{"a":"1","a":"2"}"#, [Attribute(key: "a", value: "2")]),
    (#"{"\u0061":"\u00e9\n"}"#, [Attribute(key: "a", value: "é\n")]), ("[1]", []), (#"{"a":1}"#, []),
  ]

  @Test(arguments: labels) func readsLabels(_ json: String, _ labels: [Attribute]) {
    #expect(AttributesWire.decode(Payload(json)) == labels)
  }

  @Test func countsAreSummedByNameAndVersion() {
    var ended = StatusCount(orchestration: "o", version: "1.0.0", status: .completed, count: 2)
    ended.lives = StatusCount.Lives(count: 4, totalMS: 10, leastMS: 1, mostMS: 5)
    let counts = [
      StatusCount(orchestration: "n", version: nil, status: .pending, count: 1), ended,
      StatusCount(orchestration: "o", version: "1.0.0", status: .running, count: 3),
    ]
    let durations = #""durations":{"count":4,"averageMS":2,"leastMS":1,"mostMS":5}"#
    let all = #""byStatus":{"Pending":1,"Running":3,"Completed":2},"#
    let pending = #"{"name":"n","total":1,"open":1,"ended":0,"byStatus":{"Pending":1}}"#
    let own = #""total":5,"open":3,"ended":2,"byStatus":{"Running":3,"Completed":2},"#
    #expect(
      text(ManageWire.encode(counts))
        == #"{"total":6,"open":4,"ended":2,"# + all + durations + #","orchestrations":["# + pending
        + #",{"name":"o","version":"1.0.0","# + own + durations + "}]}")
  }
}
