internal import PerdureStore

/// The tables, and how a store gets from one version of them to the next. They are those of SQLite, so that
/// one set of statements runs on both.
///
/// Texts compare by their bytes. Everything is in one schema of the database: so one server has room for many
/// stores, and who may see which is a matter of grants.
enum PostgresSchema {
  /// After all migrations.
  static var version: Int { migrations.count }

  /// Step n takes a store from version n - 1 to n. Steps that were released are never edited.
  static let migrations = [initial, calls, leases, due, shares]

  /// What must be there for the server to do.
  private static let serverVersion: Int32 = 130_000

  /// Takes the schema to the current version, or only looks whether it is there.
  ///
  /// - Throws: `.foreign` for another application's tables and for a newer store: both are left untouched.
  static func prepare(_ session: Session, _ url: PostgresURL) throws(StoreError) -> StoreIdentity {
    try checkServer(session, url)
    let schema = url.options.schema
    do throws(StoreError) {
      try session.begin("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
      // One opener at a time.
      _ = try session.ask("SELECT pg_advisory_xact_lock(hashtextextended($1, 1146648676))", schema)
      let identity = try migrate(session, url)
      try session.end("COMMIT", "opening the store")
      try session.settle()
      return identity
    } catch {
      try? session.end("ROLLBACK", "opening the store")
      try? session.settle()
      throw error
    }
  }

  private static func checkServer(_ session: Session, _ url: PostgresURL) throws(StoreError) {
    guard session.serverVersion >= serverVersion else {
      throw StoreError(
        .cannotOpen, "The store \(url.path) is refused: the server is older than PostgreSQL 13.")
    }
    let encoding = try session.ask("SELECT current_setting('server_encoding')").first?.first ?? ""
    guard encoding == "UTF8" else {
      throw StoreError(
        .cannotOpen,
        "The store \(url.path) is refused: its database has the encoding \(encoding ?? ""), "
          + "not UTF8.")
    }
  }

  private static func migrate(
    _ session: Session, _ url: PostgresURL
  ) throws(StoreError) -> StoreIdentity {
    let schema = url.options.schema
    let tables = try session.ask(
      """
      SELECT c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
      WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
      """, schema
    ).compactMap { $0.first ?? nil }
    var found = 0
    if tables.contains("perdure_store") {
      let version = try session.ask("SELECT version FROM perdure_store").first?.first ?? nil
      found = version.flatMap { Int($0) } ?? -1
    } else if !tables.isEmpty {
      throw StoreError(
        .foreign, "The store \(url.path) has tables of another application: it was left untouched.")
    }
    try refuse(found, url)
    if found < version { try apply(from: found, session, url) }
    let row = try session.ask(
      "SELECT s.id, n.oid FROM perdure_store AS s JOIN pg_namespace AS n ON n.nspname = $1", schema)
    guard let id = row.first?.first ?? nil, let oid = row.first?.last ?? nil, let space = UInt32(oid) else {
      throw StoreError(.corrupt, "The store \(url.path) is damaged: it does not say which it is.")
    }
    return StoreIdentity(id: id, space: Int64(Int32(bitPattern: space)), path: url.path)
  }

  private static func refuse(_ found: Int, _ url: PostgresURL) throws(StoreError) {
    guard found >= 0, found <= version else {
      throw StoreError(
        .foreign,
        "The store \(url.path) has schema \(found), this build knows up to \(version): it was left "
          + "untouched, open it with the newer version of Perdure that wrote it.")
    }
    guard found == version || url.options.migrates else {
      throw StoreError(
        .cannotOpen,
        "The store \(url.path) has schema \(found), this build wants \(version), and migrate=verify does not "
          + "let it change that: open it once with migrate=apply.")
    }
  }

  /// All steps land, or none: they are in the transaction of the opener.
  private static func apply(
    from found: Int, _ session: Session, _ url: PostgresURL
  ) throws(StoreError) {
    let schema = url.options.schema
    let exists = try !session.ask("SELECT 1 FROM pg_namespace WHERE nspname = $1", schema).isEmpty
    if !exists { try session.send(create(schema), .done("creating the schema")) }
    for step in migrations.dropFirst(found) {
      for statement in step.split(separator: ";\n") {
        try session.send(String(statement), .done("migrating the store"))
      }
    }
    _ = try session.ask("UPDATE perdure_store SET version = CAST($1 AS INTEGER)", String(version))
  }

  /// Names cannot be parameters.
  private static func create(_ schema: String) -> String {
    "CREATE SCHEMA " + PostgresText.quoted(schema)
  }

  /// A node without a session of its own has no lock: only its sign of life tells.
  private static let leases = """
    ALTER TABLE nodes ADD COLUMN is_leased BOOLEAN NOT NULL DEFAULT false
    """

  /// What groups that are written side by side change of the counts: each session has rows of its own, as one
  /// would wait for the other's commit. Counts are the sums of both tables.
  private static let shares = """
    CREATE TABLE status_count_shares(
      share BIGINT NOT NULL, LIKE status_counts, PRIMARY KEY(share, orchestration, version, status))
    """

  private static let initial = """
    -- One row: which store this is, and which step of the migrations it is at.
    CREATE TABLE perdure_store(
      id TEXT NOT NULL,
      version INTEGER NOT NULL
    );
    INSERT INTO perdure_store(id, version) VALUES(replace(gen_random_uuid()::text, '-', ''), 0);

    CREATE TABLE nodes(
      id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
      service TEXT COLLATE "C" NOT NULL,
      pid BIGINT NOT NULL,
      host TEXT COLLATE "C" NOT NULL,
      -- By the clock of the server, in milliseconds.
      seen_at BIGINT NOT NULL DEFAULT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)
    );

    CREATE TABLE instances(
      pk BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
      id TEXT COLLATE "C" NOT NULL UNIQUE,
      orchestration TEXT COLLATE "C" NOT NULL,
      version TEXT COLLATE "C",
      status TEXT COLLATE "C" NOT NULL,
      execution BIGINT NOT NULL,
      revision BIGINT NOT NULL,
      event_count BIGINT NOT NULL,
      inbox_count BIGINT NOT NULL,
      wake_at BIGINT,
      owner BIGINT,
      priority BIGINT NOT NULL,
      -- `Used`.
      used BIGINT NOT NULL,
      created_at BIGINT NOT NULL,
      updated_at BIGINT NOT NULL,
      ended_at BIGINT,
      parent TEXT COLLATE "C",
      parent_execution BIGINT,
      parent_action BIGINT,
      custom_status_version BIGINT NOT NULL,
      custom_status TEXT COLLATE "C",
      output TEXT COLLATE "C",
      failure TEXT COLLATE "C",
      start TEXT COLLATE "C",
      -- How often in a row the process died under the instance when it was due, and at which of these times
      -- its pause began.
      lost_turns BIGINT NOT NULL DEFAULT 0,
      paused_at BIGINT NOT NULL DEFAULT 0
    );
    CREATE INDEX instances_due ON instances(owner, priority, wake_at) WHERE wake_at IS NOT NULL;
    CREATE INDEX instances_open ON instances(status) WHERE status <> 'Completed';
    CREATE INDEX instances_orchestration ON instances(orchestration);
    -- What retention goes by.
    CREATE INDEX instances_ended ON instances(orchestration, status, ended_at)
      WHERE ended_at IS NOT NULL AND parent IS NULL;
    CREATE INDEX instances_children ON instances(parent) WHERE parent IS NOT NULL;

    -- What most instances do not have: a row would be wider for all.
    CREATE TABLE instance_options(
      instance BIGINT PRIMARY KEY,
      start_at BIGINT NOT NULL DEFAULT 0,
      -- NULL: cancel.
      close_policy TEXT COLLATE "C",
      suspend_reason TEXT COLLATE "C",
      dedup_key TEXT COLLATE "C",
      attributes TEXT COLLATE "C",
      memo TEXT COLLATE "C"
    );
    CREATE INDEX instance_options_dedup ON instance_options(dedup_key) WHERE dedup_key IS NOT NULL;

    -- The labels again, to be found by.
    CREATE TABLE attributes(
      key TEXT COLLATE "C" NOT NULL,
      value TEXT COLLATE "C" NOT NULL,
      instance BIGINT NOT NULL,
      PRIMARY KEY(key, value, instance)
    );
    CREATE INDEX attributes_instance ON attributes(instance);

    -- `StatusTally`: how many instances there are of each kind (version '': none), and how long those lived
    -- that ever ended as such.
    CREATE TABLE status_counts(
      orchestration TEXT COLLATE "C" NOT NULL,
      version TEXT COLLATE "C" NOT NULL,
      status TEXT COLLATE "C" NOT NULL,
      instances BIGINT NOT NULL,
      lives BIGINT NOT NULL,
      total_ms BIGINT NOT NULL,
      least_ms BIGINT NOT NULL,
      most_ms BIGINT NOT NULL,
      PRIMARY KEY(orchestration, version, status)
    );

    CREATE TABLE history(
      pk BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
      instance BIGINT NOT NULL,
      execution BIGINT NOT NULL,
      event BIGINT NOT NULL,
      json TEXT COLLATE "C" NOT NULL
    );
    CREATE UNIQUE INDEX history_events ON history(instance, execution, event);

    CREATE TABLE inbox(
      sequence BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
      instance BIGINT NOT NULL,
      json TEXT COLLATE "C" NOT NULL
    );
    CREATE INDEX inbox_instance ON inbox(instance);

    -- Messages to ids that nobody has yet; `number` counts those of one id.
    CREATE TABLE kept(
      instance TEXT COLLATE "C" NOT NULL,
      number BIGINT NOT NULL,
      json TEXT COLLATE "C" NOT NULL,
      PRIMARY KEY(instance, number)
    );

    -- Calls from outside; answered when there is a result or a failure.
    CREATE TABLE calls(
      pk BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
      instance BIGINT NOT NULL,
      call TEXT COLLATE "C" NOT NULL,
      result TEXT COLLATE "C",
      failure TEXT COLLATE "C"
    );
    CREATE UNIQUE INDEX calls_key ON calls(instance, call);

    -- The value now, NULL for none; the value that the current execution began with is the same, or
    -- `base` (NULL for none) if the execution changed it.
    CREATE TABLE kv(
      pk BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
      instance BIGINT NOT NULL,
      key TEXT COLLATE "C" NOT NULL,
      is_changed BIGINT NOT NULL,
      set_at BIGINT NOT NULL,
      base_set_at BIGINT,
      value TEXT COLLATE "C",
      base TEXT COLLATE "C"
    );
    CREATE UNIQUE INDEX kv_key ON kv(instance, key);

    CREATE TABLE subscriptions(
      topic TEXT COLLATE "C" NOT NULL,
      instance BIGINT NOT NULL,
      PRIMARY KEY(topic, instance)
    );
    CREATE INDEX subscriptions_instance ON subscriptions(instance);

    CREATE TABLE activities(
      pk BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
      instance BIGINT NOT NULL,
      execution BIGINT NOT NULL,
      action BIGINT NOT NULL,
      name TEXT COLLATE "C" NOT NULL,
      orchestration TEXT COLLATE "C" NOT NULL,
      attempt BIGINT NOT NULL,
      visible_at BIGINT NOT NULL,
      priority BIGINT NOT NULL,
      scheduled_at BIGINT NOT NULL,
      -- Who runs it; `token` is of the last claim, or below all that come.
      node BIGINT,
      token BIGINT NOT NULL,
      -- `ActivityRow.Phase`.
      phase BIGINT NOT NULL,
      claimed_at BIGINT NOT NULL,
      beat_at BIGINT NOT NULL,
      failures BIGINT NOT NULL,
      -- Right whenever nobody holds the row.
      expires_at BIGINT,
      tag TEXT COLLATE "C",
      session TEXT COLLATE "C",
      options TEXT COLLATE "C",
      last_failure TEXT COLLATE "C",
      heartbeat TEXT COLLATE "C",
      input TEXT COLLATE "C" NOT NULL,
      -- `TraceContext.text`.
      trace TEXT COLLATE "C"
    );
    CREATE UNIQUE INDEX activities_key ON activities(instance, execution, action);
    CREATE INDEX activities_open ON activities(priority, visible_at) WHERE node IS NULL AND phase <> 2;
    CREATE INDEX activities_expiring ON activities(expires_at) WHERE expires_at IS NOT NULL AND node IS NULL;
    CREATE INDEX activities_session ON activities(session) WHERE session IS NOT NULL;

    CREATE TABLE sessions(
      session TEXT COLLATE "C" PRIMARY KEY,
      node BIGINT NOT NULL,
      used_at BIGINT NOT NULL
    );
    CREATE INDEX sessions_node ON sessions(node);

    -- Who changed what. Nothing refers to it, and it to nothing.
    CREATE TABLE audit(
      pk BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
      at BIGINT NOT NULL,
      actor TEXT COLLATE "C" NOT NULL,
      operation TEXT COLLATE "C" NOT NULL,
      target TEXT COLLATE "C" NOT NULL,
      reason TEXT COLLATE "C" NOT NULL,
      detail TEXT COLLATE "C"
    );
    CREATE INDEX audit_target ON audit(target);

    -- How long finished instances of an orchestration are kept; '*': of those without a rule of their own.
    -- `statuses`: with blanks between.
    CREATE TABLE retention(
      orchestration TEXT COLLATE "C" PRIMARY KEY,
      keep_ms BIGINT NOT NULL,
      statuses TEXT COLLATE "C" NOT NULL
    );
    """

  /// In the order of a claim: `owner IS NULL` in front of that would do for SQLite, PostgreSQL would sort all
  /// that waits for each claim.
  private static let due = """
    DROP INDEX instances_due;
    CREATE INDEX instances_due ON instances(priority, wake_at, pk)
      WHERE wake_at IS NOT NULL AND owner IS NULL;
    CREATE INDEX instances_due_owned ON instances(owner, priority, wake_at, pk)
      WHERE wake_at IS NOT NULL AND owner IS NOT NULL;
    DROP INDEX activities_open;
    CREATE INDEX activities_open ON activities(priority, visible_at, pk) WHERE node IS NULL AND phase <> 2
    """
}
