import PerdureModel

extension Management {
  /// An instance with all that belongs to it (histories of all executions, waiting messages, key-value state,
  /// pending activities, calls, subscriptions), as it stands now, as JSON lines: docs/wire-format.md,
  /// "Exported instances". For `importInstances`, and for `HistoryReplay`.
  ///
  /// - Parameters:
  ///   - instance: its id.
  ///   - children: with its descendants.
  /// - Throws: `DXError`: `notFound`.
  public func exportInstance(_ instance: String, children: Bool = true) async throws -> String {
    let request = ExportRequest(instance: instance, children: children)
    return String(decoding: try await askText("export", request), as: UTF8.self)
  }

  /// Puts exported instances into this store: all of them, or none.
  ///
  /// - Parameters:
  ///   - text: what `exportInstance` returned.
  ///   - suspended: open instances do not run before they are resumed (`Client.resume`).
  ///   - reason: why, for the record.
  /// - Returns: their ids.
  /// - Throws: `DXError`: `alreadyExists` for an id that is taken, `invalidArgument` (which line) for text
  ///   that is no export, or one of a newer release, `limitExceeded`.
  @discardableResult
  public func importInstances(
    _ text: String, suspended: Bool = true, reason: String = ""
  ) async throws -> [String] {
    try await ask(
      "import", ImportRequest(text: text, suspended: suspended), reason: reason,
      returning: Imported.self
    ).imported
  }

  private struct ExportRequest: Encodable {
    let instance: String
    let children: Bool
  }

  private struct ImportRequest: Encodable {
    let text: String
    let suspended: Bool
  }

  private struct Imported: Decodable { let imported: [String] }
}
