package import PerdureModel

/// Configuration: JSON objects written by users. Blank text means all defaults; an unknown member is an
/// error.
package enum OptionsWire {
  // MARK: Runtime

  package static func encode(_ settings: RuntimeSettings) -> [UInt8] {
    var writer = JSONWriter(capacity: 256)
    writer.beginObject()
    writer.member("activitySlots", Int64(settings.activitySlots))
    writer.member("turnThreads", Int64(settings.turnThreads))
    writer.member("cache", literal: settings.isCaching ? "on" : "off")
    writer.member("cachedInstances", Int64(settings.cachedInstances))
    if let tags = settings.activityTags {
      writer.member("activityTags", tags)
    } else {
      writer.member("activityTags", literal: "any")
    }
    writer.member("untaggedActivities", settings.takesUntagged)
    writer.member("sessions", Int64(settings.sessionsMax))
    writer.member("sessionIdleMS", settings.sessionIdleMS)
    writer.member("activityGraceMS", settings.activityGraceMS)
    writer.member("nondeterminism", literal: settings.failsNondeterminism ? "fail" : "quarantine")
    if settings.isReplayOnly { writer.member("replayOnly", true) }
    if !settings.runsSchedules { writer.member("schedules", false) }
    writer.endObject()
    return writer.finish()
  }

  package static func decodeRuntime(_ json: UnsafeRawBufferPointer) throws(WireError) -> RuntimeSettings {
    var settings = RuntimeSettings()
    if json.isBlank { return settings }
    return try decodeWhole(json) { reader throws(JSONFault) in
      let m = try RuntimeMembers(&reader)
      settings.activitySlots = try reader.int(
        m.activitySlots, in: RuntimeSettings.activitySlotsRange, default: settings.activitySlots)
      settings.turnThreads = try reader.int(
        m.turnThreads, in: RuntimeSettings.turnThreadsRange, default: settings.turnThreads)
      settings.cachedInstances = try reader.int(
        m.cachedInstances, in: RuntimeSettings.cachedInstancesRange, default: settings.cachedInstances)
      settings.isCaching = try reader.optionalChoice(m.cache, Cache.self) != .off
      if reader.hasValue(m.activityTags) { settings.activityTags = try tags(m.activityTags, reader) }
      settings.takesUntagged = try reader.optionalBool(m.untagged) ?? settings.takesUntagged
      settings.sessionsMax = try reader.int(
        m.sessions, in: RuntimeSettings.sessionsRange, default: settings.sessionsMax)
      settings.sessionIdleMS = Int64(
        try reader.int(
          m.sessionIdle, in: RuntimeSettings.sessionIdleRange, default: Int(settings.sessionIdleMS)))
      settings.activityGraceMS = Int64(
        try reader.int(
          m.activityGrace, in: RuntimeSettings.activityGraceRange, default: Int(settings.activityGraceMS)))
      settings.failsNondeterminism =
        try reader.optionalChoice(m.nondeterminism, Nondeterminism.self) == .fail
      settings.isReplayOnly = try reader.optionalBool(m.replayOnly) ?? false
      settings.runsSchedules = try reader.optionalBool(m.schedules) ?? settings.runsSchedules
      return settings
    }
  }

  private enum Cache: String, CaseIterable {
    case on, off
  }

  private enum Nondeterminism: String, CaseIterable {
    case quarantine, fail
  }

  /// nil: all tags.
  private static func tags(_ slice: JSONSlice, _ reader: JSONReader) throws(JSONFault) -> [String]? {
    switch reader.base.load(fromByteOffset: slice.start, as: UInt8.self) {
    case UInt8(ascii: "["): return try reader.optionalStrings(slice, limit: RuntimeSettings.tagsMax)
    case UInt8(ascii: "\""):
      if try reader.name(slice, slice.start, "").matches("any") { return nil }
    default: break
    }
    throw JSONFault(slice.start, "must be \"any\" or a list of tags")
  }

  // MARK: Activity limits

  package static func encode(_ limits: ActivityLimits) -> [UInt8] {
    var writer = JSONWriter(capacity: 64)
    writer.beginObject()
    writer.member("concurrency", optional: limits.concurrency.map { Int64($0) })
    writer.member("rate", optional: limits.rate.map { Int64($0) })
    writer.member("ratePeriodMS", limits.ratePeriodMS)
    writer.endObject()
    return writer.finish()
  }

  package static func decodeActivityLimits(
    _ json: UnsafeRawBufferPointer
  ) throws(WireError) -> ActivityLimits {
    var limits = ActivityLimits()
    if json.isBlank { return limits }
    return try decodeWhole(json) { reader throws(JSONFault) in
      var concurrency = JSONSlice.absent
      var rate = JSONSlice.absent
      var period = JSONSlice.absent
      _ = try reader.beginObject()
      var first = true
      while let key = try reader.nextKey(&first) {
        if key.matches("concurrency") {
          try reader.take(&concurrency, key)
        } else if key.matches("rate") {
          try reader.take(&rate, key)
        } else if key.matches("ratePeriodMS") {
          try reader.take(&period, key)
        } else {
          throw reader.unknown(key)
        }
      }
      limits.concurrency = try reader.optionalInt(concurrency, in: ActivityLimits.concurrencyRange)
      limits.rate = try reader.optionalInt(rate, in: ActivityLimits.rateRange)
      limits.ratePeriodMS =
        try reader.optionalInt(period, in: ActivityOptions.durationRangeMS) ?? limits.ratePeriodMS
      return limits
    }
  }

  // MARK: Log

  /// The config of `dx_log_set`: lines of this level and above are wanted.
  package static func encode(_ level: LogLevel) -> [UInt8] {
    var writer = JSONWriter(capacity: 64)
    writer.beginObject()
    writer.member("level", literal: LogWire.name(of: level))
    writer.endObject()
    return writer.finish()
  }

  package static func decodeLog(_ json: UnsafeRawBufferPointer) throws(WireError) -> LogLevel {
    if json.isBlank { return .info }
    return try decodeWhole(json) { reader throws(JSONFault) in
      var level = JSONSlice.absent
      let object = try reader.beginObject()
      var first = true
      while let key = try reader.nextKey(&first) {
        guard key.matches("level") else { throw reader.unknown(key) }
        try reader.take(&level, key)
      }
      return reader.hasValue(level) ? try LogWire.level(level, object, reader) : .info
    }
  }
}

/// The members of runtime options, as places in the text.
private struct RuntimeMembers {
  var activitySlots = JSONSlice.absent
  var turnThreads = JSONSlice.absent
  var cache = JSONSlice.absent
  var cachedInstances = JSONSlice.absent
  var activityTags = JSONSlice.absent
  var untagged = JSONSlice.absent
  var sessions = JSONSlice.absent
  var sessionIdle = JSONSlice.absent
  var activityGrace = JSONSlice.absent
  var nondeterminism = JSONSlice.absent
  var replayOnly = JSONSlice.absent
  var schedules = JSONSlice.absent

  init(_ reader: inout JSONReader) throws(JSONFault) {
    _ = try reader.beginObject()
    var first = true
    while let key = try reader.nextKey(&first) {
      if key.matches("activitySlots") {
        try reader.take(&activitySlots, key)
      } else if key.matches("turnThreads") {
        try reader.take(&turnThreads, key)
      } else if key.matches("cache") {
        try reader.take(&cache, key)
      } else if key.matches("cachedInstances") {
        try reader.take(&cachedInstances, key)
      } else if key.matches("activityTags") {
        try reader.take(&activityTags, key)
      } else if key.matches("untaggedActivities") {
        try reader.take(&untagged, key)
      } else if key.matches("sessions") {
        try reader.take(&sessions, key)
      } else if key.matches("sessionIdleMS") {
        try reader.take(&sessionIdle, key)
      } else if key.matches("activityGraceMS") {
        try reader.take(&activityGrace, key)
      } else if key.matches("nondeterminism") {
        try reader.take(&nondeterminism, key)
      } else if key.matches("replayOnly") {
        try reader.take(&replayOnly, key)
      } else if key.matches("schedules") {
        try reader.take(&schedules, key)
      } else {
        throw reader.unknown(key)
      }
    }
  }
}
