import PerdureModel
import TestSupport
import Testing

@testable import Perdure

extension LogTests {
  /// Records have the trace and the attempt of what they are about.
  @Test func recordsSayWhereTheyComeFrom() async throws {
    let lock = await LogLock()
    defer { withExtendedLifetime(lock) {} }
    let lines = Notes<Perdure.LogRecord>()
    let fails = ActivityDefinition("fails-5e2") { (context) -> Int in
      if context.attempt == 1 { throw MetricsTests.Unlucky() }
      return 1
    }
    let talks = OrchestrationDefinition("talks-5e2") { (context) in
      var options = Perdure.ActivityOptions()
      options.retry = Perdure.RetryPolicy(maxAttempts: 2, backoff: .none)
      _ = try await context.call(fails, options: options)
      context.log("done-5e2")
    }
    try EngineLog.send(from: .debug) { record in if record.instance == "t-5e2" { lines.add(record) } }
    try await Site.with(register: {
      try $0.register(fails)
      try $0.register(talks)
    }) { site in
      try await site.client.start(
        talks, instance: "t-5e2", options: Perdure.StartOptions(traceparent: TraceFlowTests.parent)
      )
      .result(timeout: .seconds(20))
      #expect(try await eventually { lines.all.contains { $0.message == "done-5e2" } })
      #expect(
        try await eventually {
          lines.all.contains { $0.message.contains("attempt 2 of activity 'fails-5e2' ended") }
        }
      )
    }
    try EngineLog.turnOff()
    let own = try #require(TraceContext(parent: TraceFlowTests.parent)).span(of: "t-5e2", 1)
    let first = own.span(of: ActivityKey(instance: "t-5e2", execution: 1, action: 1), attempt: 1)
    func record(_ text: String) throws -> Perdure.LogRecord {
      try #require(lines.all.first { $0.message.contains(text) })
    }
    let warning = try record("is followed by another")
    #expect(warning.level == .warn)
    #expect(warning.activity == "fails-5e2")
    #expect(warning.attempt == 1)
    #expect(warning.traceparent == first.parent)
    #expect(try record("attempt 1 of activity 'fails-5e2' started").traceparent == first.parent)
    #expect(try record("done-5e2").traceparent == own.parent)
    #expect(try record("a turn is on disk").orchestration == "talks-5e2")
  }
}
