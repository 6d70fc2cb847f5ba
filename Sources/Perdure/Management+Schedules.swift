/// What a schedule does when its name is taken.
public enum SchedulePolicy: String, Hashable, Sendable, Codable {
  /// It is refused: `DXError` (`alreadyExists`).
  case fail
  /// The one that is there is updated.
  case replace
}

extension Management {
  /// Makes a schedule, durable on return.
  ///
  /// - Parameters:
  ///   - name: at most 200 bytes; the ids of the runs begin with it.
  ///   - spec: when it is due.
  ///   - action: what each run starts.
  ///   - overlap: what becomes of a due time while an earlier run is open.
  ///   - catchUp: due times that are noticed later than this, because nobody ran, are not run; nil: all are.
  ///   - paused: nothing is started before it is resumed.
  ///   - note: for people; nil: none, or the one that is there.
  ///   - policy: what a taken name means.
  ///   - reason: why, for the record.
  /// - Returns: the id of its instance.
  /// - Throws: `DXError`: `alreadyExists`, or `invalidArgument` that says what is wrong with the times.
  @discardableResult
  public func createSchedule(
    _ name: String, _ spec: ScheduleSpec, _ action: ScheduleAction, overlap: Overlap = .skip,
    catchUp: Duration? = nil, paused: Bool = false, note: String = "", policy: SchedulePolicy = .fail,
    reason: String = ""
  ) async throws -> String {
    let request = Create(
      schedule: name, spec: spec, action: action, overlap: overlap,
      catchUpMS: catchUp?.millisecondsRoundedUp, paused: paused, note: note, policy: policy)
    return try await ask("createSchedule", request, reason: reason, returning: Named.self).instance
  }

  /// Changes what is given. New times hold from now on.
  ///
  /// - Parameters:
  ///   - name: 1...256 bytes.
  ///   - spec: when it is due.
  ///   - action: what each run starts.
  ///   - overlap: what becomes of a due time while an earlier run is open.
  ///   - catchUp: how late a run may begin.
  ///   - unlimitedCatchUp: takes the limit away.
  ///   - note: for people; nil: none, or the one that is there.
  ///   - reason: why, for the record.
  public func updateSchedule(
    _ name: String, spec: ScheduleSpec? = nil, action: ScheduleAction? = nil, overlap: Overlap? = nil,
    catchUp: Duration? = nil, unlimitedCatchUp: Bool = false, note: String? = nil, reason: String = ""
  ) async throws {
    let request = Update(
      schedule: name, spec: spec, action: action, overlap: overlap,
      catchUpMS: unlimitedCatchUp ? -1 : catchUp?.millisecondsRoundedUp, note: note)
    _ = try await ask("updateSchedule", request, reason: reason, returning: Named.self)
  }

  /// What falls due from now on is not run, also not later.
  public func pauseSchedule(_ name: String, note: String? = nil, reason: String = "") async throws {
    let request = Noted(schedule: name, note: note)
    _ = try await ask("pauseSchedule", request, reason: reason, returning: Named.self)
  }

  /// Lets a paused schedule go on. The parameters are those of `pauseSchedule`.
  public func resumeSchedule(_ name: String, note: String? = nil, reason: String = "") async throws {
    let request = Noted(schedule: name, note: note)
    _ = try await ask("resumeSchedule", request, reason: reason, returning: Named.self)
  }

  /// A run now, also of a paused schedule.
  ///
  /// - Parameters:
  ///   - name: 1...256 bytes.
  ///   - overlap: in place of the schedule's own.
  ///   - reason: why, for the record.
  /// - Returns: the id of its instance; if the overlap policy leaves it out, that never comes to be.
  @discardableResult
  public func triggerSchedule(
    _ name: String, overlap: Overlap? = nil, reason: String = ""
  ) async throws -> String {
    let request = Trigger(schedule: name, overlap: overlap)
    return try await ask("triggerSchedule", request, reason: reason, returning: Named.self).instance
  }

  /// Runs for all due times from `start` to `end`, both included, as fast as `overlap` lets them.
  public func backfillSchedule(
    _ name: String, from start: Timestamp, to end: Timestamp, overlap: Overlap = .bufferAll,
    reason: String = ""
  ) async throws {
    let request = Backfill(schedule: name, from: start, to: end, overlap: overlap)
    _ = try await ask("backfillSchedule", request, reason: reason, returning: Named.self)
  }

  /// Ends the schedule. Its runs are left alone.
  public func deleteSchedule(_ name: String, reason: String = "") async throws {
    let request = Noted(schedule: name, note: nil)
    _ = try await ask("deleteSchedule", request, reason: reason, returning: Named.self)
  }

  /// - Throws: `DXError`: `notFound`.
  public func schedule(_ name: String) async throws -> Schedule {
    try await ask("schedule", Noted(schedule: name, note: nil))
  }

  /// Those that have not been deleted, in the order of their creation.
  public func schedules(after cursor: Int64? = nil, limit: Int = 100) async throws -> SchedulePage {
    try await ask("schedules", Page(cursor: cursor, limit: limit))
  }

  /// The first due times after a moment (nil: now), without jitter.
  public func scheduleTimes(
    _ spec: ScheduleSpec, after: Timestamp? = nil, count: Int = 10
  ) async throws -> [Timestamp] {
    let request = Times(spec: spec, after: after, count: count)
    return try await ask("scheduleTimes", request, returning: Found.self).times
  }

  private struct Named: Decodable { let instance: String }
  private struct Found: Decodable { let times: [Timestamp] }

  private struct Create: Encodable {
    let schedule: String
    let spec: ScheduleSpec
    let action: ScheduleAction
    let overlap: Overlap
    let catchUpMS: Int64?
    let paused: Bool
    let note: String
    let policy: SchedulePolicy
  }

  private struct Update: Encodable {
    let schedule: String
    let spec: ScheduleSpec?
    let action: ScheduleAction?
    let overlap: Overlap?
    let catchUpMS: Int64?
    let note: String?
  }

  private struct Noted: Encodable {
    let schedule: String
    let note: String?
  }

  private struct Trigger: Encodable {
    let schedule: String
    let overlap: Overlap?
  }

  private struct Backfill: Encodable {
    let schedule: String
    let from: Timestamp
    let to: Timestamp
    let overlap: Overlap
  }

  private struct Page: Encodable {
    let cursor: Int64?
    let limit: Int
  }

  private struct Times: Encodable {
    let spec: ScheduleSpec
    let after: Timestamp?
    let count: Int
  }
}
