/// What a reset does, or would do, to one instance.
public struct ResetReport: Hashable, Sendable, Decodable {
  /// A child of the instance, and what becomes of it.
  public struct Child: Hashable, Sendable, Decodable {
    /// What becomes of a child.
    public enum Fate: String, Hashable, Sendable, Decodable {
      /// It has not ended and goes on.
      case goesOn
      /// It had failed, and is itself put back to before its failed step.
      case rewound
      /// It had been cancelled, terminated or deleted, and begins anew.
      case restarted
      /// It was started later than the point, and is deleted.
      case deleted
      /// It has ended, and its parent is told so.
      case ended
    }

    /// Its id.
    public let instance: String
    /// What becomes of it.
    public let fate: Fate
  }

  /// The instance that is reset.
  public let instance: String
  /// The last event that the code has seen there; 0: none.
  public let event: Int64
  /// How many events go.
  public let dropped: Int
  /// Activities that failed later and are tried again.
  public let reopened: [String]
  /// Activities that were scheduled later: the code may ask for them a second time.
  public let repeated: [String]
  /// Those that it called after that event.
  public let children: [Child]
}

extension Management {
  /// Lets a failed instance go on from its failed step: the activity that failed is tried again, a child that
  /// failed is rewound itself. What the code did after that (such as compensations) is forgotten, not undone.
  ///
  /// - Parameters:
  ///   - instance: its id.
  ///   - reason: why, for the record.
  ///   - dryRun: only says what it would do.
  /// - Returns: one report for each instance that is put back, the named one first.
  /// - Throws: `DXError`: `wrongStatus` for an instance that has not failed, or whose parent was told.
  @discardableResult
  public func rewind(
    _ instance: String, reason: String = "", dryRun: Bool = false
  ) async throws -> [ResetReport] {
    let request = Rewind(instance: instance, dryRun: dryRun)
    return try await ask("rewind", request, reason: reason, returning: Answer.self).instances
  }

  /// Puts an instance back to where it stood after an event of its current execution. Messages and results
  /// that it had later come again; what failed later is tried again; what its code did later is forgotten,
  /// not undone.
  ///
  /// - Parameters:
  ///   - instance: its id.
  ///   - event: its id; 0: to the beginning of the execution.
  ///   - reason: why, for the record.
  ///   - dryRun: only says what it would do.
  /// - Returns: one report for each instance that is put back, the named one first.
  @discardableResult
  public func reset(
    _ instance: String, toEvent event: Int64, reason: String = "", dryRun: Bool = false
  ) async throws -> [ResetReport] {
    let request = Reset(instance: instance, event: event, dryRun: dryRun)
    return try await ask("reset", request, reason: reason, returning: Answer.self).instances
  }

  private struct Rewind: Encodable {
    let instance: String
    let dryRun: Bool
  }

  private struct Reset: Encodable {
    let instance: String
    let event: Int64
    let dryRun: Bool
  }

  private struct Answer: Decodable { let instances: [ResetReport] }
}
