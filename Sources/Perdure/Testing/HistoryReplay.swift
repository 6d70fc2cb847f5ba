import PerdureModel
import PerdureWire

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
    let data = try Data(contentsOf: URL(fileURLWithPath: path))
    return try await check(String(decoding: data, as: UTF8.self), against: definitions, timeout: timeout)
  }
}

extension Runtime {
  /// Replays a recorded history (see `HistoryReplay`) against the code of this runtime, which must have been
  /// started. Changes nothing.
  ///
  /// - Throws: `DXError`: `invalidArgument`, `timedOut`, `closed` when the runtime is stopped meanwhile.
  public func replay(_ history: String, timeout: Duration? = .seconds(60)) async throws -> ReplayReport {
    let answer = try await EngineWait.replay(
      Array(history.utf8), runtime: handle, timeout: timeout.waitMS)
    return try PayloadCoding.decode(ReplayReport.self, Payload(bytes: answer), "the replay report")
  }

  /// Replays every open instance of the store, as it stands, against the code of this runtime, which must
  /// have been started (with `RuntimeOptions.replayOnly`, if it is not to run anything). Changes nothing.
  ///
  /// - Throws: `DXError`: `timedOut`, `closed` when the runtime is stopped meanwhile, or of the store.
  public func preflight(
    _ options: PreflightOptions = PreflightOptions(), timeout: Duration? = nil
  ) async throws -> PreflightReport {
    let request = try PayloadCoding.encode(options, "the preflight request")
    let answer = try await EngineWait.preflight(
      request.bytes, runtime: handle, timeout: timeout.waitMS)
    return try PayloadCoding.decode(PreflightReport.self, Payload(bytes: answer), "the preflight report")
  }
}
