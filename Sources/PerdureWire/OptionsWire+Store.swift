package import PerdureModel

/// The config of a store.
extension OptionsWire {
  /// Of each limit.
  private static let limitRange = 1...1_000_000_000

  package static func encode(_ settings: StoreSettings) -> [UInt8] {
    let limits = settings.limits
    var writer = JSONWriter(capacity: 256)
    writer.beginObject()
    writer.member("busyTimeoutMS", Int64(settings.busyTimeoutMS))
    writer.key("clock")
    writer.beginObject()
    switch settings.clock {
    case .system: writer.member("mode", literal: "system")
    case .virtual(let start):
      writer.member("mode", literal: "virtual")
      writer.member("startMS", start)
    }
    writer.endObject()
    writer.key("limits")
    writer.beginObject()
    writer.member("payloadBytes", Int64(limits.payloadBytes))
    writer.member("customStatusBytes", Int64(limits.customStatusBytes))
    writer.member("kvKeys", Int64(limits.kvKeys))
    writer.member("kvValueBytes", Int64(limits.kvValueBytes))
    writer.member("historyEvents", limits.historyEvents)
    writer.member("historyBytes", limits.historyBytes)
    writer.member("pendingActions", Int64(limits.pendingActions))
    writer.member("inboxMessages", Int64(limits.inboxMessages))
    writer.member("subOrchestrationDepth", Int64(limits.subOrchestrationDepth))
    writer.endObject()
    writer.endObject()
    return writer.finish()
  }

  package static func decodeStore(_ json: UnsafeRawBufferPointer) throws(WireError) -> StoreSettings {
    var settings = StoreSettings()
    if json.isBlank { return settings }
    return try decodeWhole(json) { reader throws(JSONFault) in
      var busyTimeout = JSONSlice.absent
      var limits = JSONSlice.absent
      var clock = JSONSlice.absent
      _ = try reader.beginObject()
      var first = true
      while let key = try reader.nextKey(&first) {
        if key.matches("busyTimeoutMS") {
          try reader.take(&busyTimeout, key)
        } else if key.matches("limits") {
          try reader.take(&limits, key)
        } else if key.matches("clock") {
          try reader.take(&clock, key)
        } else {
          throw reader.unknown(key)
        }
      }
      settings.busyTimeoutMS = try reader.int(
        busyTimeout, in: StoreSettings.busyTimeoutRange, default: settings.busyTimeoutMS)
      if reader.hasValue(limits) {
        var part = JSONReader(limits, of: reader)
        settings.limits = try readLimits(&part)
      }
      if reader.hasValue(clock) {
        var part = JSONReader(clock, of: reader)
        settings.clock = try readClock(&part)
      }
      return settings
    }
  }

  private static func readClock(_ reader: inout JSONReader) throws(JSONFault) -> ClockSettings {
    var mode = JSONSlice.absent
    var start = JSONSlice.absent
    let object = try reader.beginObject()
    var first = true
    while let key = try reader.nextKey(&first) {
      if key.matches("mode") {
        try reader.take(&mode, key)
      } else if key.matches("startMS") {
        try reader.take(&start, key)
      } else {
        throw reader.unknown(key)
      }
    }
    let startMS = try reader.optionalInt(start, in: ClockSettings.startRange)
    switch try reader.optionalChoice(mode, ClockWire.Mode.self) {
    case nil: throw reader.missing(object, "mode")
    case .virtual: return .virtual(startMS: startMS ?? ClockSettings.standardStart)
    case .system:
      if startMS != nil {
        throw JSONFault(start.start, "is for a virtual clock; the system's has its own time")
      }
      return .system
    }
  }

  private static func readLimits(_ reader: inout JSONReader) throws(JSONFault) -> LimitSettings {
    var slots = [9 of JSONSlice](repeating: .absent)
    let names: [9 of StaticString] = [
      "payloadBytes", "customStatusBytes", "kvKeys", "kvValueBytes", "historyEvents", "historyBytes",
      "pendingActions", "inboxMessages", "subOrchestrationDepth",
    ]
    _ = try reader.beginObject()
    var first = true
    while let key = try reader.nextKey(&first) {
      guard let index = names.indices.first(where: { key.matches(names[$0]) }) else {
        throw reader.unknown(key)
      }
      try reader.take(&slots[index], key)
    }
    let standard = LimitSettings()
    var limits = standard
    limits.payloadBytes = try reader.int(slots[0], in: limitRange, default: standard.payloadBytes)
    limits.customStatusBytes = try reader.int(slots[1], in: limitRange, default: standard.customStatusBytes)
    limits.kvKeys = try reader.int(slots[2], in: limitRange, default: standard.kvKeys)
    limits.kvValueBytes = try reader.int(slots[3], in: limitRange, default: standard.kvValueBytes)
    limits.historyEvents = Int64(
      try reader.int(slots[4], in: limitRange, default: Int(standard.historyEvents)))
    limits.historyBytes = Int64(
      try reader.int(slots[5], in: limitRange, default: Int(standard.historyBytes)))
    limits.pendingActions = try reader.int(slots[6], in: limitRange, default: standard.pendingActions)
    limits.inboxMessages = try reader.int(slots[7], in: limitRange, default: standard.inboxMessages)
    limits.subOrchestrationDepth = try reader.int(
      slots[8], in: limitRange, default: standard.subOrchestrationDepth)
    return limits
  }
}
