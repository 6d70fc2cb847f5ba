import PerdureModel

/// What several kinds of messages say in the same members.
extension Members {
  func name(_ reader: JSONReader) throws(JSONFault) -> String { try reader.string(name, object, "name") }
  func input(_ reader: JSONReader) throws(JSONFault) -> Payload { try reader.payload(input, object, "input") }
  func data(_ reader: JSONReader) throws(JSONFault) -> Payload { try reader.payload(data, object, "data") }
  func action(_ reader: JSONReader) throws(JSONFault) -> ActionID { try reader.int(action, object, "action") }
  func target(_ reader: JSONReader) throws(JSONFault) -> ActionID { try reader.int(target, object, "target") }
  func call(_ reader: JSONReader) throws(JSONFault) -> String { try reader.string(call, object, "call") }
  func topic(_ reader: JSONReader) throws(JSONFault) -> String { try reader.string(topic, object, "topic") }
  func patch(_ reader: JSONReader) throws(JSONFault) -> String { try reader.string(patch, object, "patch") }
  func key(_ reader: JSONReader) throws(JSONFault) -> String { try reader.string(key, object, "key") }
  func reason(_ reader: JSONReader) throws(JSONFault) -> String {
    try reader.string(reason, object, "reason")
  }

  func instance(_ reader: JSONReader) throws(JSONFault) -> InstanceID {
    try reader.string(instance, object, "instance")
  }

  func result(_ reader: JSONReader) throws(JSONFault) -> Payload {
    try reader.payload(result, object, "result")
  }

  func failure(_ reader: JSONReader) throws(JSONFault) -> Failure { try reader.failure(failure, object) }

  func outcome(_ reader: JSONReader) throws(JSONFault) -> Outcome {
    try reader.outcome(result, failure, object)
  }

  func setKV(_ reader: JSONReader) throws(JSONFault) -> KVChange {
    .set(key: try key(reader), value: try reader.payload(value, object, "value"))
  }

  /// An event or a queue message to another instance.
  func sent(_ channel: Channel, _ reader: JSONReader) throws(JSONFault) -> SentMessage {
    SentMessage(
      to: try instance(reader),
      content: .raised(channel: channel, name: try name(reader), data: try data(reader)),
      isKept: try reader.optionalBool(keep) ?? false)
  }

  func sentCancel(_ reader: JSONReader) throws(JSONFault) -> SentMessage {
    SentMessage(to: try instance(reader), content: .cancel(reason: try reason(reader)))
  }
}

extension JSONWriter {
  /// `instance` and what the message says.
  mutating func members(_ message: SentMessage) {
    member("instance", message.to)
    switch message.content {
    case .raised(_, let name, let data):
      member("name", name)
      member("data", data)
      if message.isKept { member("keep", true) }
    case .cancel(let reason): member("reason", reason)
    }
  }

  /// `key` and `value`, as far as the change has them.
  mutating func members(_ change: KVChange) {
    switch change {
    case .set(let key, let value):
      member("key", key)
      member("value", value)
    case .clear(let key): member("key", key)
    case .clearAll: break
    }
  }
}
