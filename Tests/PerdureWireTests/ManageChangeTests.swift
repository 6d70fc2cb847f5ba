import PerdureModel
import PerdureWire
import Testing

/// How management requests that change something are read.
@Suite struct ManageChangeTests {
  private func read(_ json: String) throws(WireError) -> ManageOperation {
    var json = json
    do {
      return try json.withUTF8 { try ManageWire.decode(UnsafeRawBufferPointer($0)).operation }
    } catch let error as WireError { throw error } catch { throw WireError("\(error)") }
  }

  private static func bulk(
    _ verb: BulkRequest.Verb, _ selection: Selection, _ change: (inout BulkRequest) -> Void = { _ in }
  ) -> ManageOperation {
    var request = BulkRequest(verb, selection)
    change(&request)
    return .bulk(request)
  }

  private static func prune(_ change: (inout PruneRequest) -> Void) -> ManageOperation {
    var request = PruneRequest()
    change(&request)
    return .prune(request)
  }

  private static let requests: [(String, ManageOperation)] = [
    (#"{"operation":"cancel","instance":"a","graceMS":5}"#, .control("a", .cancel(graceMS: 5))),
    (#"{"operation":"requeue","instance":"a"}"#, .control("a", .control(.requeue))),
    (#"{"operation":"delete","instance":"a","force":true}"#, bulk(.delete(force: true), .instances(["a"]))),
    (
      #"{"operation":"bulk","verb":"cancel","graceMS":0,"instances":["a","b"],"dryRun":true}"#,
      bulk(.cancel(graceMS: 0), .instances(["a", "b"])) { $0.isDryRun = true }
    ),
    (
      #"{"operation":"bulk","verb":"retry","filter":{"orchestration":"o","cursor":3},"limit":7}"#,
      bulk(.control(.retry), .filter(ListQuery(orchestration: "o", cursor: 3))) { $0.limit = 7 }
    ),
    (
      #"{"operation":"bulk","verb":"delete","filter":{},"cursor":9}"#,
      bulk(.delete(force: false), .filter(ListQuery(cursor: 9)))
    ),
    (
      #"{"operation":"prune","olderThanMS":10,"keepLast":2}"#,
      prune {
        $0.olderThanMS = 10
        $0.keepLast = 2
      }
    ),
    (
      #"{"operation":"prune","filter":{"parent":"p"},"endedBefore":-5,"cursor":4,"dryRun":true}"#,
      prune {
        $0.filter = ListQuery(parent: "p", cursor: 4)
        $0.endedBefore = -5
        $0.isDryRun = true
      }
    ),
    (#"{"operation":"prune","executions":true}"#, prune { $0.executions = true }),
    (
      #"{"operation":"setRetention","orchestration":"*","keepMS":0,"statuses":["Failed","Completed"]}"#,
      .setRetention(RetentionRule(orchestration: "*", keepMS: 0, statuses: [.completed, .failed]))
    ),
    (#"{"operation":"removeRetention","orchestration":"o"}"#, .removeRetention("o")),
    (#"{"operation":"sweep","dryRun":true,"limit":3}"#, .sweep(isDryRun: true, limit: 3)),
    (
      #"{"operation":"retryActivity","instance":"a","action":2,"execution":4}"#,
      .activity(ActivityRequest(instance: "a", action: 2, execution: 4, verb: .retry))
    ),
    (
      #"{"operation":"completeActivity","instance":"a","action":2,"result":[1]}"#,
      .activity(ActivityRequest(instance: "a", action: 2, verb: .complete(Payload("[1]"))))
    ),
    (
      #"{"operation":"failActivity","instance":"a","action":2,"failure":{"type":"E","message":"m"}}"#,
      .activity(
        ActivityRequest(
          instance: "a", action: 2,
          verb: .fail(Failure(type: "E", message: "m", isNonRetryable: true))))
    ),
  ]

  @Test(arguments: requests.indices) func `A request is read`(_ index: Int) throws {
    let (json, operation) = Self.requests[index]
    #expect(try read(json) == operation, "\(json)")
  }

  private static let refusals: [(String, String)] = [
    (#"{"operation":"delete"}"#, "must have one of instance, instances and filter"),
    (#"{"operation":"delete","instances":["a"],"filter":{}}"#, "must have one of"),
    (#"{"operation":"delete","instance":"a","instances":["b"]}"#, "must have one of"),
    (#"{"operation":"bulk","instances":["a"]}"#, "verb is missing"),
    (#"{"operation":"bulk","verb":"suspend","graceMS":1,"instances":[]}"#, "graceMS is not a member"),
    (#"{"operation":"bulk","verb":"suspend","filter":{"color":1}}"#, "filter is no list query: color"),
    (#"{"operation":"bulk","verb":"suspend","filter":{},"limit":10001}"#, "within 1...10000"),
    (#"{"operation":"prune","keepLast":-1}"#, "keepLast must be within"),
    (#"{"operation":"setRetention","orchestration":"o"}"#, "keepMS is missing"),
    (#"{"operation":"setRetention","orchestration":"o","keepMS":1,"statuses":[]}"#, "must name a status"),
    (
      #"{"operation":"setRetention","orchestration":"o","keepMS":1,"statuses":["Running"]}"#,
      "statuses[0] must"
    ),
    (#"{"operation":"completeActivity","instance":"a"}"#, "action is missing"),
    (#"{"operation":"failActivity","instance":"a","action":1}"#, "failure is missing"),
  ]

  @Test(arguments: refusals.indices) func `What is wrong is named`(_ index: Int) {
    let (json, words) = Self.refusals[index]
    let error = #expect(throws: WireError.self) { try read(json) }
    #expect(error?.message.contains(words) == true, "\(json): \(error?.message ?? "")")
  }

  @Test func `A report has counts`() {
    var report = ChangeReport()
    var gone = ChangeReport.Row("a", .done)
    gone.deleted = ["a", "a-1"]
    report.rows = [gone, ChangeReport.Row("b", .refused, "why")]
    report.next = 7
    #expect(
      String(decoding: ManageWire.encode(report), as: UTF8.self)
        == #"{"instances":[{"instance":"a","outcome":"done","deleted":["a","a-1"]},"#
        + #"{"instance":"b","outcome":"refused","message":"why"}],"done":1,"skipped":0,"refused":1,"next":7}"#
    )
  }
}
