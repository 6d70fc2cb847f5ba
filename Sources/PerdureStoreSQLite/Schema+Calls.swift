/// What other programs may write: views into which a transaction of their own inserts what a client would ask
/// for. They are of the schema, so that nobody has to know its tables, and change with them.
///
/// The text of an error must be a literal. `perdure_post` and `perdure_end` are for the others: the row of an
/// instance gets a message, and a pending activity ends.
extension Schema {
  static let calls = post + start + messages + complete

  /// `Writer.insert`, of a message.
  private static let post = """
    CREATE VIEW perdure_post AS SELECT NULL AS instance, NULL AS json WHERE 0;
    CREATE TRIGGER perdure_post_insert INSTEAD OF INSERT ON perdure_post BEGIN
      INSERT INTO inbox(instance, json) VALUES(NEW.instance, NEW.json);
      UPDATE instances SET inbox_count = inbox_count + 1,
        wake_at = CASE WHEN status IN ('Suspended', 'Quarantined') THEN NULL
          WHEN status = 'Pending' AND used & 8 THEN wake_at ELSE 0 END,
        owner = CASE WHEN owner IN (SELECT id FROM nodes) THEN owner END
      WHERE pk = NEW.instance;
    END;

    """

  /// `Writer.create`, for a free id.
  private static let start = """
    CREATE VIEW perdure_start AS SELECT NULL AS instance, NULL AS orchestration, NULL AS input,
      NULL AS version, NULL AS priority, NULL AS start_at WHERE 0;
    CREATE TRIGGER perdure_start_insert INSTEAD OF INSERT ON perdure_start BEGIN
      SELECT CASE
        WHEN typeof(NEW.instance) <> 'text' OR length(CAST(NEW.instance AS BLOB)) NOT BETWEEN 1 AND 512
          THEN RAISE(ABORT, 'perdure_start: instance must be a text of 1 to 512 bytes')
        WHEN typeof(NEW.orchestration) <> 'text'
            OR length(CAST(NEW.orchestration AS BLOB)) NOT BETWEEN 1 AND 256
          THEN RAISE(ABORT, 'perdure_start: orchestration must be a text of 1 to 256 bytes')
        WHEN substr(NEW.instance, 1, 8) = 'perdure.' OR substr(NEW.orchestration, 1, 8) = 'perdure.'
          THEN RAISE(ABORT, 'perdure_start: that name is reserved')
        WHEN NEW.version NOT GLOB '[0-9]*.[0-9]*.[0-9]*' OR length(CAST(NEW.version AS BLOB)) > 256
          THEN RAISE(ABORT, 'perdure_start: version must be one such as 1.2.0')
        WHEN typeof(NEW.priority) NOT IN ('null', 'integer') OR NEW.priority NOT BETWEEN -1000 AND 1000
          THEN RAISE(ABORT, 'perdure_start: priority must be an integer from -1000 to 1000')
        WHEN typeof(NEW.start_at) NOT IN ('null', 'integer')
            OR NEW.start_at NOT BETWEEN 0 AND 253402300799999
          THEN RAISE(ABORT, 'perdure_start: start_at must be milliseconds since 1970')
        WHEN NEW.input IS NOT NULL AND NOT json_valid(NEW.input)
          THEN RAISE(ABORT, 'perdure_start: input is not JSON')
        WHEN length(CAST(NEW.input AS BLOB)) > 2097152
          THEN RAISE(ABORT, 'perdure_start: input is larger than 2097152 bytes')
        WHEN EXISTS(SELECT 1 FROM instances WHERE id = NEW.instance)
          THEN RAISE(ABORT, 'perdure_start: an instance of that id exists already')
        WHEN EXISTS(SELECT 1 FROM kept WHERE instance = NEW.instance
            AND json_extract(json, '$.kind') = 'CallReceived')
          THEN RAISE(ABORT, 'perdure_start: calls wait for that id, start it with a client')
      END;
      INSERT INTO instances(id, orchestration, version, status, execution, revision, event_count,
        inbox_count, wake_at, priority, used, created_at, updated_at, custom_status_version, start)
      SELECT NEW.instance, NEW.orchestration, NEW.version, 'Pending', 1, 0, 0, 0,
        iif(NEW.start_at > now, NEW.start_at, 0), coalesce(NEW.priority, 0), iif(NEW.start_at > 0, 8, 0),
        now, now, 0,
        -- Without what is NULL.
        json_patch('{}', json_object('instance', NEW.instance, 'name', NEW.orchestration, 'version',
          NEW.version, 'startAt', nullif(NEW.start_at, 0), 'priority', nullif(NEW.priority, 0)))
      FROM (SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AS now);
      UPDATE instances SET start = substr(start, 1, length(start) - 1) || ',"input":'
        || json(coalesce(NEW.input, 'null')) || '}'
      WHERE id = NEW.instance;
      INSERT INTO instance_options(instance, start_at)
      SELECT pk, NEW.start_at FROM instances WHERE id = NEW.instance AND NEW.start_at > 0;
      INSERT INTO status_counts(orchestration, version, status, instances, lives, total_ms, least_ms, most_ms)
      VALUES(NEW.orchestration, coalesce(NEW.version, ''), 'Pending', 1, 0, 0, 0, 0)
      ON CONFLICT DO UPDATE SET instances = iif(abs(instances / 2) > 1e15, 0, instances) + 1;
      INSERT INTO perdure_post(instance, json)
      SELECT i.pk, k.json FROM kept AS k JOIN instances AS i ON i.id = k.instance
      WHERE k.instance = NEW.instance ORDER BY k.number;
      DELETE FROM kept WHERE instance = NEW.instance;
    END;

    """

  /// `Writer.post`, of what is not kept for later.
  private static let messages = """
    CREATE VIEW perdure_raise AS SELECT NULL AS instance, NULL AS name, NULL AS data WHERE 0;
    CREATE TRIGGER perdure_raise_insert INSTEAD OF INSERT ON perdure_raise BEGIN
      SELECT CASE
        WHEN typeof(NEW.name) <> 'text' OR length(CAST(NEW.name AS BLOB)) NOT BETWEEN 1 AND 256
          THEN RAISE(ABORT, 'perdure_raise: name must be a text of 1 to 256 bytes')
        WHEN substr(NEW.name, 1, 8) = 'perdure.'
          THEN RAISE(ABORT, 'perdure_raise: that name is reserved')
        WHEN NEW.data IS NOT NULL AND NOT json_valid(NEW.data)
          THEN RAISE(ABORT, 'perdure_raise: data is not JSON')
        WHEN length(CAST(NEW.data AS BLOB)) > 2097152
          THEN RAISE(ABORT, 'perdure_raise: data is larger than 2097152 bytes')
        WHEN NOT EXISTS(SELECT 1 FROM instances WHERE id = NEW.instance)
          THEN RAISE(ABORT, 'perdure_raise: there is no such instance')
        WHEN (SELECT status FROM instances WHERE id = NEW.instance)
            IN ('Completed', 'Failed', 'Cancelled', 'Terminated')
          THEN RAISE(ABORT, 'perdure_raise: the instance has ended')
        WHEN (SELECT inbox_count FROM instances WHERE id = NEW.instance) >= 100000
          THEN RAISE(ABORT, 'perdure_raise: the inbox of the instance is full')
      END;
      INSERT INTO perdure_post(instance, json)
      SELECT pk, json_object('kind', 'EventRaised', 'name', NEW.name, 'data',
        json(coalesce(NEW.data, 'null')))
      FROM instances WHERE id = NEW.instance;
    END;

    CREATE VIEW perdure_enqueue AS SELECT NULL AS instance, NULL AS queue, NULL AS data WHERE 0;
    CREATE TRIGGER perdure_enqueue_insert INSTEAD OF INSERT ON perdure_enqueue BEGIN
      SELECT CASE
        WHEN typeof(NEW.queue) <> 'text' OR length(CAST(NEW.queue AS BLOB)) NOT BETWEEN 1 AND 256
          THEN RAISE(ABORT, 'perdure_enqueue: queue must be a text of 1 to 256 bytes')
        WHEN substr(NEW.queue, 1, 8) = 'perdure.'
          THEN RAISE(ABORT, 'perdure_enqueue: that name is reserved')
        WHEN NEW.data IS NOT NULL AND NOT json_valid(NEW.data)
          THEN RAISE(ABORT, 'perdure_enqueue: data is not JSON')
        WHEN length(CAST(NEW.data AS BLOB)) > 2097152
          THEN RAISE(ABORT, 'perdure_enqueue: data is larger than 2097152 bytes')
        WHEN NOT EXISTS(SELECT 1 FROM instances WHERE id = NEW.instance)
          THEN RAISE(ABORT, 'perdure_enqueue: there is no such instance')
        WHEN (SELECT status FROM instances WHERE id = NEW.instance)
            IN ('Completed', 'Failed', 'Cancelled', 'Terminated')
          THEN RAISE(ABORT, 'perdure_enqueue: the instance has ended')
        WHEN (SELECT inbox_count FROM instances WHERE id = NEW.instance) >= 100000
          THEN RAISE(ABORT, 'perdure_enqueue: the inbox of the instance is full')
      END;
      INSERT INTO perdure_post(instance, json)
      SELECT pk, json_object('kind', 'QueueMessageReceived', 'name', NEW.queue, 'data',
        json(coalesce(NEW.data, 'null')))
      FROM instances WHERE id = NEW.instance;
    END;

    """

  /// `Writer.completeActivity`, of a result: `CompletionToken.text` in its parts, and the row of its attempt
  /// if that is open.
  private static let complete = """
    CREATE VIEW perdure_end AS SELECT NULL AS activity, NULL AS result WHERE 0;
    CREATE TRIGGER perdure_end_insert INSTEAD OF INSERT ON perdure_end BEGIN
      SELECT RAISE(ABORT, 'perdure_complete: the attempt is over, or was never made')
      WHERE NEW.activity IS NULL;
      INSERT INTO perdure_post(instance, json)
      SELECT instance, json_object('kind', 'ActivityCompleted', 'execution', execution, 'action', action,
        'result', json(NEW.result)) FROM activities WHERE pk = NEW.activity;
      UPDATE sessions SET used_at = CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)
      WHERE session = (SELECT session FROM activities WHERE pk = NEW.activity);
      DELETE FROM activities WHERE pk = NEW.activity;
    END;

    CREATE VIEW perdure_complete AS SELECT NULL AS token, NULL AS result WHERE 0;
    CREATE TRIGGER perdure_complete_insert INSTEAD OF INSERT ON perdure_complete BEGIN
      SELECT CASE
        WHEN NEW.result IS NOT NULL AND NOT json_valid(NEW.result)
          THEN RAISE(ABORT, 'perdure_complete: result is not JSON')
        WHEN length(CAST(NEW.result AS BLOB)) > 2097152
          THEN RAISE(ABORT, 'perdure_complete: result is larger than 2097152 bytes')
      END;
      INSERT INTO perdure_end(activity, result)
      SELECT a.pk, coalesce(NEW.result, 'null')
      FROM (SELECT token, execution, substr(rest, 1, instr(rest, '.') - 1) AS action,
          substr(rest, instr(rest, '.') + 1) AS id
        FROM (SELECT token, substr(rest, 1, instr(rest, '.') - 1) AS execution,
            substr(rest, instr(rest, '.') + 1) AS rest
          FROM (SELECT substr(NEW.token, 1, instr(NEW.token, '.') - 1) AS token,
            substr(NEW.token, instr(NEW.token, '.') + 1) AS rest))) AS t
      LEFT JOIN instances AS i ON i.id = t.id
      LEFT JOIN activities AS a ON a.instance = i.pk AND a.execution = CAST(t.execution AS INTEGER)
        AND a.action = CAST(t.action AS INTEGER) AND a.token = CAST(t.token AS INTEGER)
        AND (a.phase = 2 OR a.node IN (SELECT id FROM nodes));
    END;

    """
}
