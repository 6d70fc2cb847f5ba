package import PerdureModel

extension ExportWire {
  /// Whether the text calls itself an export. (A single JSON value has no line break after an object that is
  /// complete; a history page has no member `format`.)
  package static func isExport(_ text: UnsafeRawBufferPointer) -> Bool {
    let first = text.prefix { $0 != 0x0A }
    let header = try? decodeWhole(UnsafeRawBufferPointer(rebasing: first)) { reader throws(JSONFault) in
      var members = try ManageMembers(&reader)
      return try members.take("format", reader).isPresent
    }
    return header == true
  }

  /// Reads a whole file. Each line is checked; the error names the line, from 1.
  package static func decode(_ text: UnsafeRawBufferPointer) throws(WireError) -> [InstanceExport] {
    var file = ExportFile()
    var number = 0
    var start = 0
    while start < text.count {
      let end = text[start...].firstIndex(of: 0x0A) ?? text.count
      let line = UnsafeRawBufferPointer(rebasing: text[start..<end])
      start = end + 1
      number += 1
      if line.isBlank { continue }
      do throws(WireError) {
        try file.add(line)
      } catch {
        throw WireError("Line \(number): \(error.message)")
      }
    }
    return try file.finish()
  }
}

/// What the lines read so far have come to.
private struct ExportFile {
  private var instances: [InstanceExport] = []
  private var ids: Set<ExactText> = []
  private var announced: Int64?
  private var lines: Int64 = 0
  private var isComplete = false

  private enum Kind: String, CaseIterable {
    case header, instance, event, message, kv, activity, call, topic, end
  }

  mutating func add(_ line: UnsafeRawBufferPointer) throws(WireError) {
    if isComplete { throw WireError("Something follows the line that ends the file.") }
    try decodeWhole(line) { reader throws(JSONFault) in
      var members = try ManageMembers(&reader)
      guard let kind = try reader.optionalChoice(try members.take("line", reader), Kind.self) else {
        throw reader.missing(members.object, "line")
      }
      if announced == nil, kind != .header {
        throw JSONFault(members.object, "is not the header of an export, with which the file begins")
      }
      try add(kind, &members, reader)
      try members.finish(reader)
    }
    lines += 1
  }

  /// The file as a whole.
  func finish() throws(WireError) -> [InstanceExport] {
    guard let announced else { throw WireError("The file is empty: it has no header of an export.") }
    guard isComplete, announced == Int64(instances.count) else {
      throw WireError(
        "The file is cut off: it has \(lines) lines and \(instances.count) of \(announced) instances, and no "
          + "line that ends it.")
    }
    for instance in instances {
      if let problem = instance.problem {
        throw WireError("Instance '\(instance.description.instance)' \(problem).")
      }
    }
    return instances
  }

  private mutating func add(
    _ kind: Kind, _ members: inout ManageMembers, _ reader: JSONReader
  ) throws(JSONFault) {
    switch kind {
    case .header: try readHeader(&members, reader)
    case .instance: try readInstance(&members, reader)
    case .end:
      let count = try reader.int(try members.take("lines", reader), members.object, "lines")
      guard count == lines else {
        throw JSONFault(members.object, "ends a file of \(count) lines, of which \(lines) are there")
      }
      isComplete = true
    default:
      guard let last = instances.indices.last else {
        throw JSONFault(members.object, "belongs to no instance: none stands before it")
      }
      try readPart(kind, &members, reader, into: &instances[last])
    }
  }

  private mutating func readHeader(
    _ members: inout ManageMembers, _ reader: JSONReader
  ) throws(JSONFault) {
    let object = members.object
    guard announced == nil else { throw JSONFault(object, "is a second header") }
    let format = try reader.string(try members.take("format", reader), object, "format")
    guard format == ExportWire.format else {
      throw JSONFault(object, "is not of the format \(ExportWire.format)")
    }
    let version = try reader.int(try members.take("v", reader), object, "v")
    guard version == ExportWire.version else {
      throw JSONFault(
        object,
        "is of version \(version) of the format; this release reads version \(ExportWire.version): use the "
          + "release that wrote it")
    }
    _ = try members.take("at", reader)
    let count = try reader.int(try members.take("instances", reader), object, "instances")
    guard count >= 1, count <= Int64(ExportWire.instancesMax) else {
      throw JSONFault(object, "announces \(count) instances; 1 to \(ExportWire.instancesMax) can be read")
    }
    announced = count
  }

  private mutating func readInstance(
    _ members: inout ManageMembers, _ reader: JSONReader
  ) throws(JSONFault) {
    let object = members.object
    let slice = try members.take("description", reader)
    guard slice.isPresent else { throw reader.missing(object, "description") }
    var part = JSONReader(slice, of: reader)
    let described = try ClientWire.readDescription(&part)
    var instance = InstanceExport(
      description: described.description,
      closePolicy: try reader.closePolicy(try members.take("closePolicy", reader)))
    let start = try members.take("start", reader)
    if reader.hasValue(start) {
      var part = JSONReader(start, of: reader)
      instance.start = try StoreWire.readStart(&part)
    }
    let id = instance.description.instance
    guard ids.insert(ExactText(id)).inserted else { throw JSONFault(object, "is a second instance '\(id)'") }
    guard Int64(instances.count) < announced ?? 0 else {
      throw JSONFault(object, "is one instance more than the header announces")
    }
    instances.append(instance)
  }

  private func readPart(
    _ kind: Kind, _ members: inout ManageMembers, _ reader: JSONReader, into instance: inout InstanceExport
  ) throws(JSONFault) {
    let object = members.object
    switch kind {
    case .event:
      let execution = try reader.int(try members.take("execution", reader), object, "execution")
      let slice = try members.take("event", reader)
      guard slice.isPresent else { throw reader.missing(object, "event") }
      var part = JSONReader(slice, of: reader)
      try instance.add(try EventWire.read(&part), execution, object)
    case .message:
      let slice = try members.take("message", reader)
      guard slice.isPresent else { throw reader.missing(object, "message") }
      var part = JSONReader(slice, of: reader)
      instance.inbox.append(try StoreWire.readMessage(&part))
    case .kv: instance.kv.append(try reader.kvRecord(&members))
    case .activity: instance.activities.append(try reader.activityRecord(&members, of: instance.description))
    case .call:
      let call = try reader.string(try members.take("call", reader), object, "call")
      let result = try members.take("result", reader)
      let failure = try members.take("failure", reader)
      let isOpen = !result.isPresent && !reader.hasValue(failure)
      instance.calls.append(
        CallRecord(call: call, answer: isOpen ? nil : try reader.outcome(result, failure, object)))
    case .topic:
      instance.topics.append(try reader.string(try members.take("topic", reader), object, "topic"))
    case .header, .instance, .end: break
    }
  }
}

extension InstanceExport {
  /// The next event of its histories.
  fileprivate mutating func add(
    _ event: Event, _ execution: ExecutionID, _ object: Int
  ) throws(JSONFault) {
    if executions.last?.execution != execution {
      guard execution > executions.last?.execution ?? 0, execution <= description.execution else {
        throw JSONFault(object, "is of execution \(execution), which is not due here")
      }
      executions.append(ExecutionHistory(execution: execution, events: []))
    }
    let last = executions.count - 1
    let due = Int64(executions[last].events.count) + 1
    guard event.id == due else {
      throw JSONFault(object, "is event \(event.id) of execution \(execution), where event \(due) is due")
    }
    executions[last].events.append(event)
  }

  /// What does not fit together; nil: nothing.
  fileprivate var problem: String? {
    guard description.execution >= 1 else { return "is at execution \(description.execution)" }
    let current = executions.last.flatMap { $0.execution == description.execution ? $0.events : nil } ?? []
    guard Int64(current.count) == description.eventCount else {
      return "has \(current.count) of \(description.eventCount) events of execution \(description.execution)"
    }
    if description.status == .continuedAsNew {
      return "has the status ContinuedAsNew, which is of executions"
    }
    if description.status.isTerminal { return nil }
    if let start {
      let isOurs =
        ExactText(start.instance) == ExactText(description.instance)
        && ExactText(start.orchestration) == ExactText(description.orchestration)
      return current.isEmpty && isOurs ? nil : "has a start that is not its own, or is of the past"
    }
    guard case .orchestrationStarted? = current.first?.kind else { return "is open and has no beginning" }
    return nil
  }
}

extension JSONReader {
  fileprivate func kvRecord(_ members: inout ManageMembers) throws(JSONFault) -> KVRecord {
    let key = try string(try members.take("key", self), members.object, "key")
    let now = try kvValue(try members.take("now", self))
    return KVRecord(key: key, now: now, base: try kvValue(try members.take("base", self)))
  }

  private func kvValue(_ slice: JSONSlice) throws(JSONFault) -> KVRecord.Value? {
    guard hasValue(slice) else { return nil }
    var part = JSONReader(slice, of: self)
    let m = try Members(&part)
    return KVRecord.Value(try payload(m.value, m.object, "value"), at: try int(m.at, m.object, "at"))
  }

  fileprivate func activityRecord(
    _ members: inout ManageMembers, of instance: InstanceDescription
  ) throws(JSONFault) -> ActivityRecord {
    let object = members.object
    func int(_ name: StaticString, _ members: inout ManageMembers) throws(JSONFault) -> Int64 {
      try self.int(try members.take(name, self), object, name)
    }
    let key = ActivityKey(
      instance: instance.instance, execution: try int("execution", &members),
      action: try int("action", &members))
    guard key.execution == instance.execution else {
      throw JSONFault(object, "is of execution \(key.execution), the instance is at \(instance.execution)")
    }
    var task = ActivityTask(
      key: key, orchestration: instance.orchestration,
      name: try string(try members.take("name", self), object, "name"),
      input: try payload(try members.take("input", self), object, "input"),
      attempt: try int("attempt", &members), visibleAt: try int("visibleAt", &members), claim: nil,
      options: try activityOptions(try members.take("options", self)),
      scheduledAt: try int("scheduledAt", &members))
    task.failures = try int("failures", &members)
    let failure = try members.take("lastFailure", self)
    if hasValue(failure) { task.lastFailure = try self.failure(failure, object) }
    task.lastHeartbeat = try optionalPayload(try members.take("heartbeat", self))
    let traceparent = try members.take("traceparent", self)
    task.trace = try optionalTrace(traceparent, try members.take("tracestate", self))
    guard let phase = try optionalChoice(try members.take("phase", self), ActivityRecord.Phase.self) else {
      throw missing(object, "phase")
    }
    return ActivityRecord(
      task: task, token: try int("token", &members), phase: phase,
      claimedAt: try int("claimedAt", &members), beatAt: try int("beatAt", &members))
  }
}
