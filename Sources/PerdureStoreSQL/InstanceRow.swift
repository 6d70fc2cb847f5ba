internal import PerdureModel
internal import PerdureStore

/// What an instance has beyond the usual: what it never used costs it nothing.
struct Used: OptionSet {
  let rawValue: Int64

  /// Rows in the tables of those names.
  static let keyValues = Used(rawValue: 1)
  static let topics = Used(rawValue: 2)
  static let calls = Used(rawValue: 4)
  /// A row in `instance_options`.
  static let options = Used(rawValue: 8)
}

/// What the writer must know of an instance before it changes it.
struct InstanceRow {
  let pk: Int64
  let revision: Revision
  let status: InstanceStatus
  let execution: ExecutionID
  let eventCount: Int64
  var inboxCount: Int64
  /// As it stands in the row: may be a node that is gone.
  var owner: NodeID?
  var used: Used
  let parent: InstanceID?
  let createdAt: TimestampMS
  let orchestration: String
  let version: String?

  /// Turns may run, now or later.
  var isServable: Bool { !status.isTerminal && status != .suspended && status != .quarantined }
}

extension Writer {
  /// nil if there is no such instance.
  func find(_ instance: InstanceID) throws(StoreError) -> InstanceRow? {
    if !foresight.isEmpty, let known = foresight.take(instance) {
      // One that is not there may come at any moment.
      if known == nil { try mustBeAlone() }
      return known
    }
    if isShared, shared?.holds(instance) != true { try mustBeAlone() }
    let find = statements.find
    find.bind(1, instance)
    defer { find.reset() }
    return try find.step() ? instanceRow(find) : nil
  }

  func instanceRow(_ find: Statement) -> InstanceRow {
    InstanceRow(
      pk: find.integer(0), revision: find.integer(1), status: status(find, 2),
      execution: find.integer(3), eventCount: find.integer(4), inboxCount: find.integer(5),
      owner: find.optionalInteger(6), used: Used(rawValue: find.integer(7)), parent: find.optionalText(8),
      createdAt: find.integer(9), orchestration: find.text(10), version: find.optionalText(11))
  }

  /// The status in a column. One that nobody knows is no end: the instance can be quarantined, terminated
  /// and deleted, and others can go on with what they want of it. Whoever loads it says what is wrong.
  func status(_ row: Statement, _ column: Int32) -> InstanceStatus {
    InstanceStatus(rawValue: row.text(column)) ?? .running
  }

  /// The node, if it is alive.
  func live(_ node: NodeID?) throws(StoreError) -> NodeID? {
    guard let node else { return nil }
    if let isLive = liveNodes[node] { return isLive ? node : nil }
    let exists = statements.nodeExists
    exists.bind(1, node)
    defer { exists.reset() }
    let isLive = try exists.step()
    liveNodes[node] = isLive
    return isLive ? node : nil
  }
}
