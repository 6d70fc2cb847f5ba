import PerdureModel
import PerdureWire

extension Runtime {
  /// Replays a recorded history (an exported instance, `Management.exportInstance`, or one execution as a
  /// JSON object: docs/wire-format.md, "Recorded history") against the code of this runtime, which must have
  /// been started. Changes nothing.
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
