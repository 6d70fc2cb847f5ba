/// What an operator, a tool or a test asks of a store: docs/wire-format.md, "Management".
package struct ManageRequest: Hashable, Sendable {
  package var operation: ManageOperation
  /// Who asks, and why. Recorded with what changes something.
  package var actor: String
  package var reason: String

  package init(_ operation: ManageOperation, actor: String = "", reason: String = "") {
    self.operation = operation
    self.actor = actor
    self.reason = reason
  }

  package var requester: Requester { Requester(actor: actor, reason: reason) }
}

package enum ManageOperation: Hashable, Sendable {
  /// The living runtimes, and what each serves.
  case nodes
  /// An instance as a file, with its descendants.
  case export(InstanceID, children: Bool)
  /// - isSuspended: open instances do not run before they are resumed.
  case importInstances([InstanceExport], isSuspended: Bool)
  case schedule(ScheduleOperation)
  case inspect(InstanceID)
  case why(InstanceID)
  case executions(ExecutionsQuery)
  case tree(TreeQuery)
  /// From the parent of the instance to its root.
  case ancestors(InstanceID)
  case statistics(StatisticsQuery)
  case queues
  /// What was done by whom, the newest first.
  case audit(AuditQuery)
  /// Cancel, suspend, resume, terminate, retry, requeue of one instance.
  case control(InstanceID, ControlRequest.Operation)
  case bulk(BulkRequest)
  case prune(PruneRequest)
  /// The retention rules.
  case retention
  case setRetention(RetentionRule)
  case removeRetention(String)
  case sweep(isDryRun: Bool, limit: Int)
  case activity(ActivityRequest)
  /// Puts an instance back to an earlier point; a dry run only says what that would do.
  case reset(InstanceID, to: ResetPoint, isDryRun: Bool)
}
