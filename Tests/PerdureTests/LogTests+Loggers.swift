import TestSupport
import Testing

@testable import Perdure
import PerdureTesting

extension LogTests {
  /// Loggers of contexts say where they are, with the levels and the metadata that their caller gives.
  @Test func loggersSayWhereTheyAre() async throws {
    let lock = await LogLock()
    defer { withExtendedLifetime(lock) {} }
    let lines = Notes<Perdure.LogRecord>()
    let unlucky = ActivityDefinition(
      "unlucky-9d3", options: ActivityOptions(retry: RetryPolicy(maxAttempts: 2, backoff: .none))
    ) { (context) in
      context.logger.warn("try", metadata: ["bank": "north"])
      context.logger.debug("never made")
      if context.attempt == 1 { throw Failure(type: "Busy", message: "") }
    }
    let talks = OrchestrationDefinition("talks-9d3") { (context) in
      context.logger.info("begun", metadata: ["b": "2", "a": "1"])
      try await context.call(unlucky)
      context.logger.error("ended")
      try context.metric("talks-9d3", 2, kind: .gauge, attributes: ["color": "red"])
    }
    try EngineLog.send { record in
      if record.orchestration == "talks-9d3" { lines.add(record) }
    }
    var options = RuntimeOptions()
    options.isCaching = false
    try await withTestEnvironment([talks, unlucky], options: options) { environment in
      try await environment.run(talks, instance: "t-9d3")
      let start = try environment.now()
      #expect(try await eventually { lines.all.contains { $0.metric != nil } })
      let tries = lines.all.filter { $0.message == "try" }
      #expect(tries.map(\.attempt) == [1, 2])
      #expect(tries.map(\.level) == [.warn, .warn])
      #expect(tries.first?.at == start, "by the time of the store")
      let said: [String: String] = [
        "bank": "north", "instance": "t-9d3", "execution": "1", "orchestration": "talks-9d3",
        "activity": "unlucky-9d3", "attempt": "1",
      ]
      #expect(tries.first?.metadata == said)
    }
    try EngineLog.turnOff()
    #expect(lines.all.count { $0.message == "begun {a=1 b=2}" } == 1, "not again in a replay")
    #expect(lines.all.filter { $0.message == "ended" }.map(\.level) == [.error])
    #expect(!lines.all.contains { $0.message == "never made" })
    let metric = try #require(lines.all.first { $0.metric != nil })
    #expect(metric.metric == .init(kind: .gauge, value: 2, attributes: ["color": "red"]))
    #expect(metric.metadata["color"] == "red" && metric.metadata["value"] == "2.0")
    #expect(metric.description.hasPrefix("info t-9d3: talks-9d3 {"))
  }
}
