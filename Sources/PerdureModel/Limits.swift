/// Every bound of the engine, in one place. Defaults; `RuntimeOptions` and `ClientOptions` may lower or raise
/// them.
package enum Limits {
  package static let nameBytes = 256
  package static let instanceIDBytes = 512
  package static let payloadBytes = 2 * 1024 * 1024
  package static let customStatusBytes = 256 * 1024
  package static let reasonBytes = 16 * 1024
  package static let historyEvents: Int64 = 50_000
  package static let pendingActions = 10_000
  package static let inboxMessages = 100_000

  /// Actions that the host may list in one turn.
  package static let actionsPerTurn = 20_000
  /// Messages folded into one turn; the rest waits for the next.
  package static let messagesPerTurn = 1_000
  /// Turns of one instance that may fail at the host in a row before the instance is quarantined.
  package static let turnFailures = 10
  /// Activities that one runtime claims for itself, running and queued; the rest is open to others.
  package static let activitiesHeld = 2_000
  /// JSON nesting that the scanner follows.
  package static let jsonDepth = 512
  /// Causes below a failure; those further down are dropped.
  package static let failureCauses = 64
  /// Entries in one group commit.
  package static let entriesPerCommit = 1_024
  /// Rows in one page of a listing or a history.
  package static let pageRows = 1_000
  /// Requests in one batch call through the ABI.
  package static let batchRequests = 10_000
}
