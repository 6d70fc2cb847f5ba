/// Where the databases do not understand the same SQL. What both understand is written once, everywhere else.
package enum Dialect: Sendable {
  case sqlite, postgresql

  /// Before a column in a condition: it is not to be looked up in an index. Only SQLite needs to be told.
  var unindexed: String { self == .sqlite ? "+" : "" }

  /// Between two tables: the first of them leads.
  var leadingJoin: String { self == .sqlite ? "CROSS JOIN" : "JOIN" }

  /// Where the counts by status are, as a table. Of PostgreSQL each is the sum of several rows.
  var statusCounts: String {
    if self == .sqlite { return "status_counts" }
    return """
      (SELECT orchestration, version, status, CAST(sum(instances) AS BIGINT) AS instances,
          CAST(sum(lives) AS BIGINT) AS lives, CAST(sum(total_ms) AS BIGINT) AS total_ms,
          coalesce(min(least_ms) FILTER (WHERE lives <> 0), 0) AS least_ms, max(most_ms) AS most_ms
        FROM (
          SELECT orchestration, version, status, instances, lives, total_ms, least_ms, most_ms
          FROM status_counts
          UNION ALL SELECT orchestration, version, status, instances, lives, total_ms, least_ms, most_ms
          FROM status_count_shares) AS parts
        GROUP BY orchestration, version, status) AS status_counts
      """
  }

  /// The bytes of a text.
  func size(_ text: String) -> String {
    self == .sqlite ? "length(CAST(\(text) AS BLOB))" : "octet_length(\(text))"
  }

  /// The sum of integers, 0 for none; of those only for which a condition holds, if there is one.
  func total(_ value: String, where condition: String? = nil) -> String {
    let filter = condition.map { " FILTER (WHERE " + $0 + ")" } ?? ""
    return self == .sqlite
      ? "total(\(value))\(filter)" : "CAST(coalesce(sum(\(value))\(filter), 0) AS BIGINT)"
  }
}
