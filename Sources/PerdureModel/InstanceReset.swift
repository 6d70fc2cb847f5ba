/// Puts an instance back to an earlier point of its current execution, from where it goes on.
package struct InstanceReset: Hashable, Sendable {
  package var instance: InstanceID
  /// The revision and creation of the row that this was computed from; it must still have them.
  package var revision: Revision
  package var createdAt: TimestampMS
  package var execution: ExecutionID
  package var now: TimestampMS
  /// Events up to this one stay as they are, all later ones go.
  package var kept: EventID
  /// Follow those that stay; ids go on.
  package var appended: [Event] = []
  package var customStatus: Payload?
  /// Made upon the state that the execution began with.
  package var kvChanges: [TimedKVChange] = []
  /// What the instance is subscribed to.
  package var topics: [String] = []
  /// Put before what waits in the inbox. A call among them does not wait for an answer anew.
  package var returned: [MessageKind] = []
  /// The activities that are open: rows that are there stay as they are, missing ones are made, others go.
  package var activities: [ActivityTask] = []
  /// Children that go, with their descendants, whether they have ended or not. Others than children of the
  /// instance are left alone.
  package var removed: [InstanceID] = []
  /// Children that begin (anew). The parent hears of one whose id is taken, as from a turn.
  package var starts: [InstanceStart] = []

  package init(
    instance: InstanceID, revision: Revision, createdAt: TimestampMS, execution: ExecutionID,
    now: TimestampMS, kept: EventID
  ) {
    self.instance = instance
    self.revision = revision
    self.createdAt = createdAt
    self.execution = execution
    self.now = now
    self.kept = kept
  }
}

extension InstanceReset {
  /// What is appended goes on where what is kept ends.
  ///
  /// - eventCount: of the execution as it stands.
  package func fits(_ eventCount: Int64) -> Bool {
    guard (1...max(eventCount, 1)).contains(kept) else { return false }
    return appended.enumerated().allSatisfy { $0.element.id == kept &+ Int64($0.offset) &+ 1 }
  }
}

/// Where an instance is put back to.
package enum ResetPoint: Hashable, Sendable {
  /// After code has seen this event and nothing later; 0: before it has seen anything.
  case event(EventID)
  /// Of a failed instance: before the failure that ended it.
  case failedStep
}

/// What a reset does, or would do, to one instance.
package struct ResetReport: Hashable, Sendable {
  package struct Child: Hashable, Sendable {
    package enum Fate: String, Hashable, Sendable {
      /// It has not ended and goes on.
      case goesOn
      /// It had failed and is itself put back to before its failed step.
      case rewound
      /// It had been cancelled, terminated or deleted, and begins anew.
      case restarted
      /// It was started later than the point, and is deleted.
      case deleted
      /// It has ended, and its parent is told so (again).
      case ended
    }

    package var instance: InstanceID
    package var fate: Fate

    package init(_ instance: InstanceID, _ fate: Fate) {
      self.instance = instance
      self.fate = fate
    }
  }

  package var instance: InstanceID
  /// The last event that the code has seen there.
  package var event: EventID
  /// Events that go.
  package var droppedCount: Int
  /// Activities that failed later and are tried again.
  package var reopened: [String]
  /// Activities that were scheduled later: the code may ask for them a second time.
  package var repeated: [String]
  package var children: [Child]

  package init(
    instance: InstanceID, event: EventID, droppedCount: Int, reopened: [String], repeated: [String],
    children: [Child]
  ) {
    self.instance = instance
    self.event = event
    self.droppedCount = droppedCount
    self.reopened = reopened
    self.repeated = repeated
    self.children = children
  }
}
