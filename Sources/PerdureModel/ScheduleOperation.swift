/// What operators ask about schedules: "Schedules" of docs/wire-format.md.
package enum ScheduleOperation: Hashable, Sendable {
  case create(String, ScheduleCreation)
  case send(String, ScheduleMessage)
  /// A run now. The engine makes its suffix.
  case trigger(String, overlap: ScheduleOverlap?)
  case backfill(String, from: TimestampMS, to: TimestampMS, overlap: ScheduleOverlap?)
  case describe(String)
  /// - cursor: from the page before; 0 for the first.
  case list(cursor: Int64, limit: Int)
  /// The first due times after a moment (nil: now), of no schedule in particular.
  case times(ScheduleSpec, after: TimestampMS?, count: Int)
}

package struct ScheduleCreation: Hashable, Sendable {
  package enum Policy: String, Hashable, Sendable, CaseIterable {
    /// A schedule of that name is a refusal.
    case fail
    /// It is updated to be as this one.
    case replace
  }

  package var definition: ScheduleDefinition
  package var isPaused = false
  package var note = ""
  package var policy = Policy.fail

  package init(_ definition: ScheduleDefinition) { self.definition = definition }
}

/// A schedule as operators see it.
package struct ScheduleDescription: Hashable, Sendable {
  package var name: String
  package var instance: InstanceID
  package var status: InstanceStatus
  package var record: ScheduleRecord
  /// Of runs that are open, and that wait: the record may show only the first.
  package var runningCount: Int64
  package var bufferedCount: Int64
  /// The next due times, with jitter.
  package var next: [TimestampMS]
  package var createdAt: TimestampMS
  /// Why it does not go on, as far as is known.
  package var pendingReason: String?

  package init(
    name: String, instance: InstanceID, status: InstanceStatus, record: ScheduleRecord, runningCount: Int64,
    bufferedCount: Int64, next: [TimestampMS], createdAt: TimestampMS, pendingReason: String? = nil
  ) {
    self.name = name
    self.instance = instance
    self.status = status
    self.record = record
    self.runningCount = runningCount
    self.bufferedCount = bufferedCount
    self.next = next
    self.createdAt = createdAt
    self.pendingReason = pendingReason
  }
}
