import PerdureModel

// What others can look at, and what helps code to change and to go on.
extension OrchestrationContext {
  /// The key-value state of this instance. Clients and other instances can read it, also after the end; it is
  /// carried by `continueAsNew`.
  public var kv: KeyValueState { KeyValueState(live: live) }

  /// Looks at one key of another instance's state. nil: there is no such key.
  ///
  /// - Throws: `MessageRefused` when the instance is unknown.
  public func readKV<Value: Decodable>(
    _ instance: String, _ key: String, as type: Value.Type = Value.self
  ) async throws -> Value? {
    let what = "the key '\(key)' of the instance '\(instance)'"
    switch try await live.perform(.readKV(instance: instance, key: key), what) {
    case .failed(let failure): throw MessageRefused(instance: instance, failure: Failure(failure))
    case .value(let answer):
      // {"value": ...} or {}: a value may be null.
      return try PayloadCoding.decode(ReadValue<Value>.self, answer, what).value
    case .received, .cancelled, .evicted: throw CoroutineDropped()
    }
  }

  private struct ReadValue<Value: Decodable>: Decodable {
    var value: Value?

    enum CodingKeys: CodingKey { case value }

    init(from decoder: any Decoder) throws {
      let members = try decoder.container(keyedBy: CodingKeys.self)
      value = members.contains(.value) ? try members.decode(Value.self, forKey: .value) : nil
    }
  }

  /// Sets what `Client.describe` shows of this instance.
  ///
  /// - Throws: `PayloadError` when the value cannot be written as JSON, `LimitExceeded`.
  public func setCustomStatus(_ status: some Encodable) throws {
    let payload = try PayloadCoding.encode(status, "the custom status of '\(instance)'")
    try live.admitWork("setCustomStatus")
    try live.emit(.setCustomStatus(payload))
  }

  /// Clears what `setCustomStatus` set.
  public func clearCustomStatus() throws {
    try live.admitWork("clearCustomStatus")
    try live.emit(.setCustomStatus(nil))
  }

  /// Whether code takes the new path of a change: yes in executions that come here for the first time, no in
  /// those that have passed this place before the change. The answer stays the same for an execution.
  ///
  ///     if try context.patched("two letters") { ... } else { what was there before }
  ///
  /// - Parameter id: 1...256 bytes, one for each change.
  public func patched(_ id: String) throws -> Bool {
    try live.admit("patched '\(id)'")
    if let decided = live.patches.decision(id) { return decided }
    try live.admitWork("patched '\(id)'")
    try live.limits.checkName(id, "the patch id")
    let isNew = live.patches.isRecorded(id) || !live.isReplaying
    if isNew { try live.emit(.recordPatch(id)) }
    live.patches.decide(id, isNew)
    return isNew
  }

  /// Stands in the place of `patched` when no execution from before the change is left, until none is left
  /// that has recorded it.
  public func deprecatePatch(_ id: String) throws {
    try live.admitWork("deprecatePatch '\(id)'")
    try live.limits.checkName(id, "the patch id")
    guard live.patches.decision(id) == nil else { return }
    if live.patches.isRecorded(id) { try live.emit(.recordPatch(id)) }
    live.patches.decide(id, true)
  }

  /// The history has passed 80 % of a limit: it is time to `continueAsNew`.
  public var shouldContinueAsNew: Bool { guarded("shouldContinueAsNew", false) { $0.isLate } }

  /// Ends this execution; the instance goes on at once with a new input, an empty history, and the messages
  /// that were not taken yet.
  ///
  /// - Parameters:
  ///   - input: the input of the next execution.
  ///   - version: nil for the highest that is registered.
  public func continueAsNew(_ input: some Encodable, version: String? = nil) throws -> Never {
    let input = try PayloadCoding.encode(input, "the next input of '\(instance)'")
    try live.limits.checkNext(input)
    throw ContinueAsNew(version: version, input: input)
  }

  /// Writes to the log, once: not again when the code is run again.
  public func log(_ message: String, level: LogLevel = .info) {
    live.say { $0.logs.append(LogLine(level: level.model, message: message)) }
  }

  /// Sends a measurement to the log of the engine (`EngineLog`), once: not again when the code is run again.
  ///
  /// - Parameters:
  ///   - name: 1...256 bytes.
  ///   - value: a finite number.
  ///   - kind: how values of this name are put together.
  ///   - attributes: what tells it apart from others of its name.
  /// - Throws: `LimitExceeded`, and `DXError` (`invalidArgument`) for a value that is no number.
  public func metric(
    _ name: String, _ value: Double, kind: MetricKind = .counter, attributes: [String: String] = [:]
  ) throws {
    try live.limits.checkName(name, "the metric name")
    guard value.isFinite else {
      throw DXError(
        .invalidArgument, "The metric '\(name)' of '\(instance)' is \(value), which is no number.")
    }
    let labels =
      attributes.isEmpty
      ? nil : try PayloadCoding.encode(attributes, "the attributes of the metric '\(name)'")
    let line = MetricLine(
      name: name, kind: MetricLine.Kind(rawValue: kind.rawValue) ?? .counter,
      value: try PayloadCoding.encode(value, "the metric '\(name)'"), attributes: labels)
    live.say { $0.metrics.append(line) }
  }
}

/// How measurements of one name are put together.
public enum MetricKind: String, Hashable, Sendable, CaseIterable {
  /// They add up.
  case counter
  /// The last one counts.
  case gauge
  /// They are sorted into buckets.
  case histogram
}
