/// What other programs may call inside of a transaction of their own: functions in the schema of the store,
/// so that nobody has to know its tables, and which change with them.
///
/// Each takes the lock of the writers first, which the caller's transaction holds to its end, and tells the
/// runtimes. Those that begin with an underscore are for the others.
extension PostgresSchema {
  /// One statement for each: what ends lines inside of them must not end a statement of the migration.
  static let calls = functions.map { $0.split(separator: ";\n").joined(separator: "; \n") }
    .joined(separator: ";\n")

  private static let functions = [
    lock, refuse, stored, checkName, payload, post, start, raise, enqueue, complete,
  ]

  private static let lock = """
    CREATE FUNCTION _lock() RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $body$
    DECLARE
      space BIGINT := (SELECT CAST(relnamespace AS BIGINT) FROM pg_class
        WHERE oid = CAST('perdure_store' AS regclass));
    BEGIN
      PERFORM pg_advisory_xact_lock(
        CAST(CASE WHEN space > 2147483647 THEN space - 4294967296 ELSE space END AS INTEGER), 0);
      PERFORM pg_notify('perdure_' || id, 'sql') FROM perdure_store;
    END
    $body$
    """

  private static let refuse = """
    CREATE FUNCTION _refuse(code TEXT, why TEXT) RETURNS void LANGUAGE plpgsql AS $body$
    BEGIN
      RAISE EXCEPTION '%', why USING ERRCODE = code;
    END
    $body$
    """

  /// `PostgresText.escaped`; U+0000 does not come to us.
  private static let stored = """
    CREATE FUNCTION _stored(value TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE AS $body$
      SELECT replace(value, chr(1), chr(1) || chr(2))
    $body$
    """

  private static let checkName = """
    CREATE FUNCTION _check(what TEXT, value TEXT, most INTEGER) RETURNS void LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $body$
    BEGIN
      IF value IS NULL OR octet_length(value) NOT BETWEEN 1 AND most THEN
        PERFORM _refuse('22023', format('%s must be a text of 1 to %s bytes', what, most));
      ELSIF substr(value, 1, 8) = 'perdure.' THEN
        PERFORM _refuse('22023', format('%s %L is reserved', what, value));
      END IF;
    END
    $body$
    """

  private static let payload = """
    CREATE FUNCTION _payload(what TEXT, value JSON) RETURNS TEXT LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $body$
    BEGIN
      IF octet_length(CAST(value AS TEXT)) > 2097152 THEN
        PERFORM _refuse('54000', format('%s is larger than 2097152 bytes', what));
      END IF;
      RETURN coalesce(CAST(value AS TEXT), 'null');
    END
    $body$
    """

  /// `Writer.post`, of what is not kept for later. The lock is held.
  private static let post = """
    CREATE FUNCTION _post(receiver TEXT, message TEXT) RETURNS void LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $body$
    DECLARE
      found RECORD;
    BEGIN
      SELECT pk, status, inbox_count INTO found FROM instances WHERE id = _stored(receiver);
      IF found.pk IS NULL THEN
        PERFORM _refuse('02000', format('there is no instance %L', receiver));
      ELSIF found.status IN ('Completed', 'Failed', 'Cancelled', 'Terminated') THEN
        PERFORM _refuse('55000', format('instance %L has ended: it is %s', receiver, found.status));
      ELSIF found.inbox_count >= 100000 THEN
        PERFORM _refuse('54000', format('the inbox of instance %L is full', receiver));
      END IF;
      INSERT INTO inbox(instance, json) VALUES(found.pk, message);
      UPDATE instances SET inbox_count = inbox_count + 1,
        wake_at = CASE WHEN status IN ('Suspended', 'Quarantined') THEN NULL
          WHEN status = 'Pending' AND (used & 8) <> 0 THEN wake_at ELSE 0 END,
        owner = CASE WHEN owner IN (SELECT id FROM nodes) THEN owner END
      WHERE pk = found.pk;
    END
    $body$
    """

  /// `Writer.create`, for a free id.
  private static let start = """
    CREATE FUNCTION start(instance TEXT, orchestration TEXT, input JSON DEFAULT NULL,
      version TEXT DEFAULT NULL, priority INTEGER DEFAULT 0, start_at TIMESTAMPTZ DEFAULT NULL)
    RETURNS TEXT LANGUAGE plpgsql SET search_path FROM CURRENT AS $body$
    #variable_conflict use_column
    DECLARE
      _id TEXT := coalesce(start.instance, CAST(gen_random_uuid() AS TEXT));
      _name TEXT := start.orchestration;
      _version TEXT := start.version;
      _priority INTEGER := coalesce(start.priority, 0);
      _at BIGINT := coalesce(CAST(extract(epoch FROM start.start_at) * 1000 AS BIGINT), 0);
      _now BIGINT := CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT);
      _input TEXT := _payload('input', start.input);
      _pk BIGINT;
      _message TEXT;
    BEGIN
      PERFORM _check('instance', _id, 512);
      PERFORM _check('orchestration', _name, 256);
      IF _version !~ '^[0-9]+[.][0-9]+[.][0-9]+' OR octet_length(_version) > 256 THEN
        PERFORM _refuse('22023', format('version %L must be one such as 1.2.0', _version));
      ELSIF _priority NOT BETWEEN -1000 AND 1000 THEN
        PERFORM _refuse('22023', format('priority %s must be from -1000 to 1000', _priority));
      ELSIF _at NOT BETWEEN 0 AND 253402300799999 THEN
        PERFORM _refuse('22023', 'start_at must be from 1970 to 9999');
      END IF;
      PERFORM _lock();
      IF EXISTS(SELECT 1 FROM kept WHERE instance = _stored(_id)
          AND CAST(json AS JSON) ->> 'kind' = 'CallReceived') THEN
        PERFORM _refuse('55000', format('calls wait for instance %L: start it with a client', _id));
      END IF;
      INSERT INTO instances(id, orchestration, version, status, execution, revision, event_count,
        inbox_count, wake_at, priority, used, created_at, updated_at, custom_status_version, start)
      VALUES(_stored(_id), _stored(_name), _version, 'Pending', 1, 0, 0, 0,
        CASE WHEN _at > _now THEN _at ELSE 0 END, _priority, CASE WHEN _at > 0 THEN 8 ELSE 0 END, _now, _now,
        0, '{"instance":' || to_json(_id) || ',"name":' || to_json(_name)
          || coalesce(',"version":' || to_json(_version), '')
          || CASE WHEN _at > 0 THEN ',"startAt":' || _at ELSE '' END
          || CASE WHEN _priority <> 0 THEN ',"priority":' || _priority ELSE '' END
          || ',"input":' || _input || '}')
      ON CONFLICT(id) DO NOTHING RETURNING pk INTO _pk;
      IF _pk IS NULL THEN
        PERFORM _refuse('23505', format('an instance %L exists already', _id));
      END IF;
      IF _at > 0 THEN
        INSERT INTO instance_options(instance, start_at) VALUES(_pk, _at);
      END IF;
      INSERT INTO status_counts(orchestration, version, status, instances, lives, total_ms, least_ms, most_ms)
      VALUES(_stored(_name), coalesce(_version, ''), 'Pending', 1, 0, 0, 0, 0)
      ON CONFLICT(orchestration, version, status) DO UPDATE SET instances = status_counts.instances + 1;
      FOR _message IN SELECT json FROM kept WHERE instance = _stored(_id) ORDER BY number LOOP
        PERFORM _post(_id, _message);
      END LOOP;
      DELETE FROM kept WHERE instance = _stored(_id);
      RETURN _id;
    END
    $body$
    """

  private static let raise = """
    CREATE FUNCTION raise_event(instance TEXT, name TEXT, data JSON DEFAULT NULL)
    RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $body$
    BEGIN
      PERFORM _check('name', name, 256);
      PERFORM _lock();
      PERFORM _post(instance, '{"kind":"EventRaised","name":' || to_json(name) || ',"data":'
        || _payload('data', data) || '}');
    END
    $body$
    """

  private static let enqueue = """
    CREATE FUNCTION enqueue(instance TEXT, queue TEXT, data JSON DEFAULT NULL)
    RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $body$
    BEGIN
      PERFORM _check('queue', queue, 256);
      PERFORM _lock();
      PERFORM _post(instance, '{"kind":"QueueMessageReceived","name":' || to_json(queue) || ',"data":'
        || _payload('data', data) || '}');
    END
    $body$
    """

  /// `Writer.completeActivity`, of a result: `CompletionToken.text` in its parts, and the row of its attempt
  /// if that is open.
  private static let complete = """
    CREATE FUNCTION complete_activity(token TEXT, result JSON DEFAULT NULL)
    RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $body$
    #variable_conflict use_column
    DECLARE
      _parts TEXT[] := regexp_match(complete_activity.token, '^([0-9]+)[.]([0-9]+)[.]([0-9]+)[.](.+)$');
      _result TEXT := _payload('result', complete_activity.result);
      _found RECORD;
    BEGIN
      PERFORM _lock();
      SELECT a.pk, a.execution, a.action, a.session INTO _found
      FROM instances AS i JOIN activities AS a ON a.instance = i.pk
      WHERE i.id = _stored(_parts[4]) AND a.execution = CAST(_parts[2] AS NUMERIC)
        AND a.action = CAST(_parts[3] AS NUMERIC) AND a.token = CAST(_parts[1] AS NUMERIC)
        AND (a.phase = 2 OR a.node IN (SELECT id FROM nodes));
      IF _found.pk IS NULL THEN
        PERFORM _refuse('55000', 'the attempt is over, or was never made');
      END IF;
      PERFORM _post(_parts[4], '{"kind":"ActivityCompleted","execution":' || _found.execution || ',"action":'
        || _found.action || ',"result":' || _result || '}');
      UPDATE sessions SET used_at = CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)
      WHERE session = _found.session;
      DELETE FROM activities WHERE pk = _found.pk;
    END
    $body$
    """
}
