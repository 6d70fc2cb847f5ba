internal import PerdureModel
internal import PerdureStore

/// Rows that the entries of a group will look at, read all at once: on a server every look is a wait.
///
/// A row serves the first look at its instance, as nobody in the group has had a hand in it by then: whoever
/// changes an instance, its messages or its activities has looked for it before. What does so without looking
/// clears everything.
struct Foresight {
  struct Activity: Hashable {
    let instance: Int64
    let execution: ExecutionID
    let action: ActionID
  }

  /// Of those that are not there: none.
  private var instances: [ExactText: InstanceRow?] = [:]
  /// Of those that are not there: none.
  fileprivate(set) var activities: [Activity: HeldActivity?] = [:]
  /// Up to the last one that the turn of the instance consumes.
  fileprivate(set) var messages: [Int64: [MessageSequence]] = [:]
  /// What was looked at last came from here: so do its activities and messages.
  private var current: Int64?

  var isEmpty: Bool { instances.isEmpty && current == nil }

  mutating func add(_ instance: InstanceID, _ row: InstanceRow?) {
    instances[ExactText(instance)] = .some(row)
  }

  /// Outer nil: nothing is known of it.
  mutating func take(_ instance: InstanceID) -> InstanceRow?? {
    current = nil
    guard let row = instances.removeValue(forKey: ExactText(instance)) else { return nil }
    current = row?.pk
    return .some(row)
  }

  /// Somebody changes it without looking.
  mutating func forget(_ instance: InstanceID) { instances[ExactText(instance)] = nil }

  /// There is no such instance.
  mutating func takeAbsent(_ instance: InstanceID) -> Bool {
    guard let row = instances[ExactText(instance)], row == nil else { return false }
    instances[ExactText(instance)] = nil
    return true
  }

  func covers(_ instance: Int64) -> Bool { current == instance }

  /// Outer nil: nothing is known of it.
  func activity(_ instance: Int64, _ execution: ExecutionID, _ action: ActionID) -> HeldActivity?? {
    guard covers(instance) else { return nil }
    return activities[Activity(instance: instance, execution: execution, action: action)]
  }

  fileprivate func row(_ instance: InstanceID) -> InstanceRow? { instances[ExactText(instance)] ?? nil }
}

extension StoreEntry {
  /// It changes nothing of an instance that it has not looked for, or has it forgotten.
  var looksFirst: Bool {
    switch self {
    case .start, .post, .publish, .turn, .activityEnded, .activityRetry, .activityHeartbeat, .deferActivity,
      .completeActivity, .heartbeatByToken, .claimInstance, .claimInstances, .releaseInstances,
      .claimActivities, .releaseActivities:
      true
    default: false
    }
  }

  /// Whom it will look for.
  fileprivate var named: [InstanceID] {
    switch self {
    case .start(let start, _, _): [start.instance]
    case .post(let message, _): [message.to]
    case .turn(let commit) where commit.hasNoExtras: [commit.instance]
    case .turn(let commit):
      [commit.instance] + commit.starts.map(\.start.instance) + commit.messages.map(\.to)
        + commit.kvReads.map(\.instance)
    case .activityEnded(let key, _, _, _), .activityRetry(let key, _, _, _, _),
      .activityHeartbeat(let key, _, _), .deferActivity(let key, _, _, _):
      [key.instance]
    case .completeActivity(let token, _, _), .heartbeatByToken(let token, _, _): [token.key.instance]
    case .claimInstance(_, let instance): [instance]
    case .releaseInstances(_, let instances): instances
    case .releaseActivities(let activities): activities.map(\.key.instance)
    default: []
    }
  }

  /// Whose claims it will look at.
  fileprivate var attempts: (instance: InstanceID, execution: ExecutionID, actions: [ActionID])? {
    switch self {
    case .turn(let commit): (commit.instance, commit.execution, commit.finished.map(\.action))
    case .activityEnded(let key, _, _, _), .activityRetry(let key, _, _, _, _),
      .activityHeartbeat(let key, _, _), .deferActivity(let key, _, _, _):
      (key.instance, key.execution, [key.action])
    case .completeActivity(let token, _, _), .heartbeatByToken(let token, _, _):
      (token.key.instance, token.key.execution, [token.key.action])
    default: nil
    }
  }
}

extension Writer {
  /// How many rows one statement asks for; so there are few statements.
  private static let sizes = [4, 16, 64]

  /// Looks at what the entries will look at.
  func foresee(_ entries: [StoreEntry]) throws(StoreError) {
    guard connection.dialect == .postgresql, entries.count > 1 || isShared else { return }
    var seen: Set<ExactText> = []
    let names = entries.flatMap(\.named).filter { seen.insert(ExactText($0)).inserted }
    if isShared { try lock(names) } else { try foresee(instances: names) }
    var activities: [[Int64]] = []
    var messages: [[Int64]] = []
    for entry in entries {
      if let (instance, execution, actions) = entry.attempts, let row = foresight.row(instance) {
        activities += actions.map { [row.pk, execution, $0] }
      }
      if case .turn(let commit) = entry, let last = commit.consumed.max(),
        let row = foresight.row(commit.instance), row.inboxCount > 0, foresight.messages[row.pk] == nil
      {
        foresight.messages[row.pk] = []
        messages.append([row.pk, last])
      }
    }
    try foresee(activities: activities)
    try foresee(messages: messages)
  }

  private func foresee(instances names: [InstanceID]) throws(StoreError) {
    for part in Self.parts(names) {
      let statement = try kept(Self.instances[part.size])
      for place in 0..<part.size {
        // The rest is asked for once more.
        statement.bind(Int32(clamping: place + 1), part.rows[min(place, part.rows.count - 1)])
      }
      defer { statement.reset() }
      for name in part.rows { foresight.add(name, nil) }
      while try statement.step() { foresight.add(statement.text(12), instanceRow(statement)) }
    }
  }

  private func foresee(activities keys: [[Int64]]) throws(StoreError) {
    for key in keys {
      foresight.activities[Foresight.Activity(instance: key[0], execution: key[1], action: key[2])] = .some(
        nil)
    }
    try each(keys, Self.activities) { row in
      let key = Foresight.Activity(
        instance: row.integer(4), execution: row.integer(5), action: row.integer(6))
      foresight.activities[key] = .some(heldActivity(row))
    }
  }

  private func foresee(messages bounds: [[Int64]]) throws(StoreError) {
    try each(bounds, Self.messages) { row in
      foresight.messages[row.integer(0), default: []].append(row.integer(1))
    }
  }

  private func each(
    _ keys: [[Int64]], _ statements: [Int: String], _ body: (Statement) -> Void
  ) throws(StoreError) {
    for part in Self.parts(keys) {
      let statement = try kept(statements[part.size])
      let width = part.rows.first?.count ?? 0
      for place in 0..<part.size {
        for column in 0..<width {
          // No row has a key of nothing.
          let value = part.rows.indices.contains(place) ? part.rows[place][column] : 0
          statement.bind(Int32(clamping: place * width + column + 1), value)
        }
      }
      defer { statement.reset() }
      while try statement.step() { body(statement) }
    }
  }

  private func kept(_ sql: String?) throws(StoreError) -> Statement { try rare.statement(sql ?? "") }

  private static func parts<Row>(_ rows: [Row]) -> [(rows: [Row], size: Int)] {
    let largest = sizes.last ?? 1
    return stride(from: 0, to: rows.count, by: largest).map { begin in
      let part = Array(rows[begin..<min(begin + largest, rows.count)])
      return (part, sizes.first { $0 >= part.count } ?? largest)
    }
  }

  // MARK: Statements by size

  private static let instances = bySize(width: 1) { marks in
    """
    SELECT pk, revision, status, execution, event_count, inbox_count, owner, used, parent, created_at,
      orchestration, version, id
    FROM instances WHERE id IN (\(list(marks)))
    """
  }

  private static let activities = bySize(width: 3) { marks in
    """
    SELECT a.pk, a.node, a.token, a.session, a.instance, a.execution, a.action
    FROM (VALUES \(rows(marks))) AS k(instance, execution, action)
    JOIN activities AS a ON a.instance = k.instance AND a.execution = k.execution AND a.action = k.action
    """
  }

  private static let messages = bySize(width: 2) { marks in
    """
    SELECT m.instance, m.sequence FROM (VALUES \(rows(marks))) AS k(instance, last)
    JOIN inbox AS m ON m.instance = k.instance AND m.sequence <= k.last
    """
  }

  private static func list(_ marks: [[String]]) -> String {
    marks.map { $0.joined(separator: ",") }.joined(separator: ",")
  }

  private static func rows(_ marks: [[String]]) -> String {
    marks.map { "(" + $0.joined(separator: ",") + ")" }.joined(separator: ",")
  }

  private static func bySize(width: Int, _ sql: ([[String]]) -> String) -> [Int: String] {
    var statements: [Int: String] = [:]
    for size in sizes {
      statements[size] = sql((0..<size).map { row in (1...width).map { "?\(row * width + $0)" } })
    }
    return statements
  }
}
