internal import PerdureStore

/// What every start, turn and activity runs, prepared at open; the rest is in `StatementCache`.
struct WriterStatements {
  let find, nodeExists: Statement
  let insertInstance, updateInstance, setCustomStatus, noteMessage, setOwner: Statement
  let insertEvent, insertMessage, insertActivity: Statement
  let messagesUpTo, deleteMessagesUpTo, deleteMessages: Statement
  let findActivity, deleteActivity, deleteActivityByKey, deleteActivitiesUpTo: Statement
  let claimActivity: Statement
  let addToCount: Statement

  init(_ connection: any Connection) throws(StoreError) {
    func prepare(_ sql: String) throws(StoreError) -> Statement { try Statement(connection, sql) }
    func prepare(_ write: RowWrite) throws(StoreError) -> Statement { try Statement(connection, write) }
    find = try prepare(
      """
      SELECT pk, revision, status, execution, event_count, inbox_count, owner, used, parent, created_at,
        orchestration, version
      FROM instances WHERE id = ?1
      """)
    nodeExists = try prepare("SELECT 1 FROM nodes WHERE id = ?1")
    insertInstance = try prepare(Self.insertInstance)
    updateInstance = try prepare(Self.updateInstance)
    setCustomStatus = try prepare(
      .update(
        "instances", set: "custom_status = ?2, custom_status_version = custom_status_version + 1",
        where: "pk = ?1", scope: 1))
    noteMessage = try prepare(
      .update(
        "instances", set: "inbox_count = inbox_count + 1, wake_at = ?2, owner = ?3, used = ?4",
        where: "pk = ?1", scope: 1))
    setOwner = try prepare(
      .update(
        "instances", set: "owner = (SELECT id FROM nodes WHERE id = ?2)", where: "pk = ?1", scope: 1))
    insertEvent = try prepare(
      .insert(into: "history", "instance, execution, event, json", values: "?1, ?2, ?3, ?4", scope: 1))
    insertMessage = try prepare(
      .insert(into: "inbox", "instance, json", values: "?1, ?2", scope: 1, key: "sequence"))
    insertActivity = try prepare(Self.insertActivity)
    messagesUpTo = try prepare("SELECT sequence FROM inbox WHERE instance = ?1 AND sequence <= ?2")
    deleteMessagesUpTo = try prepare(
      .delete(from: "inbox", where: "instance = ?1 AND sequence <= ?2", scope: 1))
    deleteMessages = try prepare(.delete(from: "inbox", where: "instance = ?1", scope: 1))
    findActivity = try prepare(
      "SELECT pk, node, token, session FROM activities WHERE instance = ?1 AND execution = ?2 AND action = ?3"
    )
    deleteActivity = try prepare(.delete(from: "activities", where: "pk = ?1 AND instance = ?2", scope: 2))
    deleteActivityByKey = try prepare(
      .delete(from: "activities", where: "instance = ?1 AND execution = ?2 AND action = ?3", scope: 1))
    deleteActivitiesUpTo = try prepare(
      .delete(from: "activities", where: "instance = ?1 AND execution <= ?2", scope: 1))
    addToCount = try prepare(Self.addToCount)
    claimActivity = try prepare(
      .update(
        "activities",
        set: """
          node = (SELECT id FROM nodes WHERE id = ?2), token = ?3, attempt = ?4, phase = 1, claimed_at = ?5,
          beat_at = ?5, expires_at = ?6
          """, where: "pk = ?1 AND instance = ?7", scope: 7, row: [1]))
  }

  /// A count that another program set so high that adding overflows begins anew.
  private static let addToCount = """
    INSERT INTO status_counts(orchestration, version, status, instances, lives, total_ms, least_ms, most_ms)
    VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
    ON CONFLICT(orchestration, version, status) DO UPDATE SET
    \(addition(to: "status_counts"))
    """

  /// The same into the share ?9 (`Connection.share`).
  static let addToShare = """
    INSERT INTO status_count_shares(orchestration, version, status, instances, lives, total_ms, least_ms,
      most_ms, share)
    VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
    ON CONFLICT(share, orchestration, version, status) DO UPDATE SET
    \(addition(to: "status_count_shares"))
    """

  private static func addition(to table: String) -> String {
    """
      instances = CASE WHEN abs(\(table).instances / 2) > 1e15 THEN 0 ELSE \(table).instances END
        + excluded.instances,
      least_ms = CASE WHEN \(table).lives = 0 THEN excluded.least_ms
        WHEN excluded.lives = 0 OR \(table).least_ms < excluded.least_ms THEN \(table).least_ms
        ELSE excluded.least_ms END,
      most_ms = CASE WHEN \(table).most_ms > excluded.most_ms THEN \(table).most_ms
        ELSE excluded.most_ms END,
      lives = CASE WHEN abs(\(table).lives / 2) > 1e15 THEN 0 ELSE \(table).lives END
        + excluded.lives,
      total_ms = CASE WHEN abs(\(table).total_ms / 2) > 4e18 THEN 0 ELSE \(table).total_ms END
        + excluded.total_ms
    """
  }

  private static let insertInstance = newInstance(replacing: ([1], "ON CONFLICT(id) DO NOTHING"))

  /// Fails if the id is taken.
  static let insertNewInstance = newInstance(replacing: nil)

  /// The key is given where it can be taken ahead (`Writer.instanceKey`).
  private static func newInstance(replacing: (row: [Int], with: StaticString)?) -> RowWrite {
    .insert(
      into: "instances",
      """
      pk, id, orchestration, version, status, execution, revision, event_count, inbox_count, wake_at, owner,
      priority, used, created_at, updated_at, parent, parent_execution, parent_action, custom_status_version,
      start
      """,
      values: """
        ?14, ?1, ?2, ?3, 'Pending', 1, ?10, 0, 0, ?11, (SELECT id FROM nodes WHERE id = ?4), ?12, ?13, ?5, ?5,
        ?6, ?7, ?8, 0, ?9
        """, scope: 14, replacing: replacing)
  }

  private static let updateInstance = RowWrite.update(
    "instances",
    set: """
      version = ?2, status = ?3, execution = ?4, revision = ?5, event_count = ?6, inbox_count = ?7,
      wake_at = ?8, owner = (SELECT id FROM nodes WHERE id = ?9), updated_at = ?10, ended_at = ?11,
      output = ?12, failure = ?13, used = ?14, start = NULL, lost_turns = 0, paused_at = 0
      """, where: "pk = ?1", scope: 1)

  private static let insertActivity = RowWrite.insert(
    into: "activities",
    """
    instance, execution, action, name, orchestration, attempt, visible_at, node, token, input, phase,
    scheduled_at, claimed_at, beat_at, priority, failures, expires_at, tag, session, options, trace
    """,
    values: """
      ?1, ?2, ?3, ?4, ?5, ?6, ?7, (SELECT id FROM nodes WHERE id = ?8), ?9, ?10, ?11, ?12, ?13, ?13, ?14, 0,
      ?15, ?16, ?17, ?18, ?19
      """, scope: 1)
}
