public import Perdure

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Compares recorded histories with the code of today, without a store.
///
///     let report = try await HistoryReplay.check(file: "Tests/order-7.jsonl", against: [order])
///     try report.throwIfDifferent()
public enum HistoryReplay {
  /// Runs the code through a history, and says where they part.
  ///
  /// - Parameters:
  ///   - history: an exported instance (`Management.exportInstance`), or one execution as a JSON object:
  ///     docs/wire-format.md, "Recorded history".
  ///   - definitions: the code. Activities are not run.
  ///   - timeout: for all of it; nil for no limit.
  /// - Throws: `DXError`: `invalidArgument` for text that is no history, `timedOut`.
  public static func check(
    _ history: String, against definitions: [any Definition], timeout: Duration? = .seconds(60)
  ) async throws -> ReplayReport {
    var options = RuntimeOptions()
    options.replayOnly = true
    let runtime = try Runtime(try await Store(url: "memory:"), options)
    try runtime.register(definitions)
    try await runtime.start()
    let report: Result<ReplayReport, any Error>
    do { report = .success(try await runtime.replay(history, timeout: timeout)) } catch {
      report = .failure(error)
    }
    try await runtime.stop(grace: .zero)
    return try report.get()
  }

  /// The same with a file.
  public static func check(
    file path: String, against definitions: [any Definition], timeout: Duration? = .seconds(60)
  ) async throws -> ReplayReport {
    let history = try await CallLanes.perform {
      String(decoding: try Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
    }
    return try await check(history, against: definitions, timeout: timeout)
  }
}
