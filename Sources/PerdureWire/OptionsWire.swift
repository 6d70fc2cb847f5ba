package import PerdureModel

/// Configuration: JSON objects written by users. Blank text means all defaults; an unknown member is an
/// error.
package enum OptionsWire {
  package static func encode(_ settings: RuntimeSettings) -> [UInt8] {
    var writer = JSONWriter(capacity: 128)
    writer.beginObject()
    writer.member("activitySlots", Int64(settings.activitySlots))
    writer.member("turnThreads", Int64(settings.turnThreads))
    writer.member("cache", literal: settings.isCaching ? "on" : "off")
    writer.member("cachedInstances", Int64(settings.cachedInstances))
    writer.endObject()
    return writer.finish()
  }

  package static func decodeRuntime(_ json: UnsafeRawBufferPointer) throws(WireError) -> RuntimeSettings {
    var settings = RuntimeSettings()
    if json.isBlank { return settings }
    return try decodeWhole(json) { reader throws(JSONFault) in
      var activitySlots = JSONSlice.absent
      var turnThreads = JSONSlice.absent
      var cache = JSONSlice.absent
      var cachedInstances = JSONSlice.absent
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
        } else {
          throw reader.unknown(key)
        }
      }
      settings.activitySlots = try reader.int(
        activitySlots, in: RuntimeSettings.activitySlotsRange, default: settings.activitySlots)
      settings.turnThreads = try reader.int(
        turnThreads, in: RuntimeSettings.turnThreadsRange, default: settings.turnThreads)
      settings.cachedInstances = try reader.int(
        cachedInstances, in: RuntimeSettings.cachedInstancesRange, default: settings.cachedInstances)
      switch try reader.optionalString(cache) {
      case nil, "on": settings.isCaching = true
      case "off": settings.isCaching = false
      default: throw JSONFault(cache.start, "must be \"on\" or \"off\"")
      }
      return settings
    }
  }

  package static func encode(_ settings: StoreSettings) -> [UInt8] {
    var writer = JSONWriter(capacity: 64)
    writer.beginObject()
    writer.member("busyTimeoutMS", Int64(settings.busyTimeoutMS))
    writer.endObject()
    return writer.finish()
  }

  package static func decodeStore(_ json: UnsafeRawBufferPointer) throws(WireError) -> StoreSettings {
    var settings = StoreSettings()
    guard let slice = try onlyMember("busyTimeoutMS", json) else { return settings }
    settings.busyTimeoutMS = try decodeWhole(json) { reader throws(JSONFault) in
      _ = try reader.skipValue()
      return try reader.int(slice, in: StoreSettings.busyTimeoutRange, default: settings.busyTimeoutMS)
    }
    return settings
  }

  /// The config of `dx_log_set`: lines of this level and above are wanted.
  package static func encode(_ level: LogLevel) -> [UInt8] {
    var writer = JSONWriter(capacity: 64)
    writer.beginObject()
    writer.member("level", literal: LogWire.name(of: level))
    writer.endObject()
    return writer.finish()
  }

  package static func decodeLog(_ json: UnsafeRawBufferPointer) throws(WireError) -> LogLevel {
    guard let slice = try onlyMember("level", json) else { return .info }
    return try decodeWhole(json) { reader throws(JSONFault) in
      _ = try reader.skipValue()
      return reader.hasValue(slice) ? try LogWire.level(slice, 0, reader) : .info
    }
  }

  /// The value in an object that may have this one member and no other.
  private static func onlyMember(
    _ name: StaticString, _ json: UnsafeRawBufferPointer
  ) throws(WireError) -> JSONSlice? {
    if json.isBlank { return nil }
    return try decodeWhole(json) { reader throws(JSONFault) in
      var value = JSONSlice.absent
      _ = try reader.beginObject()
      var first = true
      while let key = try reader.nextKey(&first) {
        guard key.matches(name) else { throw reader.unknown(key) }
        try reader.take(&value, key)
      }
      return value.isPresent ? value : nil
    }
  }
}
