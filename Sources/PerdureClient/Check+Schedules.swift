import PerdureModel
import PerdureRuntime
import PerdureSchedule
import PerdureStore
import PerdureWire

/// What is refused before anything is written.
extension Check {
  static func schedule(_ name: String) throws(ClientError) {
    try self.name(name, "schedule", limit: Limits.scheduleNameBytes)
    try unreserved(name, "schedule name")
  }

  /// Names that begin with `perdure.` are the engine's own.
  package static func unreserved(_ name: String, _ what: String) throws(ClientError) {
    guard !Reserved.isReserved(name) else {
      throw .invalidArgument(
        "the \(what) '\(name)' begins with '\(Reserved.prefix)', which is for the engine's own; "
          + "choose another one")
    }
  }
}

extension Client {
  func times(_ spec: ScheduleSpec) throws(ClientError) -> DueTimes {
    do throws(ScheduleFault) {
      return try DueTimes(spec, zone: try ZoneFiles.rules(of: spec.timeZone))
    } catch { throw .invalidArgument(error.message) }
  }

  func check(_ definition: ScheduleDefinition, _ now: TimestampMS) throws(ClientError) {
    try check(definition.spec, now)
    try check(definition.action)
    let size = ScheduleWire.encode(definition).count
    guard size <= Limits.scheduleBytes else {
      throw .limitExceeded(
        "the schedule has \(size) bytes with its input; the limit is \(Limits.scheduleBytes)")
    }
  }

  func check(_ update: ScheduleUpdate, of name: String) throws(ClientError) {
    if let spec = update.spec { try check(spec, hub.clock.now()) }
    if let action = update.action { try check(action) }
    try Check.reason(update.note ?? "")
    let empty = ScheduleAction(orchestration: "")
    let definition = ScheduleDefinition(spec: update.spec ?? ScheduleSpec(), action: update.action ?? empty)
    let size = ScheduleWire.encode(definition).count
    guard size <= Limits.scheduleBytes else {
      throw .limitExceeded(
        "the update of schedule '\(name)' has \(size) bytes; the limit is \(Limits.scheduleBytes)")
    }
  }

  private func check(_ spec: ScheduleSpec, _ now: TimestampMS) throws(ClientError) {
    guard try times(spec).next(after: now) != nil else {
      throw .invalidArgument("the schedule is never due: no time fits it from now on")
    }
  }

  private func check(_ action: ScheduleAction) throws(ClientError) {
    try Check.name(action.orchestration, "orchestration")
    try Check.unreserved(action.orchestration, "orchestration name")
    if let version = action.version, SemanticVersion(version) == nil {
      throw .invalidArgument("version '\(version)' is not a semantic version such as 1.2.0")
    }
    if let attributes = action.attributes {
      try Check.payload(attributes, "attributes", limit: Limits.attributesBytes)
    }
  }
}

extension ScheduleUpdate {
  /// All of it.
  init(_ creation: ScheduleCreation) {
    self.init()
    spec = creation.definition.spec
    action = creation.definition.action
    overlap = creation.definition.overlap
    catchUpMS = creation.definition.catchUpMS ?? -1
    isPaused = creation.isPaused
    note = creation.note
  }
}

extension ClientError {
  /// In words of schedules.
  func ofSchedule(_ name: String) -> ClientError {
    switch self {
    case .notFound(let instance, _): .notFound(instance, "schedule '\(name)' does not exist")
    case .wrongStatus(let instance, let status, _):
      .wrongStatus(
        instance, status,
        "schedule '\(name)' is \(status?.rawValue ?? "deleted") and takes no changes; create it anew")
    default: self
    }
  }
}
