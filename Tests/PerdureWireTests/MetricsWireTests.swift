import PerdureModel
import PerdureWire
import Testing

@Suite struct MetricsWireTests {
  static let snapshot = {
    var snapshot = MetricsSnapshot(at: 2_000, since: 1_000)
    var turns = MetricFamily("perdure_turns", .counter, help: "Turns \"that\" were\ncommitted.")
    turns.series = [
      MetricSeries([MetricLabel("orchestration", "a\\\"b\"\nc")], .integer(3)), MetricSeries([], .real(0.5)),
    ]
    var time = MetricFamily("perdure_time_seconds", .histogram, unit: "seconds", help: "Time.", source: "t")
    time.series = [
      MetricSeries(
        [MetricLabel("x", "y")], .histogram(bounds: [0.0001, 1, 4], counts: [1, 0, 2, 5], sum: 12.25))
    ]
    let empty = MetricFamily("perdure_nothing", .gauge, help: "None.")
    snapshot.families = [turns, time, empty]
    return snapshot
  }()

  @Test func text() {
    let text = String(decoding: OpenMetrics.encode(Self.snapshot), as: UTF8.self)
    #expect(
      text == #"""
        # TYPE perdure_turns counter
        # HELP perdure_turns Turns \"that\" were\ncommitted.
        perdure_turns_total{orchestration="a\\\"b\"\nc"} 3
        perdure_turns_total 0.5
        # TYPE perdure_time_seconds histogram
        # UNIT perdure_time_seconds seconds
        # HELP perdure_time_seconds Time.
        perdure_time_seconds_bucket{x="y",le="0.0001"} 1
        perdure_time_seconds_bucket{x="y",le="1.0"} 1
        perdure_time_seconds_bucket{x="y",le="4.0"} 3
        perdure_time_seconds_bucket{x="y",le="+Inf"} 8
        perdure_time_seconds_count{x="y"} 8
        perdure_time_seconds_sum{x="y"} 12.25
        # EOF

        """#)
  }

  @Test func json() {
    let text = String(decoding: MetricsWire.encode(Self.snapshot), as: UTF8.self)
    #expect(
      text == #"{"v":1,"at":2000,"since":1000,"families":[{"name":"perdure_turns","type":"counter","#
        + #""help":"Turns \"that\" were\ncommitted.","series":["#
        + #"{"labels":{"orchestration":"a\\\"b\"\u000ac"},"value":3},{"labels":{},"value":0.5}]},"#
        + #"{"name":"perdure_time_seconds","type":"histogram","unit":"seconds","help":"Time.","source":"t","#
        + #""series":[{"labels":{"x":"y"},"count":8,"sum":12.25,"buckets":[{"le":0.0001,"count":1},"#
        + #"{"le":1,"count":1},{"le":4,"count":3}]}]},"#
        + #"{"name":"perdure_nothing","type":"gauge","help":"None.","series":[]}]}"#)
  }

  @Test func requests() throws {
    #expect(try Array("{}".utf8).read(MetricsWire.decodeRequest) == .json)
    #expect(try Array(#"{"format":"openmetrics"}"#.utf8).read(MetricsWire.decodeRequest) == .openmetrics)
    for (json, message) in [
      (#"{"format":"xml"}"#, #"format must be "json" or "openmetrics"."#),
      (#"{"form":"json"}"#, "form is not a member known here."),
    ] {
      let error = #expect(throws: WireError.self) {
        try Array(json.utf8).read(MetricsWire.decodeRequest)
      }
      #expect(error?.message == message)
    }
  }

  @Test(arguments: [
    ("orders.placed", "orders_placed"), ("größe", "gr__e"), ("a b-c:d", "a_b_c_d"), ("🚀1", "_1"), ("", ""),
  ])
  func names(_ given: String, _ fitting: String) { #expect(MetricText.name(given) == fitting) }

  @Test func labelsFitAndStayTheirOwn() {
    let labels = MetricText.labels(
      Payload(#"{"b.c":"2","b_c":"3","a":"x","le":"4","__x":"5","1":"6","":"7"}"#), isHistogram: true)
    #expect(
      labels.map { "\($0.name)=\($0.value)" } == [
        "label_=7", "label_1=6", "label___x=5", "a=x", "b_c=2", "label_le=4",
      ])
  }

  /// What is counted under a name is what histories have under it.
  @Test func eventsAreCountedUnderTheirNames() {
    for event in Samples.events {
      let json = String(decoding: EventWire.encode(event), as: UTF8.self)
      #expect(json.contains(#""kind":"\#(event.kind.name.text)""#))
    }
    #expect(Set(Samples.events.map { $0.kind.name }) == Set(EventName.allCases))
  }
}
