/// What a replay of a recorded history came to.
public struct ReplayReport: Hashable, Sendable, Decodable, CustomStringConvertible {
  /// What came of it.
  public enum Verdict: String, Hashable, Sendable, Decodable, CaseIterable {
    /// The code does what its history says.
    case same
    /// The code takes another way: a runtime would quarantine the instance.
    case differs
    /// The code goes the way of its history and comes to another end.
    case endedDifferently
    /// The history is none that an engine wrote.
    case malformed
    /// No code is registered under this name and version.
    case notRegistered
    /// The code could not be run.
    case failed
  }

  /// What came of it.
  public let verdict: Verdict
  /// nil: the history has no events.
  public let instance: String?
  /// The execution that the report is of.
  public let execution: Int64?
  /// The name of the orchestration.
  public let orchestration: String?
  /// The version that it was recorded with.
  public let version: String?
  /// In words: what kind of difference.
  public let rule: String?
  /// The event of history at which code and history part, and its kind.
  public let event: Int64?
  /// The kind of that event.
  public let eventKind: String?
  /// What history has there, and what the code does.
  public let expected: String?
  /// What the code does there.
  public let found: String?
  /// All of it in one sentence.
  public let message: String
  /// Executions that were replayed. The report is of the first that is not the same.
  public let replayed: Int

  /// History and code are the same.
  public var isSame: Bool { verdict == .same }

  /// - Throws: `DXError` (`nondeterminism`) with the whole report, unless history and code are the same.
  public func throwIfDifferent() throws {
    if !isSame { throw DXError(.nondeterminism, description) }
  }

  /// Several lines for people.
  public var description: String {
    if isSame { return "same: \(message)" }
    var lines = ["\(verdict.rawValue): instance '\(instance ?? "")', execution \(execution ?? 0), \(code)"]
    lines += ReplayWords.difference(rule, event, eventKind, expected, found, message)
    if let hint = ReplayWords.hint(verdict) { lines.append("  hint: \(hint)") }
    return lines.joined(separator: "\n")
  }

  private var code: String { "orchestration '\(orchestration ?? "")' \(version ?? "")" }
}

/// The words of reports.
enum ReplayWords {
  static func difference(
    _ rule: String?, _ event: Int64?, _ kind: String?, _ expected: String?, _ found: String?,
    _ message: String
  ) -> [String] {
    guard let expected, let found else { return ["  \(message)"] }
    let place = "\(event.map { "event \($0)" } ?? "its history")\(kind.map { " (\($0))" } ?? "")"
    return [
      "  at \(place): \(rule ?? "difference")", "  history has: \(expected)", "  the code does: \(found)",
    ]
  }

  static func hint(_ verdict: ReplayReport.Verdict) -> String? {
    switch verdict {
    case .differs:
      "keep the old way for instances that have taken it (`if context.patched(...)`), or register the "
        + "changed code as a new version beside the old one"
    case .endedDifferently:
      "nothing that has ended is run again; instances that are still open come to the new end"
    case .notRegistered: "instances stay with their version: register it beside the new one"
    case .same, .malformed, .failed: nil
    }
  }
}
