internal import PerdureModel
internal import PerdureStore

extension Writer {
  func note(_ note: AuditNote) throws(StoreError) {
    try rare.run(
      "INSERT INTO audit(at, actor, operation, target, reason, detail) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
      note.at, note.actor, note.operation, note.target, note.reason, note.detail?.bytes)
  }
}

extension Reader {
  func audit(_ query: AuditQuery) throws(StoreError) -> AuditPage {
    let limit = max(1, min(query.limit, Limits.pageRows))
    // Without a target the rows are passed in their own order: the table is as long as there were changes.
    let records = try rare.rows(
      """
      SELECT pk, at, actor, operation, target, reason, detail FROM audit
      WHERE pk < ?1 \(query.target == nil ? "AND ?2 IS NULL" : "AND target = ?2")
        AND (?3 IS NULL OR actor = ?3) AND (?4 IS NULL OR operation = ?4) AND at >= ?5 AND at < ?6
      ORDER BY pk DESC LIMIT ?7
      """,
      query.cursor > 0 ? query.cursor : .max, query.target, query.actor, query.operation, query.from ?? .min,
      query.to ?? .max, Int64(limit) + 1
    ) { row in
      let note = AuditNote(
        actor: row.text(2), operation: row.text(3), target: row.text(4), reason: row.text(5),
        detail: row.optionalBytes(6).map { Payload(bytes: $0) }, at: row.integer(1))
      return AuditRecord(id: row.integer(0), note: note)
    }
    let page = Array(records.prefix(limit))
    return AuditPage(records: page, next: records.count > limit ? page.last?.id : nil)
  }
}
