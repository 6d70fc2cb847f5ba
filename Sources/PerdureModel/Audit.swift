/// Who asks for a change, and why.
package struct Requester: Hashable, Sendable {
  /// Any text; empty: not said.
  package var actor: String
  package var reason: String

  package init(actor: String = "", reason: String = "") {
    self.actor = actor
    self.reason = reason
  }
}

/// What somebody did to a store: written together with the change, and kept apart from what was changed.
package struct AuditNote: Hashable, Sendable {
  package var actor: String
  /// A word of the management API, such as `terminate`.
  package var operation: String
  /// The instance, or the name of what was changed.
  package var target: String
  package var reason: String
  /// What else there is to say; any JSON.
  package var detail: Payload?
  package var at: TimestampMS

  package init(
    actor: String = "", operation: String, target: String, reason: String = "", detail: Payload? = nil,
    at: TimestampMS
  ) {
    self.actor = actor
    self.operation = operation
    self.target = target
    self.reason = reason
    self.detail = detail
    self.at = at
  }
}

package struct AuditRecord: Hashable, Sendable {
  /// Grows from record to record.
  package var id: Int64
  package var note: AuditNote

  package init(id: Int64, note: AuditNote) {
    self.id = id
    self.note = note
  }
}

/// Filters are joined by "and". The newest record comes first.
package struct AuditQuery: Hashable, Sendable {
  package var target: String?
  package var actor: String?
  package var operation: String?
  /// Not before this moment.
  package var from: TimestampMS?
  /// Before this moment.
  package var to: TimestampMS?
  /// From `AuditPage.next`; 0: from the newest one.
  package var cursor: Int64 = 0
  /// 1...`Limits.pageRows`
  package var limit = 100

  package init() {}

  package func matches(_ note: AuditNote) -> Bool {
    func isSame(_ wanted: String?, _ text: String) -> Bool {
      wanted.map { ExactText($0) == ExactText(text) } ?? true
    }
    return isSame(target, note.target) && isSame(actor, note.actor) && isSame(operation, note.operation)
      && note.at >= from ?? .min && note.at < to ?? .max
  }
}

package struct AuditPage: Hashable, Sendable {
  package var records: [AuditRecord]
  /// Where the next page begins; nil at the end.
  package var next: Int64?

  package init(records: [AuditRecord] = [], next: Int64? = nil) {
    self.records = records
    self.next = next
  }
}
