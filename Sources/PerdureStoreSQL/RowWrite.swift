/// A write to the rows of one key, in two texts: for one run, and for many runs at once with their parameters
/// in arrays. A database where each statement costs a message may hold runs back and send them together;
/// SQLite runs the first text where it is called.
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
    _ kind: Kind, _ table: StaticString, scope: Int, row: [Int], key: StaticString? = nil, _ text: String,
    _ gathered: String
  ) {
    self.kind = kind
    self.table = table.description
    self.scope = scope
    self.row = row
    self.key = key?.description
    self.text = text
    self.gathered = gathered
  }

  /// Keys that the database makes are in the order of the runs.
  ///
  /// - replacing: the parameters that name the row which may be there already, and what happens to it.
  static func insert(
    into table: StaticString, _ columns: StaticString, values: StaticString, scope: Int,
    key: StaticString? = nil, replacing: (row: [Int], with: StaticString)? = nil
  ) -> RowWrite {
    let tail = replacing?.with ?? ""
    return RowWrite(
      replacing == nil ? .insert : .update, table, scope: scope, row: replacing?.row ?? [], key: key,
      text("INSERT INTO ", table, "(", columns, ") VALUES(", values, ") ", tail),
      text(
        "INSERT INTO ", table, "(", columns, ") SELECT ", values, " FROM {rows} ORDER BY given.place ", tail))
  }

  /// - Parameters:
  ///   - more: changes too, with a comma before them.
  ///   - row: the parameters that name the row; nil: that of the scope.
  static func update(
    _ table: StaticString, set changes: StaticString, more: StaticString = "",
    where condition: StaticString, scope: Int, row: [Int]? = nil
  ) -> RowWrite {
    RowWrite(
      .update, table, scope: scope, row: row ?? [scope],
      text("UPDATE ", table, " SET ", changes, more, " WHERE ", condition),
      text("UPDATE ", table, " SET ", changes, more, " FROM {rows} WHERE ") + led(condition.description))
  }

  static func delete(from table: StaticString, where condition: StaticString, scope: Int) -> RowWrite {
    RowWrite(
      .delete, table, scope: scope, row: [], text("DELETE FROM ", table, " WHERE ", condition),
      text("DELETE FROM ", table, " USING {rows} WHERE ") + led(condition.description))
  }

  /// All of it is in the code: nobody's value can be in a statement.
  private static func text(_ parts: StaticString...) -> String { parts.map(\.description).joined() }

  /// The parameters lead to the rows of the table. With plain equality the planner may begin with a whole
  /// index and go from there to the parameters, of a table that was small when it looked.
  private static func led(_ condition: String) -> String {
    let parts = condition.split(separator: "?", omittingEmptySubsequences: false)
    guard let first = parts.first else { return condition }
    return parts.dropFirst().reduce(String(first)) { text, part in
      guard text.hasSuffix(" = ") else { return "\(text)?\(part)" }
      let number = part.prefix { $0.isNumber }
      return "\(text)ANY(ARRAY[?\(number)])\(part.dropFirst(number.count))"
    }
  }
}
