internal import PerdureStore

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
  private static let migrations = [initial]

  private static let initial = """
    CREATE TABLE nodes(
      id INTEGER PRIMARY KEY AUTOINCREMENT
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
    CREATE INDEX instances_due ON instances(owner, wake_at) WHERE wake_at IS NOT NULL;
    CREATE INDEX instances_open ON instances(status) WHERE status <> 'Completed';
    CREATE INDEX instances_orchestration ON instances(orchestration);
    CREATE INDEX instances_children ON instances(parent) WHERE parent IS NOT NULL;

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

    CREATE TABLE activities(
      pk INTEGER PRIMARY KEY,
      instance INTEGER NOT NULL,
      execution INTEGER NOT NULL,
      action INTEGER NOT NULL,
      name TEXT NOT NULL,
      orchestration TEXT NOT NULL,
      attempt INTEGER NOT NULL,
      visible_at INTEGER NOT NULL,
      node INTEGER,
      token INTEGER,
      input TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX activities_key ON activities(instance, execution, action);
    CREATE INDEX activities_open ON activities(visible_at) WHERE node IS NULL;
    """

  /// Takes the store to the current version, in one transaction. A newer store is refused.
  static func migrate(_ connection: Connection) throws(StoreError) {
    if try connection.integer("PRAGMA user_version") == version { return }
    try connection.write { () throws(StoreError) in
      let found = try connection.integer("PRAGMA user_version")
      try refuseNewer(found, path: connection.path)
      for step in migrations.dropFirst(Int(max(0, found))) { try connection.execute(step) }
      try connection.execute("PRAGMA user_version=\(version)")
    }
  }

  /// Throws for a schema that this build does not know.
  static func refuseNewer(_ found: Int64, path: String) throws(StoreError) {
    guard found > version else { return }
    throw StoreError(
      .foreign,
      "The store \(path) has schema \(found), this build knows up to \(version): it was left untouched, "
        + "open it with the newer version of Perdure that wrote it.")
  }
}
