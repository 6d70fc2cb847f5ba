import PerdureModel
import PerdureStore
import PerdureWire

/// One instance with all that belongs to it. `order` is its place in the order of creation.
struct InstanceRecord: Sendable {
  let order: Int64
  var description: InstanceDescription
  var start: InstanceStart?
  let closePolicy: ParentClosePolicy
  var owner: NodeID?
  var wakeAt: TimestampMS?
  /// How often in a row its process died while it was due, and at which of these times its pause began.
  var lostTurns: Int64 = 0
  var pausedAt: Int64 = 0
  /// One history for each execution; the last is the current one.
  var histories: [[Event]] = [[]]
  /// In order of sequence.
  var inbox: [InboxMessage] = []
  /// Of the current execution: those of an earlier one go when it ends.
  var activities: [ActionID: ActivityRow] = [:]
  var keyValues = KeyValues()
  /// By the id of the call.
  var calls: [ExactText: CallState] = [:]
  var topics: Set<ExactText> = []

  init(
    _ start: InstanceStart, order: Int64, revision: Revision, owner: NodeID?, now: TimestampMS
  ) {
    self.order = order
    self.start = start
    closePolicy = start.options.closePolicy
    description = InstanceDescription(
      instance: start.instance, orchestration: start.orchestration, version: start.version,
      status: .pending, execution: 1, revision: revision, parent: start.parent, customStatus: nil,
      customStatusVersion: 0, output: nil, failure: nil, createdAt: now, updatedAt: now, endedAt: nil,
      eventCount: 0)
    description.startAt = start.options.startAt
    description.priority = start.options.priority
    description.attributes = start.options.attributes
    description.memo = start.options.memo
    description.dedupKey = start.options.dedupKey
    let isLater = start.options.startAt > now
    self.owner = isLater ? nil : owner
    wakeAt = isLater ? start.options.startAt : 0
  }

  /// Turns may run, now or later.
  var isServable: Bool {
    switch description.status {
    case .quarantined, .suspended: false
    default: !description.status.isTerminal
    }
  }

  /// Where the record stands in the indexes; nil if it waits for nothing but a message.
  var placement: Placement? {
    guard isServable, let wakeAt else { return nil }
    return Placement(
      due: Due(at: wakeAt, order: order), orchestration: description.orchestration,
      priority: description.priority, owner: owner)
  }

  var labels: [Attribute] { description.attributes.map(AttributesWire.decode) ?? [] }

  var kind: StatusTally.Kind {
    StatusTally.Kind(description.orchestration, description.version, description.status)
  }

  mutating func receive(_ message: InboxMessage) {
    inbox.append(message)
    if case .call(let id, _, _) = message.kind { calls[ExactText(id)] = .waiting }
    guard isServable else { return }
    // One that starts later goes on waiting for that, unless it is to be cancelled.
    if start != nil, description.startAt > 0, wakeAt == description.startAt, !message.kind.isCancel { return }
    wakeAt = 0
  }

  /// Back to work, after it was suspended or quarantined.
  mutating func putBack(now: TimestampMS) {
    (lostTurns, pausedAt) = (0, 0)
    description.status = start == nil ? .running : .pending
    let waits = start != nil && description.startAt > now && !inbox.contains { $0.kind.isCancel }
    wakeAt = waits ? description.startAt : 0
    owner = nil
  }
}

extension MessageKind {
  fileprivate var isCancel: Bool { if case .cancel = self { true } else { false } }
}

struct Placement: Equatable {
  var due: Due
  var orchestration: String
  var priority: Int64
  var owner: NodeID?
}

/// An instance that needs attention at a moment: earliest first, then in the order of creation.
struct Due: Comparable, Sendable {
  var at: TimestampMS
  var order: Int64

  static func < (one: Due, other: Due) -> Bool { (one.at, one.order) < (other.at, other.order) }
}
