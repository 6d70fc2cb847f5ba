import PerdureModel

/// The key-value state of an instance, for its own code: `OrchestrationContext.kv`. Reading costs nothing;
/// each change is recorded.
///
/// Keys have 1...256 bytes. The limits of the store apply: 1,000 keys of 256 KiB each if it was opened
/// without others.
public struct KeyValueState: Sendable {
  let live: LiveOrchestration

  /// The value of a key; nil: there is no such key.
  ///
  /// - Throws: `PayloadError` when the value is of another type.
  public func get<Value: Decodable>(_ key: String, as type: Value.Type = Value.self) throws -> Value? {
    try live.admit("kv.get")
    return try live.kv[key].map { try KeyValueEntry($0).value(as: type) }
  }

  /// The same, with what stands in for a key that is not there.
  public func get<Value: Decodable>(_ key: String, default standard: Value) throws -> Value {
    try get(key, as: Value.self) ?? standard
  }

  /// All keys, in the order of their bytes.
  public var keys: [String] {
    get throws { try all.map(\.key) }
  }

  /// All keys with their values, in the order of the keys' bytes.
  public var all: [KeyValueEntry] {
    get throws {
      try live.admit("kv.all")
      return live.kv.ordered.map { KeyValueEntry($0) }
    }
  }

  /// - Throws: `LimitExceeded`, `PayloadError` when the value cannot be written as JSON. Nothing is changed
  ///   then.
  public func set(_ key: String, _ value: some Encodable) throws {
    let value = try PayloadCoding.encode(value, "the value of the key '\(key)'")
    try change(.set(key: key, value: value), "kv.set")
  }

  /// Removes a key; not an error when it is not there.
  public func clear(_ key: String) throws { try change(.clear(key: key), "kv.clear") }

  /// Removes all keys.
  public func clearAll() throws { try change(.clearAll, "kv.clearAll") }

  /// Removes the keys that were last set before a moment, and returns how many these were. A key's time is
  /// that of the event to which the code reacted when it set it, so that the answer is the same in every run.
  @discardableResult
  public func prune(before moment: Timestamp) throws -> Int {
    let old = try all.filter { $0.at < moment }
    for entry in old { try clear(entry.key) }
    return old.count
  }

  private func change(_ change: KVChange, _ what: String) throws {
    try live.admitWork(what)
    if case .set(let key, _) = change, live.kv[key] == nil { try live.limits.checkKeys(live.kv.count) }
    try live.emit(.changeKV(change))
    live.kv.apply(change, at: live.now)
  }
}

/// One key of an instance's state.
public struct KeyValueEntry: Hashable, Sendable {
  /// 1...256 bytes.
  public let key: String
  /// JSON text.
  public let valueJSON: String
  /// When it was set: the time of the event to which the code reacted.
  public let at: Timestamp

  init(_ entry: KVEntry) {
    key = entry.key
    valueJSON = entry.value.text
    at = Timestamp(millisecondsSince1970: entry.at)
  }

  /// - Throws: `PayloadError` when it is of another type.
  public func value<Value: Decodable>(as type: Value.Type = Value.self) throws -> Value {
    try PayloadCoding.decode(type, Payload(valueJSON), "the value of the key '\(key)'")
  }
}
