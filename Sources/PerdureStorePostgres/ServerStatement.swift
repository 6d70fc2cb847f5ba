/// A text that a session keeps under a name, by the kinds of values that are bound when it runs first.
final class ServerStatement {
  let text: String
  /// Empty: it is not kept.
  let name: String
  /// The number of the session that has it; 0: none.
  var preparedIn = 0

  init(_ text: String, name: String) {
    self.text = text
    self.name = name
  }

  /// The beginning, in one line.
  var shown: String { Self.shown(text) }

  static func shown(_ sql: String) -> String {
    sql.prefix(60).split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }
}
