import PerdureModel

/// The members of one event, action, end or stored message, as places in the text. What they mean depends on
/// `kind`, which may come last; so they are kept first and read afterwards. Unknown members are stepped over.
struct Members {
  /// The offset of the object.
  var object: Int
  var kind = JSONSlice.absent
  var id = JSONSlice.absent
  var at = JSONSlice.absent
  var action = JSONSlice.absent
  var after = JSONSlice.absent
  var execution = JSONSlice.absent
  var target = JSONSlice.absent
  var fireAt = JSONSlice.absent
  var name = JSONSlice.absent
  var version = JSONSlice.absent
  var instance = JSONSlice.absent
  var input = JSONSlice.absent
  var result = JSONSlice.absent
  var data = JSONSlice.absent
  var output = JSONSlice.absent
  var status = JSONSlice.absent
  var reason = JSONSlice.absent
  var failure = JSONSlice.absent
  var parent = JSONSlice.absent
  var options = JSONSlice.absent
  var closePolicy = JSONSlice.absent
  var late = JSONSlice.absent
  var key = JSONSlice.absent
  var value = JSONSlice.absent
  var keep = JSONSlice.absent
  var topic = JSONSlice.absent
  var call = JSONSlice.absent
  var patch = JSONSlice.absent
  var deadline = JSONSlice.absent
  var graceMS = JSONSlice.absent
  var traceparent = JSONSlice.absent
  var tracestate = JSONSlice.absent

  init(_ reader: inout JSONReader) throws(JSONFault) {
    object = try reader.beginObject()
    var first = true
    while let key = try reader.nextKey(&first) {
      if key.matches("id") {
        try reader.take(&id, key)
      } else if key.matches("at") {
        try reader.take(&at, key)
      } else if key.matches("kind") {
        try reader.take(&kind, key)
      } else if key.matches("action") {
        try reader.take(&action, key)
      } else if key.matches("after") {
        try reader.take(&after, key)
      } else if key.matches("name") {
        try reader.take(&name, key)
      } else if key.matches("input") {
        try reader.take(&input, key)
      } else if key.matches("result") {
        try reader.take(&result, key)
      } else if key.matches("data") {
        try reader.take(&data, key)
      } else {
        try takeRarer(key, &reader)
      }
    }
  }

  private mutating func takeRarer(_ key: JSONName, _ reader: inout JSONReader) throws(JSONFault) {
    if key.matches("fireAt") {
      try reader.take(&fireAt, key)
    } else if key.matches("target") {
      try reader.take(&target, key)
    } else if key.matches("version") {
      try reader.take(&version, key)
    } else if key.matches("instance") {
      try reader.take(&instance, key)
    } else if key.matches("execution") {
      try reader.take(&execution, key)
    } else if key.matches("output") {
      try reader.take(&output, key)
    } else if key.matches("status") {
      try reader.take(&status, key)
    } else if key.matches("reason") {
      try reader.take(&reason, key)
    } else if key.matches("failure") {
      try reader.take(&failure, key)
    } else if key.matches("parent") {
      try reader.take(&parent, key)
    } else if key.matches("options") {
      try reader.take(&options, key)
    } else if key.matches("late") {
      try reader.take(&late, key)
    } else {
      try takeRarest(key, &reader)
    }
  }

  private mutating func takeRarest(_ key: JSONName, _ reader: inout JSONReader) throws(JSONFault) {
    if key.matches("key") {
      try reader.take(&self.key, key)
    } else if key.matches("value") {
      try reader.take(&value, key)
    } else if key.matches("call") {
      try reader.take(&call, key)
    } else if key.matches("topic") {
      try reader.take(&topic, key)
    } else if key.matches("keep") {
      try reader.take(&keep, key)
    } else if key.matches("patch") {
      try reader.take(&patch, key)
    } else if key.matches("closePolicy") {
      try reader.take(&closePolicy, key)
    } else if key.matches("deadline") {
      try reader.take(&deadline, key)
    } else if key.matches("graceMS") {
      try reader.take(&graceMS, key)
    } else if key.matches("traceparent") {
      try reader.take(&traceparent, key)
    } else if key.matches("tracestate") {
      try reader.take(&tracestate, key)
    } else {
      _ = try reader.skipValue()
    }
  }
}

extension JSONReader {
  /// `kind is "Foo", a kind unknown to this version.`
  @inline(never)
  func unknownKind(_ kind: JSONName) -> JSONFault {
    JSONFault(kind.start - 1, "is \"\(kind.text)\", a kind unknown to this version")
  }

  func failure(_ slice: JSONSlice, _ object: Int) throws(JSONFault) -> Failure {
    guard slice.isPresent else { throw missing(object, "failure") }
    var part = JSONReader(slice, of: self)
    return try FailureWire.read(&part)
  }

  func optionalParent(_ slice: JSONSlice) throws(JSONFault) -> ParentLink? {
    guard hasValue(slice) else { return nil }
    var part = JSONReader(slice, of: self)
    let members = try Members(&part)
    return ParentLink(
      instance: try string(members.instance, members.object, "instance"),
      execution: try int(members.execution, members.object, "execution"),
      action: try int(members.action, members.object, "action"))
  }
}

extension JSONWriter {
  mutating func member(_ name: StaticString, optional value: ParentLink?) {
    guard let value else { return }
    key(name)
    beginObject()
    member("instance", value.instance)
    member("execution", value.execution)
    member("action", value.action)
    endObject()
  }

  mutating func member(_ name: StaticString, _ value: Failure) {
    key(name)
    FailureWire.write(value, to: &self)
  }
}
