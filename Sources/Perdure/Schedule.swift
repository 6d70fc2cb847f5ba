/// A schedule as it stands.
public struct Schedule: Hashable, Sendable, Decodable {
  /// 1...256 bytes.
  public let name: String
  /// The instance that the schedule is.
  public let instance: String
  /// Of that instance: running while it is at work.
  public let status: InstanceStatus
  /// When it is due.
  public let spec: ScheduleSpec
  /// The orchestration that it starts.
  public let orchestration: String
  /// What becomes of a due time while an earlier run is open.
  public let overlap: Overlap
  /// How late a run may begin when nobody was there to begin it in time; nil: no limit.
  public let catchUp: Duration?
  /// Nothing is started before it is resumed.
  public let isPaused: Bool
  /// What the last one who changed it said.
  public let note: String
  /// The next runs, at most ten.
  public let next: [Timestamp]
  /// Open runs, at most 20 of `runningCount`.
  public let running: [ScheduleRun]
  /// Runs that are open.
  public let runningCount: Int
  /// Due times that wait for the end of a run.
  public let bufferedCount: Int
  /// The last runs that have ended, the latest first, at most ten.
  public let recent: [ScheduleRun]
  /// How many runs were started.
  public let runs: Int
  /// Due times without a run because another one was open.
  public let skipped: Int
  /// Due times that were noticed later than `catchUp`.
  public let missed: Int
  /// Why it paused itself.
  public let problem: String?
  /// Why it does not go on, as far as is known.
  public let pendingReason: String?
  /// When it was made.
  public let createdAt: Timestamp

  private enum Key: String, CodingKey {
    case schedule, instance, status, spec, action, overlap, catchUpMS, paused, note, next, running
    case runningCount, bufferedCount, recent, counts, problem, pendingReason, createdAt
  }

  private struct Counts: Decodable { let runs, skipped, missed: Int }
  private struct Action: Decodable { let orchestration: String }

  public init(from decoder: any Decoder) throws {
    let members = try decoder.container(keyedBy: Key.self)
    name = try members.decode(String.self, forKey: .schedule)
    instance = try members.decode(String.self, forKey: .instance)
    let word = try members.decode(String.self, forKey: .status)
    guard let known = InstanceStatus(rawValue: word) else {
      throw DecodingError.dataCorruptedError(
        forKey: .status, in: members, debugDescription: "the status \(word) is not known")
    }
    status = known
    spec = try members.decode(ScheduleSpec.self, forKey: .spec)
    orchestration = try members.decode(Action.self, forKey: .action).orchestration
    overlap = try members.decode(Overlap.self, forKey: .overlap)
    catchUp = try members.decodeIfPresent(Int64.self, forKey: .catchUpMS).map { .milliseconds($0) }
    isPaused = try members.decode(Bool.self, forKey: .paused)
    note = try members.decode(String.self, forKey: .note)
    next = try members.decode([Timestamp].self, forKey: .next)
    running = try members.decode([ScheduleRun].self, forKey: .running)
    runningCount = try members.decode(Int.self, forKey: .runningCount)
    bufferedCount = try members.decode(Int.self, forKey: .bufferedCount)
    recent = try members.decode([ScheduleRun].self, forKey: .recent)
    let counts = try members.decode(Counts.self, forKey: .counts)
    runs = counts.runs
    skipped = counts.skipped
    missed = counts.missed
    problem = try members.decodeIfPresent(String.self, forKey: .problem)
    pendingReason = try members.decodeIfPresent(String.self, forKey: .pendingReason)
    createdAt = try members.decode(Timestamp.self, forKey: .createdAt)
  }
}

/// A run that a schedule started. Its result is the output of its instance.
public struct ScheduleRun: Hashable, Sendable, Decodable {
  /// How a run stands.
  public enum Status: String, Hashable, Sendable, Decodable {
    /// It is open.
    case running = "Running"
    /// Its orchestration returned.
    case completed = "Completed"
    /// Its orchestration failed.
    case failed = "Failed"
    /// It was cancelled.
    case cancelled = "Cancelled"
    /// It was terminated.
    case terminated = "Terminated"
    /// The instance is gone, or was there before.
    case unknown = "Unknown"
  }

  /// NAME@DUE-TIME.
  public let instance: String
  /// The time of the schedule that it is for.
  public let dueAt: Timestamp
  /// When it began.
  public let startedAt: Timestamp
  /// When it ended.
  public let endedAt: Timestamp?
  /// How it stands.
  public let status: Status
  /// Why it failed: type and message.
  public let failure: String?
}

/// A page of schedules.
public struct SchedulePage: Hashable, Sendable, Decodable {
  /// In the order of their names.
  public let schedules: [Schedule]
  /// Where the next page begins; nil at the end.
  public let next: Int64?
}
