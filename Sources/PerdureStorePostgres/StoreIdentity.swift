internal import PerdureStore

/// Which store it is: what every session looks at first, so that no other is taken for it.
struct StoreIdentity: Sendable {
  /// Random, made with the tables.
  let id: String
  /// Of the advisory locks.
  let space: Int64
  let path: String

  /// Of the notifications.
  var channel: String { "perdure_\(id)" }

  init(id: String, space: Int64, path: String) {
    self.id = id
    self.space = space
    self.path = path
  }

  /// Fails where another store has taken the place of this one; as if the tables were gone, which they are.
  var assertion: (sql: String, values: [String]) {
    let sql = """
      SELECT CAST(CASE id WHEN $1 THEN 'perdure_store' ELSE 'perdure_store_' || $1 END AS regclass)
      FROM perdure_store
      """
    return (sql, [id])
  }

  func check(_ session: Session) throws(StoreError) {
    guard try session.ask("SELECT id FROM perdure_store").first?.first == id else {
      throw StoreError(
        .replaced,
        "The store \(path) was deleted or replaced while open: nothing more is acknowledged, open "
          + "it anew.")
    }
  }
}
