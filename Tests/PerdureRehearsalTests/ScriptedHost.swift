import PerdureModel

@testable import PerdureRehearsal

/// A host whose code is a function of the events that it has seen: replays are the same by construction.
///
/// `code` is given the whole history that code sees, and lists all actions that it has emitted by then, and
/// the end if it has come. Live coroutines are events that are kept.
final class ScriptedHost {
  struct Output {
    /// With the event after which each was emitted.
    var actions: [(after: EventID, kind: ActionKind)] = []
    var end: TurnEndKind?
  }

  let code: (InstanceID, [Event]) -> Output
  let activity: (ActivityTask) -> Outcome?
  private var live: [InstanceID: [Event]] = [:]
  private(set) var restarts = 0
  private(set) var runs: [String] = []
  private(set) var commits: [String] = []

  init(
    code: @escaping (InstanceID, [Event]) -> Output,
    activity: @escaping (ActivityTask) -> Outcome? = { .completed($0.input) }
  ) {
    self.code = code
    self.activity = activity
  }

  func run(_ plan: RehearsalPlan) -> RehearsalEnd {
    let rehearsal = Rehearsal(plan)
    while let work = rehearsal.next() {
      switch work {
      case .turn(let token, let request): _ = rehearsal.answer(turn: token, turn(request))
      case .activity(let token, let task, _):
        runs.append("\(task.name) \(task.attempt)")
        _ = rehearsal.answer(activity: token, activity(task))
      case .restarted:
        restarts += 1
        live = [:]
      case .committed(let name, _): commits.append(name)
      case .ended(let end): return end
      }
    }
    return RehearsalEnd()
  }

  private func turn(_ request: TurnRequest) -> TurnAnswer {
    var seen: [Event] = []
    if request.from > 0 {
      guard let kept = live[request.instance], kept.last?.id == request.from else { return .miss }
      seen = kept
    }
    let before = seen.isEmpty ? 0 : code(request.instance, seen).actions.count
    var end: TurnEnd?
    for event in request.events where end == nil {
      seen.append(event)
      if let kind = code(request.instance, seen).end { end = TurnEnd(after: event.id, kind: kind) }
    }
    let actions = code(request.instance, seen).actions.enumerated().dropFirst(before).map {
      Action(id: Int64($0.offset + 1), after: $0.element.after, kind: $0.element.kind)
    }
    live[request.instance] = end == nil ? seen : nil
    return .ran(TurnResult(actions: Array(actions), end: end, retained: end == nil))
  }
}

extension ScriptedHost {
  /// Calls the activities one after the other, and ends with the number of those that succeeded.
  static func steps(_ names: [String]) -> (InstanceID, [Event]) -> Output {
    { _, events in
      var output = Output()
      var done = 0
      func call(after event: EventID) {
        guard output.actions.count < names.count else {
          return output.end = .completed(output: Payload("\(done)"))
        }
        output.actions.append(
          (
            event,
            .scheduleActivity(name: names[output.actions.count], input: .null, options: ActivityOptions())
          ))
      }
      for event in events {
        switch event.kind {
        case .orchestrationStarted: call(after: event.id)
        case .activityCompleted:
          done += 1
          call(after: event.id)
        case .activityFailed: call(after: event.id)
        default: break
        }
      }
      return output
    }
  }
}

extension RehearsalPlan {
  /// One instance `i-1` of `main`, with these activities.
  init(activities: [String], script: [ScriptLine] = []) {
    self.init()
    orchestrations = [RehearsedOrchestration(name: "main", version: .first)]
    self.activities = activities.map { RehearsedActivity(name: $0) }
    self.script =
      [ScriptLine(afterMS: 0, deed: .start(StartRequest(orchestration: "main", instance: "i-1")))] + script
  }
}
