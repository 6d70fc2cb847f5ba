internal import PerdureModel
internal import PerdureStore

/// Rows that the entries of a group will look at, read all at once: on a server every look is a wait.
///
/// A row serves the first look at its instance, as nobody in the group has had a hand in it by then: whoever
/// changes an instance, its messages or its activities has looked for it before. What does so without looking
/// clears everything. A message that comes puts the row back as it is then, so it serves the next look too.
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

  /// There is such an instance.
  func has(_ instance: InstanceID) -> Bool { row(instance) != nil }

  func covers(_ instance: Int64) -> Bool { current == instance }

  /// A message came to the instance that was looked at last: nothing else of its row was changed since.
  mutating func delivered(to instance: InstanceID, _ row: InstanceRow, owner: NodeID?) {
    guard covers(row.pk) else { return }
    var row = row
    row.inboxCount &+= 1
    row.owner = owner
    instances[ExactText(instance)] = .some(row)
  }

  /// The row of the activity is gone.
  mutating func ended(_ instance: Int64, _ execution: ExecutionID, _ action: ActionID) {
    guard covers(instance) else { return }
    activities[Activity(instance: instance, execution: execution, action: action)] = .some(nil)
  }

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
    case .claimInstance(_, let instance): [instance]
    case .releaseInstances(_, let instances): instances
    case .releaseActivities(let activities): activities.map(\.key.instance)
    default: attempts.map { [$0.instance] } ?? []
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

  /// How many instances it may create.
  fileprivate var starts: Int {
    switch self {
    case .start: 1
    case .turn(let commit): commit.starts.count
    default: 0
    }
  }

  /// Up to which message it will look.
  fileprivate var consumed: (instance: InstanceID, last: MessageSequence)? {
    guard case .turn(let commit) = self else { return nil }
    return commit.consumed.max().map { (commit.instance, $0) }
  }
}

extension Writer {
  /// Looks at what the entries will look at: all is asked for before the first answer is waited for.
  func foresee(_ entries: [StoreEntry]) throws(StoreError) {
    guard connection.dialect == .postgresql else { return }
    var seen: Set<ExactText> = []
    var names = entries.flatMap(\.named).filter { seen.insert(ExactText($0)).inserted }
    if names.isEmpty { return }
    // Everybody locks in this order.
    if isShared { names.sort { $0.utf8.lexicographicallyPrecedes($1.utf8) } }
    let instances = try question(isShared ? Self.lockedInstances : Self.instances)
    let kept = try rare.statement(Self.anyKept)
    let (activities, messages) = (try question(Self.activities), try question(Self.messages))
    let keys = try rare.statement(Self.keysAhead)
    defer { for statement in [instances, activities, messages, kept, keys] { statement.reset() } }
    for name in names {
      instances.bind(1, name)
      instances.addRow()
    }
    try instances.ask()
    let hasActivities = try ask(activities, activitiesOf: entries)
    let hasMessages = try ask(messages, messagesOf: entries)
    let starts = entries.reduce(0) { $0 + $1.starts }
    if starts > 0 {
      try kept.ask()
      keys.bind(1, Int64(starts))
      try keys.ask()
    }
    for name in names { noteForeseen(name, nil) }
    while try instances.step() {
      let row = instanceRow(instances)
      noteForeseen(instances.text(12), row)
      if let owner = row.owner { liveNodes[owner] = !instances.isNull(13) }
    }
    if hasActivities { try note(activities, activitiesOf: entries) }
    if hasMessages { try note(messages, messagesOf: entries) }
    if starts == 0 { return }
    hasKept = try kept.step()
    while try keys.step() { instanceKeys.append(keys.integer(0)) }
  }

  private func question(_ sql: String) throws(StoreError) -> Statement { try rare.statement(sql, .gathering) }

  /// False: there is nothing to ask.
  private func ask(
    _ statement: Statement, activitiesOf entries: [StoreEntry]
  ) throws(StoreError) -> Bool {
    var hasRows = false
    for entry in entries {
      guard let (instance, execution, actions) = entry.attempts, !actions.isEmpty else { continue }
      hasRows = true
      statement.bind(1, instance)
      statement.bind(2, execution)
      for action in actions {
        statement.bind(3, action)
        statement.addRow()
      }
    }
    if hasRows { try statement.ask() }
    return hasRows
  }

  private func note(_ statement: Statement, activitiesOf entries: [StoreEntry]) throws(StoreError) {
    for entry in entries {
      guard let (instance, execution, actions) = entry.attempts, let row = foresight.row(instance) else {
        continue
      }
      for action in actions {
        let key = Foresight.Activity(instance: row.pk, execution: execution, action: action)
        foresight.activities[key] = .some(nil)
      }
    }
    while try statement.step() {
      let key = Foresight.Activity(
        instance: statement.integer(4), execution: statement.integer(5), action: statement.integer(6))
      foresight.activities[key] = .some(heldActivity(statement))
    }
  }

  /// For the first turn of each instance: another one conflicts.
  private func ask(_ statement: Statement, messagesOf entries: [StoreEntry]) throws(StoreError) -> Bool {
    var asked: Set<ExactText> = []
    for case (let instance, let last)? in entries.map(\.consumed)
    where asked.insert(ExactText(instance)).inserted {
      statement.bind(1, instance)
      statement.bind(2, last)
      statement.addRow()
    }
    if !asked.isEmpty { try statement.ask() }
    return !asked.isEmpty
  }

  private func note(_ statement: Statement, messagesOf entries: [StoreEntry]) throws(StoreError) {
    for case (let instance, _)? in entries.map(\.consumed) {
      if let row = foresight.row(instance) { foresight.messages[row.pk] = [] }
    }
    while try statement.step() {
      foresight.messages[statement.integer(0), default: []].append(statement.integer(1))
    }
  }

  // MARK: Statements

  // OFFSET 0 keeps the planner from looking at the tables in another order: it would find it cheaper while
  // they are small, and go on with that when they are not.

  private static let instances = foundInstances + ") AS i"

  /// In the order of the names; a lock that is taken with each row comes next.
  private static let foundInstances = """
    SELECT i.*, (SELECT id FROM nodes WHERE id = i.owner) FROM {rows} CROSS JOIN LATERAL (
      SELECT pk, revision, status, execution, event_count, inbox_count, owner, used, parent, created_at,
        orchestration, version, id
      FROM instances WHERE id = ?1 OFFSET 0
    """

  /// Of a shared group. The rows are as they are when they are locked: of one that is waited for, as it is then.
  private static let lockedInstances = foundInstances + "\nFOR NO KEY UPDATE) AS i"

  private static let activities = """
    SELECT a.* FROM {rows}
    CROSS JOIN LATERAL (SELECT pk FROM instances WHERE id = ?1 OFFSET 0) AS i
    CROSS JOIN LATERAL (
      SELECT pk, node, token, session, instance, execution, action FROM activities
      WHERE instance = i.pk AND execution = ?2 AND action = ?3 OFFSET 0) AS a
    """

  private static let messages = """
    SELECT m.* FROM {rows}
    CROSS JOIN LATERAL (SELECT pk FROM instances WHERE id = ?1 OFFSET 0) AS i
    CROSS JOIN LATERAL (
      SELECT instance, sequence FROM inbox WHERE instance = i.pk AND sequence <= ?2 OFFSET 0) AS m
    """
}
