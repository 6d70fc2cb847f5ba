import TestSupport
import Testing

@testable import Perdure

/// The log is one for the whole process: these tests run one after the other, and look at their own lines.
@Suite(.serialized) struct LogTests {
  /// Defect 12 of engines of this kind: what is counted in orchestration code is counted once per turn.
  @Test func logsAndMeasurementsAreMadeOnce() async throws {
    let lock = await LogLock()
    defer { withExtendedLifetime(lock) {} }
    let lines = Notes<Perdure.LogRecord>()
    let chatty = OrchestrationDefinition("chatty-7c1") { (context) in
      for step in 0..<5 {
        context.log("chatty-7c1 step \(step)")
        try context.metric("chatty-7c1 steps", 1, attributes: ["step": "\(step)"])
        try await context.sleep(for: .milliseconds(1))
      }
    }
    var options = RuntimeOptions()
    options.isCaching = false
    try EngineLog.send { record in if record.orchestration == "chatty-7c1" { lines.add(record) } }
    try await Site.with(options, register: { try $0.register(chatty) }) { site in
      try await site.client.start(chatty).result(timeout: .seconds(20))
      #expect(try await eventually { lines.all.count { $0.metric != nil } >= 5 })
    }
    try EngineLog.turnOff()
    for step in 0..<5 {
      #expect(lines.all.count { $0.message == "chatty-7c1 step \(step)" } == 1)
      #expect(lines.all.count { $0.metric?.attributes == ["step": "\(step)"] } == 1)
    }
  }

  /// Defect 11 of engines of this kind: at the level of errors, warnings are printed all the same.
  @Test func whatIsBelowTheLevelIsNotSent() async throws {
    let lock = await LogLock()
    defer { withExtendedLifetime(lock) {} }
    let lines = Notes<Perdure.LogRecord>()
    let levels = OrchestrationDefinition("levels-7c1") { (context) in
      for level in LogLevel.allCases { context.log("levels-7c1 \(level)", level: level) }
    }
    try EngineLog.send(from: .error) { record in if record.orchestration == "levels-7c1" { lines.add(record) }
    }
    try await Site.with(register: { try $0.register(levels) }) { site in
      try await site.client.start(levels).result(timeout: .seconds(20))
      #expect(try await eventually { lines.all.contains { $0.message == "levels-7c1 error" } })
    }
    try EngineLog.turnOff()
    #expect(lines.all.count == 1, "\(lines.all)")
  }
}
