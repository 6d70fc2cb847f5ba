package import PerdureModel

/// What clients get: descriptions and pages.
extension ClientWire {
  /// A description as it is sent: what the store knows, and why nothing happens yet, which only a runtime
  /// knows.
  package struct Described: Hashable, Sendable {
    /// `revision` is not sent: 0 after decoding.
    package var description: InstanceDescription
    package var pendingReason: String?

    package init(_ description: InstanceDescription, pendingReason: String? = nil) {
      self.description = description
      self.pendingReason = pendingReason
    }
  }

  package static func encode(_ described: Described) -> [UInt8] {
    var writer = JSONWriter(capacity: 512)
    write(described.description, pendingReason: described.pendingReason, to: &writer)
    return writer.finish()
  }

  package static func write(
    _ description: InstanceDescription, pendingReason: String?, to writer: inout JSONWriter
  ) {
    writer.beginObject()
    writer.member("instance", description.instance)
    writer.member("orchestration", description.orchestration)
    writer.member("version", optional: description.version)
    writer.member("status", description.status.rawValue)
    writer.member("execution", description.execution)
    writer.member("parent", optional: description.parent)
    writer.member("customStatus", optional: description.customStatus)
    writer.member("customStatusVersion", description.customStatusVersion)
    writer.member("output", optional: description.output)
    if let failure = description.failure { writer.member("failure", failure) }
    writer.member("pendingReason", optional: pendingReason)
    writer.member("suspendReason", optional: description.suspendReason)
    if description.startAt != 0 { writer.member("startAt", description.startAt) }
    if description.priority != 0 { writer.member("priority", description.priority) }
    writer.member("attributes", optional: description.attributes)
    writer.member("memo", optional: description.memo)
    writer.member("dedupKey", optional: description.dedupKey)
    writer.member("createdAt", description.createdAt)
    writer.member("updatedAt", description.updatedAt)
    writer.member("endedAt", optional: description.endedAt)
    writer.member("eventCount", description.eventCount)
    writer.endObject()
  }

  package static func decodeDescription(_ json: UnsafeRawBufferPointer) throws(WireError) -> Described {
    try decodeWhole(json) { reader throws(JSONFault) in try readDescription(&reader) }
  }

  static func readDescription(_ reader: inout JSONReader) throws(JSONFault) -> Described {
    let s = try DescriptionMembers(&reader)
    let object = s.object
    var description = InstanceDescription(
      instance: try reader.string(s.instance, object, "instance"),
      orchestration: try reader.string(s.orchestration, object, "orchestration"),
      version: try reader.optionalString(s.version),
      status: s.status.isPresent ? try status(s.status, reader) : try missingStatus(object, reader),
      execution: try reader.int(s.execution, object, "execution"), revision: 0,
      parent: try reader.optionalParent(s.parent), customStatus: try reader.optionalPayload(s.customStatus),
      customStatusVersion: try reader.int(s.customStatusVersion, object, "customStatusVersion"),
      output: try reader.optionalPayload(s.output),
      failure: reader.hasValue(s.failure) ? try reader.failure(s.failure, object) : nil,
      createdAt: try reader.int(s.createdAt, object, "createdAt"),
      updatedAt: try reader.int(s.updatedAt, object, "updatedAt"), endedAt: try reader.optionalInt(s.endedAt),
      eventCount: try reader.int(s.eventCount, object, "eventCount"))
    description.suspendReason = try reader.optionalString(s.suspendReason)
    description.startAt = try reader.optionalInt(s.startAt) ?? 0
    description.priority = try reader.optionalInt(s.priority) ?? 0
    description.attributes = try reader.optionalAttributes(s.attributes)
    description.memo = try reader.optionalPayload(s.memo)
    description.dedupKey = try reader.optionalString(s.dedupKey)
    return Described(description, pendingReason: try reader.optionalString(s.pendingReason))
  }

  private static func missingStatus(
    _ object: Int, _ reader: JSONReader
  ) throws(JSONFault) -> InstanceStatus {
    throw reader.missing(object, "status")
  }
}

/// The members of a description, as places in the text.
private struct DescriptionMembers {
  var object: Int
  var instance = JSONSlice.absent
  var orchestration = JSONSlice.absent
  var version = JSONSlice.absent
  var status = JSONSlice.absent
  var execution = JSONSlice.absent
  var parent = JSONSlice.absent
  var customStatus = JSONSlice.absent
  var customStatusVersion = JSONSlice.absent
  var output = JSONSlice.absent
  var failure = JSONSlice.absent
  var pendingReason = JSONSlice.absent
  var suspendReason = JSONSlice.absent
  var startAt = JSONSlice.absent
  var priority = JSONSlice.absent
  var attributes = JSONSlice.absent
  var memo = JSONSlice.absent
  var dedupKey = JSONSlice.absent
  var createdAt = JSONSlice.absent
  var updatedAt = JSONSlice.absent
  var endedAt = JSONSlice.absent
  var eventCount = JSONSlice.absent

  init(_ reader: inout JSONReader) throws(JSONFault) {
    object = try reader.beginObject()
    var first = true
    while let key = try reader.nextKey(&first) {
      if key.matches("instance") {
        try reader.take(&instance, key)
      } else if key.matches("orchestration") {
        try reader.take(&orchestration, key)
      } else if key.matches("version") {
        try reader.take(&version, key)
      } else if key.matches("status") {
        try reader.take(&status, key)
      } else if key.matches("execution") {
        try reader.take(&execution, key)
      } else if key.matches("parent") {
        try reader.take(&parent, key)
      } else if key.matches("customStatus") {
        try reader.take(&customStatus, key)
      } else if key.matches("customStatusVersion") {
        try reader.take(&customStatusVersion, key)
      } else if key.matches("output") {
        try reader.take(&output, key)
      } else if key.matches("failure") {
        try reader.take(&failure, key)
      } else {
        try takeRarer(key, &reader)
      }
    }
  }

  private mutating func takeRarer(_ key: JSONName, _ reader: inout JSONReader) throws(JSONFault) {
    if key.matches("pendingReason") {
      try reader.take(&pendingReason, key)
    } else if key.matches("createdAt") {
      try reader.take(&createdAt, key)
    } else if key.matches("updatedAt") {
      try reader.take(&updatedAt, key)
    } else if key.matches("endedAt") {
      try reader.take(&endedAt, key)
    } else if key.matches("eventCount") {
      try reader.take(&eventCount, key)
    } else {
      try takeRarest(key, &reader)
    }
  }

  private mutating func takeRarest(_ key: JSONName, _ reader: inout JSONReader) throws(JSONFault) {
    if key.matches("suspendReason") {
      try reader.take(&suspendReason, key)
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
    } else {
      _ = try reader.skipValue()
    }
  }
}
