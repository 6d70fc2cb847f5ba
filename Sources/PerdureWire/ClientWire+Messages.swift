package import PerdureModel

/// What clients ask of an instance, and what they are told: send, publish and control.
extension ClientWire {
  // MARK: Control

  private enum Operation: String, CaseIterable {
    case cancel, suspend, resume, terminate, retry, requeue

    init(_ verb: ControlVerb) {
      switch verb {
      case .suspend: self = .suspend
      case .resume: self = .resume
      case .terminate: self = .terminate
      case .retry: self = .retry
      case .requeue: self = .requeue
      }
    }

    /// nil: cancel, which is the code's to do.
    var verb: ControlVerb? { ControlVerb(rawValue: rawValue) }
  }

  package static func encode(_ request: ControlRequest) -> [UInt8] {
    var writer = JSONWriter(capacity: 128)
    writer.beginObject()
    writer.member("instance", request.instance)
    switch request.operation {
    case .cancel: writer.member("operation", Operation.cancel.rawValue)
    case .control(let verb): writer.member("operation", Operation(verb).rawValue)
    }
    if !request.reason.isEmpty { writer.member("reason", request.reason) }
    if !request.actor.isEmpty { writer.member("actor", request.actor) }
    if case .cancel(let graceMS) = request.operation { writer.member("graceMS", optional: graceMS) }
    writer.endObject()
    return writer.finish()
  }

  package static func decodeControl(_ json: UnsafeRawBufferPointer) throws(WireError) -> ControlRequest {
    try decodeWhole(json) { reader throws(JSONFault) in
      var instance = JSONSlice.absent
      var operation = JSONSlice.absent
      var reason = JSONSlice.absent
      var actor = JSONSlice.absent
      var grace = JSONSlice.absent
      let object = try reader.beginObject()
      var first = true
      while let key = try reader.nextKey(&first) {
        if key.matches("instance") {
          try reader.take(&instance, key)
        } else if key.matches("operation") {
          try reader.take(&operation, key)
        } else if key.matches("reason") {
          try reader.take(&reason, key)
        } else if key.matches("actor") {
          try reader.take(&actor, key)
        } else if key.matches("graceMS") {
          try reader.take(&grace, key)
        } else {
          throw reader.unknown(key)
        }
      }
      guard let chosen = try reader.optionalChoice(operation, Operation.self) else {
        throw reader.missing(object, "operation")
      }
      if chosen != .cancel, reader.hasValue(grace) {
        throw JSONFault(grace.start, "is known to the operation \"cancel\" only")
      }
      let graceMS = try reader.optionalInt(grace, in: pauses)
      return ControlRequest(
        instance: try reader.string(instance, object, "instance"),
        operation: chosen.verb.map { .control($0) } ?? .cancel(graceMS: graceMS),
        reason: try reader.optionalString(reason) ?? "", actor: try reader.optionalString(actor) ?? "")
    }
  }

  /// {"status": STATUS}
  package static func encodeControlled(_ status: InstanceStatus) -> [UInt8] {
    var writer = JSONWriter(capacity: 64)
    writer.beginObject()
    writer.member("status", status.rawValue)
    writer.endObject()
    return writer.finish()
  }

  package static func decodeControlled(_ json: UnsafeRawBufferPointer) throws(WireError) -> InstanceStatus {
    try decodeWhole(json) { reader throws(JSONFault) in
      let members = try Members(&reader)
      guard members.status.isPresent else { throw reader.missing(members.object, "status") }
      return try status(members.status, reader)
    }
  }

  // MARK: Send

  package static func encode(_ request: SendRequest) -> [UInt8] {
    var writer = JSONWriter(capacity: 256)
    writer.beginObject()
    writer.member("instance", request.instance)
    writer.member("channel", request.channel.rawValue)
    writer.member("name", request.name)
    writer.member("data", optional: request.data)
    if request.isKept { writer.member("keep", true) }
    writer.endObject()
    return writer.finish()
  }

  package static func decodeSend(_ json: UnsafeRawBufferPointer) throws(WireError) -> SendRequest {
    try decodeWhole(json) { reader throws(JSONFault) in
      var instance = JSONSlice.absent
      var channel = JSONSlice.absent
      var name = JSONSlice.absent
      var data = JSONSlice.absent
      var keep = JSONSlice.absent
      let object = try reader.beginObject()
      var first = true
      while let key = try reader.nextKey(&first) {
        if key.matches("instance") {
          try reader.take(&instance, key)
        } else if key.matches("channel") {
          try reader.take(&channel, key)
        } else if key.matches("name") {
          try reader.take(&name, key)
        } else if key.matches("data") {
          try reader.take(&data, key)
        } else if key.matches("keep") {
          try reader.take(&keep, key)
        } else {
          throw reader.unknown(key)
        }
      }
      return SendRequest(
        instance: try reader.string(instance, object, "instance"),
        channel: try sendChannel(channel, object, reader),
        name: try reader.string(name, object, "name"), data: try reader.optionalPayload(data) ?? .null,
        isKept: try reader.optionalBool(keep) ?? false)
    }
  }

  /// Topics are published to, and calls have a request of their own.
  private static func sendChannel(
    _ slice: JSONSlice, _ object: Int, _ reader: JSONReader
  ) throws(JSONFault) -> Channel {
    let name = try reader.name(slice, object, "channel")
    if name.matches("event") { return .event }
    if name.matches("queue") { return .queue }
    throw JSONFault(slice.start, "must be \"event\" or \"queue\"")
  }

  /// {"kept": bool}: whether the message waits for a start of the instance.
  package static func encodeSent(isKept: Bool) -> [UInt8] {
    var writer = JSONWriter(capacity: 32)
    writer.beginObject()
    writer.member("kept", isKept)
    writer.endObject()
    return writer.finish()
  }

  package static func decodeSent(_ json: UnsafeRawBufferPointer) throws(WireError) -> Bool {
    try decodeWhole(json) { reader throws(JSONFault) in
      let (kept, object) = try reader.onlyMember("kept")
      return try reader.bool(kept, object, "kept")
    }
  }

  // MARK: Publish

  /// {"delivered": n}: how many instances got it.
  package static func encodePublished(_ delivered: Int64) -> [UInt8] {
    var writer = JSONWriter(capacity: 32)
    writer.beginObject()
    writer.member("delivered", delivered)
    writer.endObject()
    return writer.finish()
  }

  package static func decodePublished(_ json: UnsafeRawBufferPointer) throws(WireError) -> Int64 {
    try decodeWhole(json) { reader throws(JSONFault) in
      let (delivered, object) = try reader.onlyMember("delivered")
      return try reader.int(delivered, object, "delivered")
    }
  }
}

extension JSONReader {
  /// An object of which one member matters. The others are stepped over.
  mutating func onlyMember(
    _ name: StaticString
  ) throws(JSONFault) -> (value: JSONSlice, object: Int) {
    var value = JSONSlice.absent
    let object = try beginObject()
    var first = true
    while let key = try nextKey(&first) {
      if key.matches(name) { try take(&value, key) } else { _ = try skipValue() }
    }
    return (value, object)
  }
}
