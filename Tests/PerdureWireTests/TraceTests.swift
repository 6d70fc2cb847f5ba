import PerdureModel
import PerdureWire
import Testing

@Suite struct TraceTests {
  static let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

  @Test func aGoodOneComesBackAsItIs() throws {
    let trace = try #require(TraceContext(parent: Self.good, state: "a=1,b=2"))
    #expect(trace.parent == Self.good)
    #expect(trace.state == "a=1,b=2")
    #expect(TraceContext(text: trace.text) == trace)
    #expect(TraceContext(text: Self.good)?.state == nil)
    let low = "00-00000000000000000000000000000001-0000000000000001-00"
    #expect(TraceContext(parent: low)?.parent == low)
  }

  @Test(arguments: [
    "", "00", good + "-", String(good.dropLast()), good.uppercased(), "01" + good.dropFirst(2),
    "ff" + good.dropFirst(2), "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
    "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
    "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01",
    "00-4bf92f3577b34da6a3ce929d0e0e473ä-00f067aa0ba902b7-1",
  ])
  func aBadOneIsNone(_ text: String) { #expect(TraceContext(parent: text) == nil) }

  @Test(arguments: ["", "a\n", "ä=1", String(repeating: "a", count: 513)])
  func badState(_ state: String) { #expect(TraceContext(parent: Self.good, state: state) == nil) }

  /// docs/wire-format.md says how; Python's tests compute the same by themselves.
  @Test func spansAreDerivedFromWhatTheyAreOf() throws {
    let trace = try #require(TraceContext(parent: Self.good, state: "a=1"))
    let execution = trace.span(of: "order-7", 1)
    let key = ActivityKey(instance: "order-7", execution: 1, action: 3)
    let attempt = execution.span(of: key, attempt: 1)
    #expect(execution.parent == "00-4bf92f3577b34da6a3ce929d0e0e4736-f8e7725b88f88639-01")
    #expect(attempt.parent == "00-4bf92f3577b34da6a3ce929d0e0e4736-ddf3f43c8f5b5307-01")
    #expect(attempt.state == "a=1")
    let all = [
      trace, execution, attempt, trace.span(of: "order-7", 2), trace.span(of: "order-8", 1),
      execution.span(of: key, attempt: 2), trace.span(of: key, attempt: 1),
    ]
    #expect(Set(all).count == all.count)
  }

  @Test func absenceTakesOneWord() {
    #expect(MemoryLayout<TraceContext?>.size == MemoryLayout<Int>.size)
  }
}
