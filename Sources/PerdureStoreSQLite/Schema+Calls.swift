internal import PerdureModel

/// What other programs may write: views into which a transaction of their own inserts what a client would ask
/// for. They are of the schema, so that nobody has to know its tables, and change with them.
extension Schema {
  private static let now = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
  private static let hasEnded = "status IN ('Completed', 'Failed', 'Cancelled', 'Terminated')"

  private static func size(_ column: String) -> String { "length(CAST(NEW.\(column) AS BLOB))" }

  /// Ends the caller's statement, and nothing of it happens. The text of an error must be a literal.
  private static func refuse(_ view: String, _ cases: [(condition: String, why: String)]) -> String {
    let lines = cases.map { "WHEN \($0.condition) THEN RAISE(ABORT, '\(view): \($0.why)')" }
    return "SELECT CASE\n  \(lines.joined(separator: "\n  ")) END;"
  }

  private static func isBadText(_ column: String, _ limit: Int) -> String {
    "typeof(NEW.\(column)) <> 'text' OR \(size(column)) NOT BETWEEN 1 AND \(limit)"
  }

  private static func isReserved(_ column: String) -> String {
    let prefix = Reserved.prefix
    return "substr(NEW.\(column), 1, \(prefix.utf8.count)) = '\(prefix)'"
  }

  private static func badPayload(_ column: String) -> [(condition: String, why: String)] {
    [
      ("NEW.\(column) IS NOT NULL AND json_valid(NEW.\(column)) = 0", "\(column) is not JSON"),
      ("\(size(column)) > \(Limits.payloadBytes)", "\(column) is larger than \(Limits.payloadBytes) bytes"),
    ]
  }

  /// A message is in the inbox; what that does to the row is `Writer.insert`.
  private static func note(_ pk: String) -> String {
    """
    UPDATE instances SET inbox_count = inbox_count + 1,
      wake_at = CASE WHEN status IN ('Suspended', 'Quarantined') THEN NULL
        WHEN status = 'Pending' AND used & 8 THEN wake_at ELSE 0 END,
      owner = CASE WHEN owner IN (SELECT id FROM nodes) THEN owner END
    WHERE pk = \(pk);
    """
  }

  static let calls =
    start + message("perdure_raise", name: "name", kind: "EventRaised")
    + message("perdure_enqueue", name: "queue", kind: "QueueMessageReceived") + complete

  /// `Writer.create`, for a free id.
  private static let start = """
    CREATE VIEW perdure_start AS SELECT NULL AS instance, NULL AS orchestration, NULL AS input,
      NULL AS version, NULL AS priority, NULL AS start_at WHERE 0;
    CREATE TRIGGER perdure_start_insert INSTEAD OF INSERT ON perdure_start BEGIN
    \(refuse(
      "perdure_start",
      [
        (isBadText("instance", Limits.instanceIDBytes),
          "instance must be a text of 1 to \(Limits.instanceIDBytes) bytes"),
        (isBadText("orchestration", Limits.nameBytes),
          "orchestration must be a text of 1 to \(Limits.nameBytes) bytes"),
        ("\(isReserved("instance")) OR \(isReserved("orchestration"))", "that name is reserved"),
        ("NEW.version NOT GLOB '[0-9]*.[0-9]*.[0-9]*' OR \(size("version")) > \(Limits.nameBytes)",
          "version must be one such as 1.2.0"),
        ("NEW.priority NOT BETWEEN -1000 AND 1000 OR typeof(NEW.priority) NOT IN ('null', 'integer')",
          "priority must be an integer from -1000 to 1000"),
        ("NEW.start_at NOT BETWEEN 0 AND 253402300799999 OR typeof(NEW.start_at) NOT IN ('null', 'integer')",
          "start_at must be milliseconds since 1970"),
      ] + badPayload("input") + [
        ("EXISTS(SELECT 1 FROM instances WHERE id = NEW.instance)", "an instance of that id exists already"),
        ("EXISTS(SELECT 1 FROM kept WHERE instance = NEW.instance AND json LIKE '%\"CallReceived\"%')",
          "calls wait for that id, start it with a client"),
      ]))
    INSERT INTO instances(id, orchestration, version, status, execution, revision, event_count, inbox_count,
      wake_at, priority, used, created_at, updated_at, custom_status_version, start)
    SELECT NEW.instance, NEW.orchestration, NEW.version, 'Pending', 1, 0, 0, 0,
      iif(NEW.start_at > now, NEW.start_at, 0), coalesce(NEW.priority, 0), iif(NEW.start_at > 0, 8, 0), now,
      now, 0,
      json_patch('{}', json_object('instance', NEW.instance, 'name', NEW.orchestration, 'version',
        NEW.version, 'startAt', nullif(NEW.start_at, 0), 'priority', nullif(NEW.priority, 0)))
    FROM (SELECT \(now) AS now);
    UPDATE instances SET start = substr(start, 1, length(start) - 1) || ',"input":' ||
      json(coalesce(NEW.input, 'null')) || '}'
    WHERE id = NEW.instance;
    INSERT INTO instance_options(instance, start_at)
    SELECT pk, NEW.start_at FROM instances WHERE id = NEW.instance AND NEW.start_at > 0;
    INSERT INTO status_counts(orchestration, version, status, instances, lives, total_ms, least_ms, most_ms)
    VALUES(NEW.orchestration, coalesce(NEW.version, ''), 'Pending', 1, 0, 0, 0, 0)
    ON CONFLICT DO UPDATE SET instances = iif(abs(instances / 2) > 1e15, 0, instances) + 1;
    INSERT INTO inbox(instance, json)
    SELECT i.pk, k.json FROM kept AS k JOIN instances AS i ON i.id = k.instance
    WHERE k.instance = NEW.instance ORDER BY k.number;
    UPDATE instances SET inbox_count = (SELECT count(*) FROM kept WHERE instance = NEW.instance)
    WHERE id = NEW.instance;
    DELETE FROM kept WHERE instance = NEW.instance;
    END;

    """

  /// `Writer.post`, of what is not kept for later.
  private static func message(_ view: String, name: String, kind: String) -> String {
    """
    CREATE VIEW \(view) AS SELECT NULL AS instance, NULL AS \(name), NULL AS data WHERE 0;
    CREATE TRIGGER \(view)_insert INSTEAD OF INSERT ON \(view) BEGIN
    \(refuse(
      view,
      [
        (isBadText(name, Limits.nameBytes), "\(name) must be a text of 1 to \(Limits.nameBytes) bytes"),
        (isReserved(name), "that name is reserved"),
      ] + badPayload("data") + [
        ("NOT EXISTS(SELECT 1 FROM instances WHERE id = NEW.instance)", "there is no such instance"),
        ("EXISTS(SELECT 1 FROM instances WHERE id = NEW.instance AND \(hasEnded))", "the instance has ended"),
        ("EXISTS(SELECT 1 FROM instances WHERE id = NEW.instance AND inbox_count >= \(Limits.inboxMessages))",
          "the inbox of the instance is full"),
      ]))
    INSERT INTO inbox(instance, json)
    SELECT pk, json_object('kind', '\(kind)', 'name', NEW.\(name), 'data', json(coalesce(NEW.data, 'null')))
    FROM instances WHERE id = NEW.instance;
    \(note("(SELECT pk FROM instances WHERE id = NEW.instance)"))
    END;

    """
  }

  /// `CompletionToken.text` in parts, and the row of its attempt if that is open.
  private static let attempt = """
    (SELECT a.pk, a.instance, a.execution, a.action, a.session
    FROM (SELECT token, execution, substr(rest, 1, instr(rest, '.') - 1) AS action,
        substr(rest, instr(rest, '.') + 1) AS id
      FROM (SELECT token, substr(rest, 1, instr(rest, '.') - 1) AS execution,
          substr(rest, instr(rest, '.') + 1) AS rest
        FROM (SELECT substr(NEW.token, 1, instr(NEW.token, '.') - 1) AS token,
          substr(NEW.token, instr(NEW.token, '.') + 1) AS rest))) AS t
    JOIN instances AS i ON i.id = t.id
    JOIN activities AS a ON a.instance = i.pk AND a.execution = CAST(t.execution AS INTEGER)
      AND a.action = CAST(t.action AS INTEGER) AND a.token = CAST(t.token AS INTEGER)
      AND (a.phase = 2 OR a.node IN (SELECT id FROM nodes)))
    """

  /// `Writer.completeActivity`, of a result.
  private static let complete = """
    CREATE VIEW perdure_complete AS SELECT NULL AS token, NULL AS result WHERE 0;
    CREATE TRIGGER perdure_complete_insert INSTEAD OF INSERT ON perdure_complete BEGIN
    \(refuse(
      "perdure_complete",
      badPayload("result") + [
        ("NOT EXISTS(SELECT 1 FROM \(attempt))", "the attempt is over, or was never made")
      ]))
    INSERT INTO inbox(instance, json)
    SELECT instance, json_object('kind', 'ActivityCompleted', 'execution', execution, 'action', action,
      'result', json(coalesce(NEW.result, 'null'))) FROM \(attempt);
    \(note("(SELECT instance FROM \(attempt))"))
    UPDATE sessions SET used_at = \(now) WHERE session = (SELECT session FROM \(attempt));
    DELETE FROM activities WHERE pk = (SELECT pk FROM \(attempt));
    END;

    """
}
