/// What is wrong with the engine by this input, short of a trap.
package struct Finding: Error, CustomStringConvertible {
  package var description: String

  package init(_ description: String) { self.description = description }
}

/// One way into the engine as a function of bytes. Any bytes are good: what they stand for is the affair of
/// the target, and nothing that they do may trap, hang, or read what is not theirs.
package struct FuzzTarget: Sendable {
  /// Also the name of its folder in the corpus.
  package let name: String
  /// What it drives, in a few words.
  package let what: String
  /// A sensible bound for the size of its inputs.
  package let bytesMax: Int
  /// Leaves nothing behind that the next call could see.
  package let run: @Sendable (borrowing [UInt8]) throws(Finding) -> Void

  package static let all: [FuzzTarget] = [json, wire, history, text, abi, rows]

  /// nil: there is none of that name.
  package static func named(_ name: String) -> FuzzTarget? { all.first { $0.name == name } }
}

extension FuzzTarget {
  private static let json = FuzzTarget(
    name: "json", what: "payloads and strings", bytesMax: 1_024, run: JSONTarget.run)
  private static let wire = FuzzTarget(
    name: "wire", what: "every message of the wire format", bytesMax: 2_048, run: WireTarget.run)
  private static let history = FuzzTarget(
    name: "history", what: "histories that were edited", bytesMax: 512, run: HistoryTarget.run)
  private static let text = FuzzTarget(
    name: "text", what: "cron lines, time zones, versions, tokens, ids", bytesMax: 1_024, run: TextTarget.run)
  private static let abi = FuzzTarget(
    name: "abi", what: "sequences of calls of the C ABI", bytesMax: 512, run: ABITarget.run)
  private static let rows = FuzzTarget(
    name: "rows", what: "damaged rows of a SQLite store", bytesMax: 512, run: RowTarget.run)
}

/// - Throws: `Finding` with the message, unless the condition holds.
func expect(_ condition: Bool, _ message: @autoclosure () -> String) throws(Finding) {
  if !condition { throw Finding(message()) }
}
