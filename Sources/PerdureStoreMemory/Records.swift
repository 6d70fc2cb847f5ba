import PerdureModel

/// One instance with all that belongs to it. `order` is its place in the order of creation.
struct InstanceRecord: Sendable {
  let order: Int64
  var description: InstanceDescription
  var start: InstanceStart?
  var owner: NodeID?
  var wakeAt: TimestampMS?
  /// One history for each execution; the last is the current one.
  var histories: [[Event]] = [[]]
  /// In order of sequence.
  var inbox: [InboxMessage] = []
  /// Of the current execution: those of an earlier one go when it ends.
  var activities: [ActionID: ActivityRow] = [:]

  init(_ start: InstanceStart, order: Int64, owner: NodeID?, now: TimestampMS) {
    self.order = order
    self.owner = owner
    self.start = start
    wakeAt = 0
    description = InstanceDescription(
      instance: start.instance, orchestration: start.orchestration, version: start.version,
      status: .pending, execution: 1, revision: 0, parent: start.parent, customStatus: nil,
      customStatusVersion: 0, output: nil, failure: nil, createdAt: now, updatedAt: now, endedAt: nil,
      eventCount: 0)
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
      due: Due(at: wakeAt, order: order), orchestration: description.orchestration, owner: owner)
  }

  mutating func receive(_ message: InboxMessage) {
    inbox.append(message)
    if isServable { wakeAt = 0 }
  }
}

struct Placement: Equatable {
  var due: Due
  var orchestration: String
  var owner: NodeID?
}

/// An instance that needs attention at a moment: earliest first, then in the order of creation.
struct Due: Comparable, Sendable {
  var at: TimestampMS
  var order: Int64

  static func < (one: Due, other: Due) -> Bool { (one.at, one.order) < (other.at, other.order) }
}

struct ActivityRow: Sendable {
  var task: ActivityTask
  /// Its place in the order of scheduling.
  var sequence: Int64
  /// Somebody had a claim once, so that the next one is another attempt.
  var wasClaimed: Bool

  func due(of order: Int64) -> ActivityDue {
    ActivityDue(at: task.visibleAt, sequence: sequence, order: order, action: task.key.action)
  }
}

/// An activity that is visible from a moment on: earliest first, then in the order of scheduling.
struct ActivityDue: Comparable, Sendable {
  var at: TimestampMS
  var sequence: Int64
  /// Of the instance.
  var order: Int64
  var action: ActionID

  static func == (one: ActivityDue, other: ActivityDue) -> Bool {
    (one.at, one.sequence) == (other.at, other.sequence)
  }

  static func < (one: ActivityDue, other: ActivityDue) -> Bool {
    (one.at, one.sequence) < (other.at, other.sequence)
  }
}
