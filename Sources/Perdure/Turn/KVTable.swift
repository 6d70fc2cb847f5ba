import PerdureModel

/// The key-value state of an execution as its code sees it: what it began with, and the code's own changes.
struct KVTable {
  private var entries: [ExactText: KVEntry] = [:]

  init(_ entries: [KVEntry] = []) {
    for entry in entries { self.entries[ExactText(entry.key)] = entry }
  }

  var count: Int { entries.count }

  /// In the order of the keys' bytes.
  var ordered: [KVEntry] {
    entries.values.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
  }

  subscript(_ key: String) -> KVEntry? { entries[ExactText(key)] }

  /// - Parameter at: the time of the event whose delivery made the code change it.
  mutating func apply(_ change: KVChange, at: TimestampMS) {
    switch change {
    case .set(let key, let value): entries[ExactText(key)] = KVEntry(key: key, value: value, at: at)
    case .clear(let key): entries[ExactText(key)] = nil
    case .clearAll: entries = [:]
    }
  }
}

/// What was decided about the patches of the code: once for each, and then remembered.
struct PatchMarks {
  private let recorded: Set<ExactText>
  private var decided: [ExactText: Bool] = [:]

  /// - Parameter recorded: the patches that history has.
  init(recorded: [String] = []) { self.recorded = Set(recorded.map { ExactText($0) }) }

  /// What was decided before; nil the first time.
  func decision(_ patch: String) -> Bool? { decided[ExactText(patch)] }

  func isRecorded(_ patch: String) -> Bool { recorded.contains(ExactText(patch)) }

  mutating func decide(_ patch: String, _ isNew: Bool) { decided[ExactText(patch)] = isNew }
}
