/// A write to the rows of one key, in two texts: for one run, and for many runs at once with their parameters in
/// arrays. A database where each statement costs a message may hold runs back and send them together; SQLite
/// runs the first text where it is called.
package struct RowWrite: Sendable {
  package enum Kind: Sendable { case insert, update, delete }

  package let kind: Kind
  package let table: String
  /// The parameter with the key, from 1. Runs on one table with different keys never meet in a row, in what a
  /// condition looks at, or in a unique index.
  package let scope: Int
  /// The parameters that name the row which an update changes: it may be in a statement once.
  package let row: [Int]
  /// The column with the key that an insert makes, if that is asked for.
  package let key: String?
  /// For one run.
  package let text: String
  /// For many runs: `{rows}` stands for their parameters, `?1` for a column of them.
  package let gathered: String

  private init(
    _ kind: Kind, _ table: String, scope: Int, row: [Int], key: String? = nil, _ text: String,
    _ gathered: String
  ) {
    self.kind = kind
    self.table = table
    self.scope = scope
    self.row = row
    self.key = key
    self.text = text
    self.gathered = gathered
  }

  /// Keys that the database makes are in the order of the runs.
  ///
  /// - replacing: the parameters that name the row which may be there already, and what happens to it.
  static func insert(
    into table: String, _ columns: String, values: String, scope: Int, key: String? = nil,
    replacing: (row: [Int], with: String)? = nil
  ) -> RowWrite {
    let head = "INSERT INTO \(table)(\(columns))"
    let tail = replacing.map { " " + $0.with } ?? ""
    return RowWrite(
      replacing == nil ? .insert : .update, table, scope: scope, row: replacing?.row ?? [], key: key,
      "\(head) VALUES(\(values))\(tail)",
      "\(head) SELECT \(values) FROM {rows} ORDER BY given.place\(tail)")
  }

  /// - row: the parameters that name the row; nil: that of the scope.
  static func update(
    _ table: String, set changes: String, where condition: String, scope: Int, row: [Int]? = nil
  ) -> RowWrite {
    RowWrite(
      .update, table, scope: scope, row: row ?? [scope],
      "UPDATE \(table) SET \(changes) WHERE \(condition)",
      "UPDATE \(table) SET \(changes) FROM {rows} WHERE \(led(condition))")
  }

  static func delete(from table: String, where condition: String, scope: Int) -> RowWrite {
    RowWrite(
      .delete, table, scope: scope, row: [], "DELETE FROM \(table) WHERE \(condition)",
      "DELETE FROM \(table) USING {rows} WHERE \(led(condition))")
  }

  /// The parameters lead to the rows of the table. With plain equality the planner may begin with a whole index
  /// and go from there to the parameters, of a table that was small when it looked.
  private static func led(_ condition: String) -> String {
    let parts = condition.split(separator: " = ?", omittingEmptySubsequences: false)
    guard let first = parts.first else { return condition }
    return parts.dropFirst().reduce(String(first)) { text, part in
      let number = part.prefix { $0.isNumber }
      return text + " = ANY(ARRAY[?\(number)])" + part.dropFirst(number.count)
    }
  }
}
