/// The logger of one piece of code: `OrchestrationContext.logger` or `ActivityContext.logger`. Its records
/// say by themselves which instance, execution and attempt they are of, and go where `EngineLog.send` says.
///
/// Those of an orchestration are made once, when the turn that said it is on disk, and not again by a replay.
/// Those of an activity come at once, for each attempt.
public struct ContextLogger: Sendable {
  enum Source: Sendable {
    case orchestration(LiveOrchestration)
    case activity(ActivityLogSource)
  }

  let source: Source

  /// For those who mend the code.
  public func debug(_ message: @autoclosure () -> String, metadata: [String: String] = [:]) {
    log(.debug, message(), metadata: metadata)
  }

  /// For those who look on.
  public func info(_ message: @autoclosure () -> String, metadata: [String: String] = [:]) {
    log(.info, message(), metadata: metadata)
  }

  /// Something is not as it should be, and goes on.
  public func warn(_ message: @autoclosure () -> String, metadata: [String: String] = [:]) {
    log(.warn, message(), metadata: metadata)
  }

  /// Something has failed.
  public func error(_ message: @autoclosure () -> String, metadata: [String: String] = [:]) {
    log(.error, message(), metadata: metadata)
  }

  /// - Parameters:
  ///   - level: how much it matters.
  ///   - message: not even made when nobody takes records of this level.
  ///   - metadata: more about it. Of an orchestration it becomes a part of the message.
  public func log(
    _ level: LogLevel, _ message: @autoclosure () -> String, metadata: [String: String] = [:]
  ) {
    guard EngineLog.takes(level) else { return }
    switch source {
    case .orchestration(let live):
      let words = metadata.isEmpty ? "" : " {\(LogRecord.words(metadata))}"
      OrchestrationContext(live: live).log("\(message())\(words)", level: level)
    case .activity(let source):
      let at = (try? source.store.now()) ?? Timestamp(millisecondsSince1970: 0)
      EngineLog.write(LogRecord(level, message(), metadata, from: source, at: at))
    }
  }
}

/// What the records of an attempt say of it.
struct ActivityLogSource: Sendable {
  let instance: String
  let execution: Int64
  let orchestration: String
  let activity: String
  let attempt: Int64
  let traceparent: String?
  let store: Store
}

extension OrchestrationContext {
  /// The logger of this execution.
  public var logger: ContextLogger { ContextLogger(source: .orchestration(live)) }
}
