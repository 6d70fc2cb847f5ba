package import PerdureModel

/// How an activity is to be run: a part of the schedule in actions, events and tasks, and a column of stores.
/// Members that have their default are not written; unknown ones are stepped over.
package enum ActivityOptionsWire {
  package static func encode(_ options: ActivityOptions) -> [UInt8] {
    var writer = JSONWriter(capacity: 128)
    write(options, to: &writer)
    return writer.finish()
  }

  package static func decode(_ json: UnsafeRawBufferPointer) throws(WireError) -> ActivityOptions {
    try decodeWhole(json) { reader throws(JSONFault) in try read(&reader) }
  }

  package static func write(_ options: ActivityOptions, to writer: inout JSONWriter) {
    writer.beginObject()
    if let retry = options.retry {
      writer.key("retry")
      write(retry, to: &writer)
    }
    writer.member("scheduleToStartMS", optional: options.scheduleToStartMS)
    writer.member("startToCloseMS", optional: options.startToCloseMS)
    writer.member("scheduleToCloseMS", optional: options.scheduleToCloseMS)
    writer.member("heartbeatMS", optional: options.heartbeatMS)
    writer.member("tag", optional: options.tag)
    writer.member("session", optional: options.session)
    if options.priority != 0 { writer.member("priority", options.priority) }
    writer.endObject()
  }

  private static func write(_ retry: RetryPolicy, to writer: inout JSONWriter) {
    let standard = RetryPolicy()
    func member(_ name: StaticString, _ value: KeyPath<RetryPolicy, Int64>, _ writer: inout JSONWriter) {
      if retry[keyPath: value] != standard[keyPath: value] { writer.member(name, retry[keyPath: value]) }
    }
    writer.beginObject()
    member("maxAttempts", \.maxAttempts, &writer)
    if retry.backoff != standard.backoff { writer.member("backoff", retry.backoff.rawValue) }
    member("initialIntervalMS", \.initialIntervalMS, &writer)
    member("coefficientPercent", \.coefficientPercent, &writer)
    member("maxIntervalMS", \.maxIntervalMS, &writer)
    member("jitterPercent", \.jitterPercent, &writer)
    if !retry.nonRetryableTypes.isEmpty { writer.member("nonRetryableTypes", retry.nonRetryableTypes) }
    writer.endObject()
  }

  static func read(_ reader: inout JSONReader) throws(JSONFault) -> ActivityOptions {
    var retry = JSONSlice.absent
    var scheduleToStart = JSONSlice.absent
    var startToClose = JSONSlice.absent
    var scheduleToClose = JSONSlice.absent
    var heartbeat = JSONSlice.absent
    var tag = JSONSlice.absent
    var session = JSONSlice.absent
    var priority = JSONSlice.absent
    _ = try reader.beginObject()
    var first = true
    while let key = try reader.nextKey(&first) {
      if key.matches("retry") {
        try reader.take(&retry, key)
      } else if key.matches("scheduleToStartMS") {
        try reader.take(&scheduleToStart, key)
      } else if key.matches("startToCloseMS") {
        try reader.take(&startToClose, key)
      } else if key.matches("scheduleToCloseMS") {
        try reader.take(&scheduleToClose, key)
      } else if key.matches("heartbeatMS") {
        try reader.take(&heartbeat, key)
      } else if key.matches("tag") {
        try reader.take(&tag, key)
      } else if key.matches("session") {
        try reader.take(&session, key)
      } else if key.matches("priority") {
        try reader.take(&priority, key)
      } else {
        _ = try reader.skipValue()
      }
    }
    var options = ActivityOptions()
    if reader.hasValue(retry) { options.retry = try readRetry(retry, reader) }
    let durations = ActivityOptions.durationRangeMS
    options.scheduleToStartMS = try reader.optionalInt(scheduleToStart, in: durations)
    options.startToCloseMS = try reader.optionalInt(startToClose, in: durations)
    options.scheduleToCloseMS = try reader.optionalInt(scheduleToClose, in: durations)
    options.heartbeatMS = try reader.optionalInt(heartbeat, in: durations)
    options.tag = try reader.optionalString(tag)
    options.session = try reader.optionalString(session)
    options.priority = try reader.optionalInt(priority, in: ActivityOptions.priorityRange) ?? 0
    return options
  }

  private static func readRetry(_ slice: JSONSlice, _ whole: JSONReader) throws(JSONFault) -> RetryPolicy {
    var maxAttempts = JSONSlice.absent
    var backoff = JSONSlice.absent
    var initialInterval = JSONSlice.absent
    var coefficient = JSONSlice.absent
    var maxInterval = JSONSlice.absent
    var jitter = JSONSlice.absent
    var types = JSONSlice.absent
    var reader = JSONReader(slice, of: whole)
    _ = try reader.beginObject()
    var first = true
    while let key = try reader.nextKey(&first) {
      if key.matches("maxAttempts") {
        try reader.take(&maxAttempts, key)
      } else if key.matches("backoff") {
        try reader.take(&backoff, key)
      } else if key.matches("initialIntervalMS") {
        try reader.take(&initialInterval, key)
      } else if key.matches("coefficientPercent") {
        try reader.take(&coefficient, key)
      } else if key.matches("maxIntervalMS") {
        try reader.take(&maxInterval, key)
      } else if key.matches("jitterPercent") {
        try reader.take(&jitter, key)
      } else if key.matches("nonRetryableTypes") {
        try reader.take(&types, key)
      } else {
        _ = try reader.skipValue()
      }
    }
    func int(
      _ slice: JSONSlice, _ range: ClosedRange<Int64>, _ value: inout Int64
    ) throws(JSONFault) {
      value = try reader.optionalInt(slice, in: range) ?? value
    }
    var retry = RetryPolicy()
    try int(maxAttempts, RetryPolicy.maxAttemptsRange, &retry.maxAttempts)
    try int(initialInterval, ActivityOptions.durationRangeMS, &retry.initialIntervalMS)
    try int(coefficient, RetryPolicy.coefficientRange, &retry.coefficientPercent)
    try int(maxInterval, ActivityOptions.durationRangeMS, &retry.maxIntervalMS)
    try int(jitter, 0...100, &retry.jitterPercent)
    retry.backoff = try reader.optionalChoice(backoff) ?? retry.backoff
    retry.nonRetryableTypes = try reader.optionalStrings(types) ?? []
    return retry
  }
}

extension JSONReader {
  /// Absent options are the defaults.
  func activityOptions(_ slice: JSONSlice) throws(JSONFault) -> ActivityOptions {
    guard hasValue(slice) else { return ActivityOptions() }
    var part = JSONReader(slice, of: self)
    return try ActivityOptionsWire.read(&part)
  }
}

extension JSONWriter {
  /// Left out when they are the defaults.
  mutating func member(_ options: ActivityOptions) {
    if options.isDefault { return }
    key("options")
    ActivityOptionsWire.write(options, to: &self)
  }
}
