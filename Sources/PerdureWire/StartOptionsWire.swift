import PerdureModel

/// What a start says beside name, version and input: members of the start request and of the start row.
struct StartOptionMembers {
  private var isEmpty = true
  private var policy = JSONSlice.absent
  private(set) var startAt = JSONSlice.absent
  private var priority = JSONSlice.absent
  private var attributes = JSONSlice.absent
  private var memo = JSONSlice.absent
  private var dedupKey = JSONSlice.absent
  private var closePolicy = JSONSlice.absent
  private var traceparent = JSONSlice.absent
  private var tracestate = JSONSlice.absent

  /// Takes the member if it is one of these.
  mutating func take(_ key: JSONName, _ reader: inout JSONReader) throws(JSONFault) -> Bool {
    if key.matches("policy") {
      try reader.take(&policy, key)
    } else if key.matches("startAt") {
      try reader.take(&startAt, key)
    } else if key.matches("priority") {
      try reader.take(&priority, key)
    } else if key.matches("attributes") {
      try reader.take(&attributes, key)
    } else if key.matches("memo") {
      try reader.take(&memo, key)
    } else if key.matches("dedupKey") {
      try reader.take(&dedupKey, key)
    } else if key.matches("traceparent") {
      try reader.take(&traceparent, key)
    } else if key.matches("tracestate") {
      try reader.take(&tracestate, key)
    } else {
      return false
    }
    isEmpty = false
    return true
  }

  /// Only the start row has it: of a child.
  mutating func takeClosePolicy(_ key: JSONName, _ reader: inout JSONReader) throws(JSONFault) -> Bool {
    guard key.matches("closePolicy") else { return false }
    try reader.take(&closePolicy, key)
    isEmpty = false
    return true
  }

  func options(_ reader: JSONReader) throws(JSONFault) -> StartOptions {
    var options = StartOptions()
    if isEmpty { return options }
    options.policy = try reader.optionalChoice(policy) ?? options.policy
    options.startAt = try reader.optionalInt(startAt, in: 0...JSONReader.maximum) ?? 0
    options.priority = try reader.optionalInt(priority, in: ActivityOptions.priorityRange) ?? 0
    options.attributes = try reader.optionalAttributes(attributes)
    options.memo = try reader.optionalPayload(memo)
    options.dedupKey = try reader.optionalString(dedupKey)
    options.closePolicy = try reader.closePolicy(closePolicy)
    options.trace = try reader.optionalTrace(traceparent, tracestate)
    return options
  }
}

extension JSONReader {
  static let maximum: Int64 = 9_007_199_254_740_991

  /// Absent means cancel.
  func closePolicy(_ slice: JSONSlice) throws(JSONFault) -> ParentClosePolicy {
    try optionalChoice(slice) ?? .cancel
  }
}

extension JSONWriter {
  /// Left out when it is the default.
  mutating func member(_ policy: ParentClosePolicy) {
    if policy != .cancel { member("closePolicy", policy.rawValue) }
  }

  /// - Parameter delayMS: of a request, in place of `startAt`.
  mutating func members(_ options: StartOptions, delayMS: Int64? = nil) {
    if options.isDefault { return member("delayMS", optional: delayMS) }
    if options.policy != .fail { member("policy", options.policy.rawValue) }
    if options.startAt != 0 { member("startAt", options.startAt) }
    member("delayMS", optional: delayMS)
    if options.priority != 0 { member("priority", options.priority) }
    member("attributes", optional: options.attributes)
    member("memo", optional: options.memo)
    member("dedupKey", optional: options.dedupKey)
    member(options.closePolicy)
    members(options.trace)
  }
}
