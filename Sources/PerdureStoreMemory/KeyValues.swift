import PerdureModel

/// The key-value state of one instance.
struct KeyValues: Sendable {
  private var current: [ExactText: KVEntry] = [:]
  /// As the current execution began, by key.
  private(set) var base: [KVEntry] = []

  /// As it is now, by the bytes of the keys.
  var entries: [KVEntry] {
    current.values.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
  }

  init() {}

  init(_ records: [KVRecord]) {
    for record in records {
      if let now = record.now {
        current[ExactText(record.key)] = KVEntry(key: record.key, value: now.value, at: now.at)
      }
      if let base = record.base { self.base.append(KVEntry(key: record.key, value: base.value, at: base.at)) }
    }
    base.sort { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
  }

  /// As it is and as it was, by the bytes of the keys.
  var records: [KVRecord] {
    var records: [ExactText: KVRecord] = [:]
    for entry in base {
      records[ExactText(entry.key)] = KVRecord(
        key: entry.key, now: nil, base: KVRecord.Value(entry.value, at: entry.at))
    }
    for entry in current.values {
      records[ExactText(entry.key), default: KVRecord(key: entry.key, now: nil, base: nil)].now =
        KVRecord.Value(entry.value, at: entry.at)
    }
    return records.values.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
  }

  subscript(key: String) -> KVEntry? { current[ExactText(key)] }

  mutating func apply(_ change: TimedKVChange) {
    switch change.change {
    case .set(let key, let value): current[ExactText(key)] = KVEntry(key: key, value: value, at: change.at)
    case .clear(let key): current.removeValue(forKey: ExactText(key))
    case .clearAll: current = [:]
    }
  }

  /// Back to where the current execution began.
  mutating func beginAgain() {
    current = Dictionary(base.map { (ExactText($0.key), $0) }, uniquingKeysWith: { one, _ in one })
  }

  /// Another execution begins with what is there now.
  mutating func beginExecution() { base = entries }
}
