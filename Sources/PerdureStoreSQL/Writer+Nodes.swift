internal import Glibc
package import PerdureModel
package import PerdureStore
internal import PerdureWire

extension Writer {
  /// `lock` runs before the row is visible to anybody: a node is never seen without its lock.
  package func join(
    serving service: NodeService, lock: (NodeID) throws(StoreError) -> Void
  ) throws(StoreError) -> NodeID {
    try transaction { () throws(StoreError) in
      let node = try rare.insert(
        key: "id", "INSERT INTO nodes(service, pid, host) VALUES(?1, ?2, ?3)", StoreWire.encode(service),
        Int64(getpid()),
        Self.host())
      try lock(node)
      return node
    }
  }

  /// The name of this machine.
  private static func host() -> [UInt8] {
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, name.count - 1) == 0 else { return [] }
    return name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
  }

  /// Opens to others all that the nodes owned and held; the number of rows that went.
  ///
  /// - deadAt: they did not leave, and of what was due under them one may be the cause; nil: they left.
  package func forget(_ nodes: [NodeID], deadAt: TimestampMS?) throws(StoreError) -> Int {
    try transaction { () throws(StoreError) in
      var gone: Int64 = 0
      for node in nodes {
        if let deadAt { try countLostTurns(node, deadAt) }
        gone &+= try rare.change("DELETE FROM nodes WHERE id = ?1", node)
        // Rows that sleep keep the name of a node that is no more, which counts as none.
        try rare.run("UPDATE instances SET owner = NULL WHERE owner = ?1 AND wake_at IS NOT NULL", node)
        try rare.run("UPDATE activities SET node = NULL WHERE node = ?1", node)
        try rare.run("DELETE FROM sessions WHERE node = ?1", node)
      }
      return Int(clamping: gone)
    }
  }

  /// Due by their rows; or by the result of an activity that is not run any more, as its processes died, and
  /// that no turn survives either.
  private func countLostTurns(_ node: NodeID, _ now: TimestampMS) throws(StoreError) {
    try rare.run(
      """
      UPDATE instances SET lost_turns = CASE WHEN lost_turns < 9007199254740992 THEN lost_turns
        ELSE 9007199254740992 END + 1
      WHERE owner = ?1 AND wake_at <= ?2
        OR pk IN (SELECT instance FROM activities WHERE node = ?1 AND attempt - 1 - failures >= ?3)
      """, node, now, Limits.activityLosses)
  }

  /// Opens to others what nodes hold that have no row. The engine leaves none such, but nobody else would
  /// ever take them from a node that never was.
  package func forgetUnknown() throws(StoreError) {
    let hasUnknown = try connection.integer(
      """
      SELECT EXISTS(SELECT 1 FROM activities WHERE node IS NOT NULL AND node NOT IN (SELECT id FROM nodes))
        OR EXISTS(SELECT 1 FROM instances
          WHERE wake_at IS NOT NULL AND owner IS NOT NULL AND owner NOT IN (SELECT id FROM nodes))
      """)
    if hasUnknown == 0 { return }
    try transaction { () throws(StoreError) in
      try rare.run("UPDATE activities SET node = NULL WHERE node NOT IN (SELECT id FROM nodes)")
      try rare.run(
        """
        UPDATE instances SET owner = NULL WHERE wake_at IS NOT NULL AND owner NOT IN (SELECT id FROM nodes)
        """)
    }
  }

  /// What the nodes serve. One that cannot be read counts as serving nothing.
  func nodeServices() throws(StoreError) -> [NodeService] {
    let services = try rare.rows("SELECT service FROM nodes") { row throws(StoreError) -> NodeService? in
      row.withBytes(0) { bytes in try? StoreWire.decodeService(bytes) }
    }
    return services.compactMap { $0 }
  }

  // MARK: Sessions

  /// Which sessions a claim may take work of.
  struct SessionDesk {
    let node: NodeID
    let filter: ActivityFilter
    let now: TimestampMS
    /// Sessions that the node may take in addition; nil: not looked up yet.
    fileprivate var room: Int64?
    fileprivate var decided: [ExactText: Bool] = [:]

    init(node: NodeID, filter: ActivityFilter, now: TimestampMS) {
      self.node = node
      self.filter = filter
      self.now = now
    }
  }

  /// A session in which an activity runs is in use, however long that takes.
  private static let isInUse = """
    (s.used_at > ?2 OR EXISTS(SELECT 1 FROM activities AS a WHERE a.session = s.session AND a.node = s.node))
    """

  func takes(_ session: String, _ desk: inout SessionDesk) throws(StoreError) -> Bool {
    try mustBeAlone()
    if let known = desk.decided[ExactText(session)] { return known }
    // One that was taken for dead has no session until it is known again.
    guard try live(desk.node) != nil else { return false }
    let idleSince = desk.now &- desk.filter.sessionIdleMS
    let holder = try rare.first(
      "SELECT s.node FROM sessions AS s WHERE s.session = ?1 AND \(Self.isInUse)", session, idleSince
    ) { $0.integer(0) }
    var takes = holder == desk.node
    if !takes, try live(holder) == nil {
      let room: Int64
      if let known = desk.room {
        room = known
      } else {
        // Those it gave up by not using them would pile up.
        try rare.run(
          "DELETE FROM sessions AS s WHERE s.node = ?1 AND NOT \(Self.isInUse)", desk.node, idleSince)
        let held = try rare.first("SELECT count(*) FROM sessions WHERE node = ?1", desk.node) {
          $0.integer(0)
        }
        room = Int64(desk.filter.sessionsMax) &- (held ?? 0)
      }
      takes = room > 0
      desk.room = takes ? room &- 1 : room
    }
    desk.decided[ExactText(session)] = takes
    return takes
  }

  /// The session is the node's, and was used just now.
  func use(_ session: String?, by node: NodeID, now: TimestampMS) throws(StoreError) {
    guard let session else { return }
    try mustBeAlone()
    try rare.run(
      """
      INSERT INTO sessions(session, node, used_at) SELECT ?1, id, ?3 FROM nodes WHERE id = ?2
      ON CONFLICT(session) DO UPDATE SET node = excluded.node, used_at = excluded.used_at
      """, session, node, now)
  }
}
