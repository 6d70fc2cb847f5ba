/// A run of the user's own orchestrations in virtual time, without threads, disk or chance:
/// docs/wire-format.md, "Simulation".
package struct RehearsalPlan: Hashable, Sendable {
  /// Draws every decision that `schedule` does not name; nil: they are neutral.
  package var seed: UInt64?
  /// Decisions by name.
  package var schedule: [String: RehearsalChoice] = [:]
  package var orchestrations: [RehearsedOrchestration] = []
  package var activities: [RehearsedActivity] = []
  package var script: [ScriptLine] = []
  /// When virtual time begins: 2026-01-01T00:00:00Z.
  package var startMS: TimestampMS = 1_767_225_600_000
  /// Happenings, after which a run counts as stuck.
  package var maxSteps = 20_000
  /// Virtual time, after which a run counts as stuck: 400 days.
  package var maxMS: Int64 = 400 * 86_400_000
  /// Attempts may be drawn to fail.
  package var failsActivities = false
  /// Every turn replays its history.
  package var isReplaying = false
  /// Each commit is told.
  package var isObserved = false

  package static let stepsRange = 1...10_000_000
  package static let spanRange: ClosedRange<Int64> = 1...(1 << 42)
  /// Lines of a script; more may come while it runs.
  package static let scriptLines = 10_000

  package init() {}
}

package struct RehearsedOrchestration: Hashable, Sendable {
  package var name: String
  package var version: SemanticVersion

  package init(name: String, version: SemanticVersion) {
    self.name = name
    self.version = version
  }
}

package struct RehearsedActivity: Hashable, Sendable {
  package var name: String
  package var limits: ActivityLimits?

  package init(name: String, limits: ActivityLimits? = nil) {
    self.name = name
    self.limits = limits
  }
}

/// What somebody outside does, and how long after the begin of the run (or after the line was added).
package struct ScriptLine: Hashable, Sendable {
  package enum Deed: Hashable, Sendable {
    /// Must name its instance.
    case start(StartRequest)
    case send(SendRequest)
    case control(ControlRequest)
    case publish(Publication)
    case call(CallRequest)
    /// Of an attempt that was deferred.
    case complete(CompletionToken, Outcome)
  }

  package var afterMS: Int64
  package var deed: Deed

  package init(afterMS: Int64, deed: Deed) {
    self.afterMS = afterMS
    self.deed = deed
  }
}

/// What may be decided in a run. Whatever is not decided is neutral: it goes well, and at once.
package enum RehearsalChoice: Hashable, Sendable {
  /// Of a commit: the process dies before it lands, or after it landed and before anybody heard of it.
  case crashBefore, crashAfter
  /// Of an attempt: the activity runs, and the process dies before its result is recorded.
  case lost
  /// Of an attempt: it fails, and has done nothing; or has done its work all the same.
  case fails, failsLate
  /// Of an attempt: it does its work at the end of its time, not at the begin.
  case late
  /// How much later than neutral, or how long, in milliseconds.
  case delay(Int64)

  /// The words of the wire; those of delays are numbers.
  package static let words: [(word: String, choice: RehearsalChoice)] = [
    ("crashBefore", .crashBefore), ("crashAfter", .crashAfter), ("lost", .lost), ("fails", .fails),
    ("failsLate", .failsLate), ("late", .late),
  ]

  package static let delayRange: ClosedRange<Int64> = 0...(1 << 40)
}

/// A decision that is not neutral, as it was taken.
package struct RehearsalDecision: Hashable, Sendable {
  package var name: String
  package var choice: RehearsalChoice
  /// For a reader.
  package var line: String

  package init(name: String, choice: RehearsalChoice, line: String) {
    self.name = name
    self.choice = choice
    self.line = line
  }
}

/// A place where a process can die or an attempt can get lost: what a run had, so that each can be tried
/// alone.
package struct RehearsalPoint: Hashable, Sendable {
  package var name: String
  package var choices: [RehearsalChoice]

  package init(name: String, choices: [RehearsalChoice]) {
    self.name = name
    self.choices = choices
  }
}

/// An instance at the end of a run, or after a commit.
package struct RehearsedInstance: Hashable, Sendable {
  package var description: InstanceDescription
  /// What it waits for, in words; empty for one that has ended.
  package var waits: [String]
  /// Of the current execution. Empty after a commit.
  package var history: [Event]
  package var kv: [KVEntry]

  package init(
    description: InstanceDescription, waits: [String] = [], history: [Event] = [], kv: [KVEntry] = []
  ) {
    self.description = description
    self.waits = waits
    self.history = history
    self.kv = kv
  }
}

/// How a run ended.
package struct RehearsalEnd: Hashable, Sendable {
  /// Why the run was broken off; nil: nothing is going to happen any more.
  package var stuck: String?
  package var instances: [RehearsedInstance] = []
  /// In the order in which they were taken.
  package var decisions: [RehearsalDecision] = []
  package var points: [RehearsalPoint] = []
  /// What happened outside: lines of the script that were refused.
  package var refused: [Refused] = []
  package var commits = 0
  package var activityRuns = 0
  package var crashes = 0
  package var steps = 0
  package var elapsedMS: Int64 = 0
  /// Of everything that happened: two runs of one plan agree on it.
  package var trace: UInt64 = 0

  package struct Refused: Hashable, Sendable {
    /// Counts from 0.
    package var line: Int
    package var why: String

    package init(line: Int, why: String) {
      self.line = line
      self.why = why
    }
  }

  package init() {}
}

/// What a run wants of its host next.
package enum RehearsalWork: Hashable, Sendable {
  case turn(Int64, TurnRequest)
  /// - deadline: when the first of its time limits ends it.
  case activity(Int64, ActivityTask, deadline: TimestampMS?)
  /// The process died: whatever the host keeps of instances is gone.
  case restarted
  /// Something landed.
  case committed(String, [RehearsedInstance])
  case ended(RehearsalEnd)
}
