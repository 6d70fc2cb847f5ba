internal import PerdureStore

/// What every session has.
extension Session {
  /// Plans go by indexes, also while the tables are small or have grown since they were looked at. A process
  /// that sleeps in the middle of a transaction must not hold up the others for long.
  private static let settings: [(name: String, value: String)] = [
    ("search_path", "$1"), ("statement_timeout", "$2"), ("lock_timeout", "$3"),
    ("idle_in_transaction_session_timeout", "$4"),
    (
      "synchronous_commit",
      "CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' "
        + "ELSE current_setting('synchronous_commit') END"
    ),
    ("enable_seqscan", "'off'"), ("enable_hashjoin", "'off'"), ("enable_mergejoin", "'off'"),
    ("jit", "'off'"),
  ]
  /// Of the connection, which is the proxy's if there is one.
  private static let own: [(name: String, value: String)] = [
    ("client_encoding", "'UTF8'"), ("tcp_keepalives_idle", "'5'"), ("tcp_keepalives_interval", "'2'"),
    ("tcp_keepalives_count", "'3'"),
  ]

  /// How often two sessions are compared.
  private static let looks = 10

  private static let forSession = statement(settings + own, isLocal: false)
  private static let forTransaction = statement(settings, isLocal: true)

  private static func statement(_ settings: [(name: String, value: String)], isLocal: Bool) -> String {
    let calls = settings.map { "set_config('\($0.name)', \($0.value), \(isLocal))" }
    return "SELECT " + calls.joined(separator: ", ")
  }

  /// - Parameter lockTimeoutMS: how long it waits for the locks of others.
  func configure(_ url: PostgresURL, lockTimeoutMS: Int) throws(StoreError) {
    let values = [
      PostgresText.quoted(url.options.schema), String(url.options.statementTimeoutMS),
      String(max(1, lockTimeoutMS)), String(url.options.leaseMS),
    ]
    if url.options.isPooled {
      preamble = [(Self.forTransaction, values)]
    } else {
      _ = try ask(Self.forSession, values)
    }
  }

  /// Refuses a proxy that lends one session of the server to several of us by turns, if it shows: it would
  /// work until the first statement that is known in another one.
  func refuseIfShared(_ url: PostgresURL) throws(StoreError) {
    guard !url.options.isPooled else { return }
    let pid = "SELECT pg_backend_pid()"
    let ours = try ask(pid)
    // Who answers is who was connected to: there is no proxy.
    guard ours != [[String(backend)]] else { return }
    let other = try Session.opened(url)
    var isShared = false
    // Whom a proxy gives the session that it got back last is up to those who ask in between.
    for _ in 0..<Self.looks where !isShared {
      let theirs = try other.ask(pid)
      let again = try ask(pid)
      isShared = again != ours || theirs == ours
    }
    guard isShared else { return }
    throw StoreError(
      .cannotOpen,
      "The store \(url.path) is refused: a proxy shares the sessions of the server between transactions "
        + "(pgbouncer: pool_mode = transaction); say pooled=on in the URL, or go to the server directly.")
  }
}
