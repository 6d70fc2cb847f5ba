package import PerdureModel

/// What clients get: pages, and the answers of start and delete.
extension ClientWire {
  // MARK: List page

  /// - Parameter pendingReasons: by instance, for those of which a reason is known.
  package static func encode(_ page: ListPage, pendingReasons: [InstanceID: String] = [:]) -> [UInt8] {
    var writer = JSONWriter(capacity: 4_096)
    writer.beginObject()
    writer.key("instances")
    writer.list(page.instances) { description, writer in
      write(description, pendingReason: pendingReasons[description.instance], to: &writer)
    }
    writer.member("next", optional: page.next)
    writer.endObject()
    return writer.finish()
  }

  package static func decodeListPage(
    _ json: UnsafeRawBufferPointer
  ) throws(WireError) -> (instances: [Described], next: Int64?) {
    try decodeWhole(json) { reader throws(JSONFault) in
      var instances: [Described]?
      var next = JSONSlice.absent
      let object = try reader.beginObject()
      var first = true
      while let key = try reader.nextKey(&first) {
        if key.matches("instances") {
          if instances != nil { throw reader.twice(key) }
          instances = try reader.list { reader throws(JSONFault) in try readDescription(&reader) }
        } else if key.matches("next") {
          try reader.take(&next, key)
        } else {
          _ = try reader.skipValue()
        }
      }
      guard let instances else { throw reader.missing(object, "instances") }
      return (instances, try reader.optionalInt(next))
    }
  }

  // MARK: History page

  package static func encode(_ page: HistoryPage) -> [UInt8] {
    var writer = JSONWriter(capacity: 4_096)
    writer.beginObject()
    writer.member("instance", page.instance)
    writer.member("execution", page.execution)
    writer.member("currentExecution", page.currentExecution)
    writer.key("events")
    writer.list(page.events) { event, writer in EventWire.write(event, to: &writer) }
    writer.member("hasMore", page.hasMore)
    writer.endObject()
    return writer.finish()
  }

  package static func decodeHistoryPage(_ json: UnsafeRawBufferPointer) throws(WireError) -> HistoryPage {
    try decodeWhole(json) { reader throws(JSONFault) in
      var instance = JSONSlice.absent
      var execution = JSONSlice.absent
      var currentExecution = JSONSlice.absent
      var hasMore = JSONSlice.absent
      var events: [Event]?
      let object = try reader.beginObject()
      var first = true
      while let key = try reader.nextKey(&first) {
        if key.matches("instance") {
          try reader.take(&instance, key)
        } else if key.matches("execution") {
          try reader.take(&execution, key)
        } else if key.matches("currentExecution") {
          try reader.take(&currentExecution, key)
        } else if key.matches("hasMore") {
          try reader.take(&hasMore, key)
        } else if key.matches("events") {
          if events != nil { throw reader.twice(key) }
          events = try reader.list { reader throws(JSONFault) in try EventWire.read(&reader) }
        } else {
          _ = try reader.skipValue()
        }
      }
      guard let events else { throw reader.missing(object, "events") }
      return HistoryPage(
        instance: try reader.string(instance, object, "instance"),
        execution: try reader.int(execution, object, "execution"),
        currentExecution: try reader.int(currentExecution, object, "currentExecution"), events: events,
        hasMore: try reader.bool(hasMore, object, "hasMore"))
    }
  }
}
