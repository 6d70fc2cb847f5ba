internal import PerdureStore
internal import PerdureStoreSQL

/// The tables, and how a store gets from one version of them to the next.
///
/// Rows append in the order they come, with a secondary unique index: five times faster than tables clustered
/// by text keys. Partial indexes hold what is waiting, never what is finished.
enum Schema {
  /// `PRAGMA application_id`: "DXpd".
  static let applicationID: Int64 = 0x4458_7064

  /// `PRAGMA user_version` after all migrations.
  static var version: Int64 { Int64(migrations.count) }

  /// Step n takes a store from version n - 1 to n. Steps that were released are never edited.
  private static let migrations = [initial, lostTurns, calls]

  private static let initial = """
    CREATE TABLE nodes(
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      service TEXT NOT NULL,
      pid INTEGER NOT NULL,
      host TEXT NOT NULL
    ) STRICT;

    CREATE TABLE instances(
      pk INTEGER PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      orchestration TEXT NOT NULL,
      version TEXT,
      status TEXT NOT NULL,
      execution INTEGER NOT NULL,
      revision INTEGER NOT NULL,
      event_count INTEGER NOT NULL,
      inbox_count INTEGER NOT NULL,
      wake_at INTEGER,
      owner INTEGER,
      priority INTEGER NOT NULL,
      -- `Used`.
      used INTEGER NOT NULL,
      created_at INTEGER NOT NULL,
      updated_at INTEGER NOT NULL,
      ended_at INTEGER,
      parent TEXT,
      parent_execution INTEGER,
      parent_action INTEGER,
      custom_status_version INTEGER NOT NULL,
      custom_status TEXT,
      output TEXT,
      failure TEXT,
      start TEXT
    ) STRICT;
    CREATE INDEX instances_due ON instances(owner, priority, wake_at) WHERE wake_at IS NOT NULL;
    CREATE INDEX instances_open ON instances(status) WHERE status <> 'Completed';
    CREATE INDEX instances_orchestration ON instances(orchestration);
    -- What retention goes by.
    CREATE INDEX instances_ended ON instances(orchestration, status, ended_at)
      WHERE ended_at IS NOT NULL AND parent IS NULL;
    CREATE INDEX instances_children ON instances(parent) WHERE parent IS NOT NULL;

    -- What most instances do not have: a row would be wider for all.
    CREATE TABLE instance_options(
      instance INTEGER PRIMARY KEY,
      start_at INTEGER NOT NULL DEFAULT 0,
      -- NULL: cancel.
      close_policy TEXT,
      suspend_reason TEXT,
      dedup_key TEXT,
      attributes TEXT,
      memo TEXT
    ) STRICT;
    CREATE INDEX instance_options_dedup ON instance_options(dedup_key) WHERE dedup_key IS NOT NULL;

    -- The labels again, to be found by.
    CREATE TABLE attributes(
      key TEXT NOT NULL,
      value TEXT NOT NULL,
      instance INTEGER NOT NULL,
      PRIMARY KEY(key, value, instance)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX attributes_instance ON attributes(instance);

    -- `StatusTally`: how many instances there are of each kind (version '': none), and how long those lived
    -- that ever ended as such.
    CREATE TABLE status_counts(
      orchestration TEXT NOT NULL,
      version TEXT NOT NULL,
      status TEXT NOT NULL,
      instances INTEGER NOT NULL,
      lives INTEGER NOT NULL,
      total_ms INTEGER NOT NULL,
      least_ms INTEGER NOT NULL,
      most_ms INTEGER NOT NULL,
      PRIMARY KEY(orchestration, version, status)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE history(
      pk INTEGER PRIMARY KEY,
      instance INTEGER NOT NULL,
      execution INTEGER NOT NULL,
      event INTEGER NOT NULL,
      json TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX history_events ON history(instance, execution, event);

    CREATE TABLE inbox(
      sequence INTEGER PRIMARY KEY AUTOINCREMENT,
      instance INTEGER NOT NULL,
      json TEXT NOT NULL
    ) STRICT;
    CREATE INDEX inbox_instance ON inbox(instance);

    -- Messages to ids that nobody has yet; `number` counts those of one id.
    CREATE TABLE kept(
      instance TEXT NOT NULL,
      number INTEGER NOT NULL,
      json TEXT NOT NULL,
      PRIMARY KEY(instance, number)
    ) STRICT, WITHOUT ROWID;

    -- Calls from outside; answered when there is a result or a failure.
    CREATE TABLE calls(
      pk INTEGER PRIMARY KEY,
      instance INTEGER NOT NULL,
      call TEXT NOT NULL,
      result TEXT,
      failure TEXT
    ) STRICT;
    CREATE UNIQUE INDEX calls_key ON calls(instance, call);

    -- The value now, NULL for none; the value that the current execution began with is the same, or
    -- `base` (NULL for none) if the execution changed it.
    CREATE TABLE kv(
      pk INTEGER PRIMARY KEY,
      instance INTEGER NOT NULL,
      key TEXT NOT NULL,
      is_changed INTEGER NOT NULL,
      set_at INTEGER NOT NULL,
      base_set_at INTEGER,
      value TEXT,
      base TEXT
    ) STRICT;
    CREATE UNIQUE INDEX kv_key ON kv(instance, key);

    CREATE TABLE subscriptions(
      topic TEXT NOT NULL,
      instance INTEGER NOT NULL,
      PRIMARY KEY(topic, instance)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX subscriptions_instance ON subscriptions(instance);

    CREATE TABLE activities(
      pk INTEGER PRIMARY KEY,
      instance INTEGER NOT NULL,
      execution INTEGER NOT NULL,
      action INTEGER NOT NULL,
      name TEXT NOT NULL,
      orchestration TEXT NOT NULL,
      attempt INTEGER NOT NULL,
      visible_at INTEGER NOT NULL,
      priority INTEGER NOT NULL,
      scheduled_at INTEGER NOT NULL,
      -- Who runs it; `token` is of the last claim, or below all that come.
      node INTEGER,
      token INTEGER NOT NULL,
      -- `ActivityRow.Phase`.
      phase INTEGER NOT NULL,
      claimed_at INTEGER NOT NULL,
      beat_at INTEGER NOT NULL,
      failures INTEGER NOT NULL,
      -- Right whenever nobody holds the row.
      expires_at INTEGER,
      tag TEXT,
      session TEXT,
      options TEXT,
      last_failure TEXT,
      heartbeat TEXT,
      input TEXT NOT NULL,
      -- `TraceContext.text`.
      trace TEXT
    ) STRICT;
    CREATE UNIQUE INDEX activities_key ON activities(instance, execution, action);
    CREATE INDEX activities_open ON activities(priority, visible_at) WHERE node IS NULL AND phase <> 2;
    CREATE INDEX activities_expiring ON activities(expires_at) WHERE expires_at IS NOT NULL AND node IS NULL;
    CREATE INDEX activities_session ON activities(session) WHERE session IS NOT NULL;

    CREATE TABLE sessions(
      session TEXT PRIMARY KEY,
      node INTEGER NOT NULL,
      used_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX sessions_node ON sessions(node);

    -- Who changed what. Nothing refers to it, and it to nothing.
    CREATE TABLE audit(
      pk INTEGER PRIMARY KEY,
      at INTEGER NOT NULL,
      actor TEXT NOT NULL,
      operation TEXT NOT NULL,
      target TEXT NOT NULL,
      reason TEXT NOT NULL,
      detail TEXT
    ) STRICT;
    CREATE INDEX audit_target ON audit(target);

    -- How long finished instances of an orchestration are kept; '*': of those without a rule of their own.
    -- `statuses`: with blanks between.
    CREATE TABLE retention(
      orchestration TEXT PRIMARY KEY,
      keep_ms INTEGER NOT NULL,
      statuses TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    """

  /// How often in a row the process died under an instance that was due, and at which of these times its
  /// pause began: `Limits.pauseMS(afterLosses:)`.
  private static let lostTurns = """
    ALTER TABLE instances ADD COLUMN lost_turns INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE instances ADD COLUMN paused_at INTEGER NOT NULL DEFAULT 0;
    """

  /// Takes the store to the current version, in one transaction. A newer store is refused.
  static func migrate(_ connection: SQLiteConnection) throws(StoreError) {
    if try connection.integer("PRAGMA user_version") == version { return }
    try connection.write { () throws(StoreError) in
      let found = try connection.integer("PRAGMA user_version")
      try refuseUnknown(found, path: connection.path)
      // Between our mark and the first tables nothing else is written.
      let tables = found > 0 ? 0 : try connection.integer("SELECT count(*) FROM sqlite_schema")
      guard tables == 0 else {
        throw StoreError(
          .foreign,
          "The store \(connection.path) has our mark, but the tables of another application and no schema "
            + "version: it was left untouched.")
      }
      for step in migrations.dropFirst(Int(max(0, found))) { try connection.execute(step) }
      try connection.execute("PRAGMA user_version=\(version)")
    }
  }

  /// Throws if a table, a column or an index is missing: whoever took it away, what needs it would fail later
  /// and one by one. What others added is no harm.
  static func check(_ connection: SQLiteConnection) throws(StoreError) {
    let model = try SQLiteConnection(
      path: connection.path, file: ":memory:", creating: true, busyTimeoutMS: 0)
    defer { model.close() }
    for step in migrations { try model.execute(step) }
    let found = Set(try parts(of: connection))
    guard let missing = try parts(of: model).first(where: { !found.contains($0) }) else { return }
    throw StoreError(
      .corrupt,
      "The store \(connection.path) is damaged: its schema \(version) lacks the \(missing). Put a backup in "
        + "its place.")
  }

  /// Such as `column history.event`.
  private static func parts(of connection: SQLiteConnection) throws(StoreError) -> [String] {
    let statement = try Statement(
      connection,
      """
      SELECT 'table ' || name FROM sqlite_schema WHERE type = 'table'
      UNION ALL SELECT 'index ' || name FROM sqlite_schema WHERE type = 'index'
      UNION ALL SELECT 'column ' || t.name || '.' || c.name
        FROM sqlite_schema AS t JOIN pragma_table_info(t.name) AS c WHERE t.type = 'table'
      """, .once)
    defer { statement.finalize() }
    var parts: [String] = []
    while try statement.step() { parts.append(statement.text(0)) }
    return parts
  }

  /// Throws for a schema that this build does not know.
  static func refuseUnknown(_ found: Int64, path: String) throws(StoreError) {
    guard found >= 0 else {
      throw StoreError(
        .foreign, "The store \(path) has schema \(found), which no version of Perdure wrote: left untouched.")
    }
    guard found > version else { return }
    throw StoreError(
      .foreign,
      "The store \(path) has schema \(found), this build knows up to \(version): it was left untouched, "
        + "open it with the newer version of Perdure that wrote it.")
  }
}
