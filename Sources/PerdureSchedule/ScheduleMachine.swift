package import PerdureModel
import PerdureWire

/// The code of a schedule: the engine's own orchestration `perdure.schedule`, as a machine without coroutine.
/// Event in, actions out; the same events make the same actions, whether they come one by one or all at once.
///
///     clock     idle -> asked (`perdure.schedule.next`) -> timed -> due -> offered -> idle
///     a run     offered -> started | buffered -> started | skipped;  started -> ended
///     carried   a run of an earlier execution, of whose end nobody tells: looked at
///               (`perdure.schedule.look`) until it has ended
///
/// Its history stays short: it continues as new, with its record as the input, when nothing is open and
/// `Limits.scheduleEvents` have passed, at the latest after `Limits.scheduleEventsMax`.
package struct ScheduleMachine: Sendable {
  let name: String
  package var record: ScheduleRecord
  var now: TimestampMS = 0
  private(set) var event: EventID = 0
  private var isLate = false
  /// Since `takeResult`.
  private var actions: [Action] = []
  private var nextAction: ActionID = 1
  private var end: TurnEnd?
  private var hasBegun = false

  /// Times that are known, the first ones due first.
  var times: [ScheduleTimes.Time] = []
  /// There are none after them.
  var isExhausted = false
  var question: ActionID?
  var timer: ActionID?
  /// Of the first backfill: what is known of its times.
  var filling: [TimestampMS] = []
  var isFilled = false
  var fillQuestion: ActionID?
  /// Runs that this execution started.
  var children: [ActionID: InstanceID] = [:]
  var look: ActionID?
  var lookTimer: ActionID?
  var lookPauseMS = ScheduleMachine.lookFirstMS
  /// What was looked at is as of now.
  var isLookFresh = false
  private var shown: ScheduleRecord?
  private var shownTimes: [TimestampMS] = []

  static let lookFirstMS: Int64 = 1_000
  static let lookLastMS: Int64 = 300_000
  /// So few known times are left that more are asked for.
  static let timesLow = 5

  /// - instance: the id of the schedule's instance.
  package init(instance: InstanceID) {
    name = Reserved.schedule(of: instance) ?? instance
    record = ScheduleRecord(
      ScheduleDefinition(spec: ScheduleSpec(), action: ScheduleAction(orchestration: "")), last: 0)
  }

  /// The last event that was handled.
  package var lastEvent: EventID { event }
  package var hasEnded: Bool { end != nil }

  /// Delivered events, in order.
  package mutating func handle(_ events: [Event]) -> TurnResult {
    for event in events where end == nil { handle(event) }
    defer { actions = [] }
    return TurnResult(actions: actions, end: end, retained: end == nil)
  }

  private mutating func handle(_ event: Event) {
    self.event = event.id
    now = event.at
    isLate = event.isLate
    isLookFresh = false
    switch event.kind {
    case .orchestrationStarted(_, _, let input, _, _): begin(input)
    case .messageReceived(.queue, Reserved.schedule, let data):
      emit(.subscribe(channel: .queue, name: Reserved.schedule))
      if let message = ScheduleWire.message(data) { take(message) }
    case .timerFired(let action):
      if action == timer { timer = nil }
      if action == lookTimer {
        lookTimer = nil
        askLook()
      }
    case .activityCompleted(let action, let result): answered(action, result)
    case .activityFailed(let action, let failure): questionFailed(action, failure)
    case .subOrchestrationCompleted(let action, let result): childEnded(action, .completed(result))
    case .subOrchestrationFailed(let action, let failure): childEnded(action, .failed(failure))
    case .cancellationRequested: finish(.cancelled)
    default: break
    }
    guard end == nil, hasBegun else { return }
    advance()
    show()
    continueAsNew()
  }

  private mutating func begin(_ input: Payload) {
    do throws(WireError) {
      record = try ScheduleWire.record(input)
    } catch {
      let failure = Failure(
        type: FailureType.protocolViolation,
        message: "the input of schedule '\(name)' cannot be read: \(error.message)", isNonRetryable: true)
      return finish(.failed(failure))
    }
    hasBegun = true
    emit(.subscribe(channel: .queue, name: Reserved.schedule))
  }

  // MARK: Output

  @discardableResult
  mutating func emit(_ kind: ActionKind) -> ActionID {
    defer { nextAction &+= 1 }
    actions.append(Action(id: nextAction, after: event, kind: kind))
    return nextAction
  }

  mutating func finish(_ kind: TurnEndKind) { end = TurnEnd(after: event, kind: kind) }

  /// Sets the custom status when something of it has changed.
  private mutating func show() {
    let next = Array(times.prefix(Limits.scheduleRecent).map { $0.at })
    guard shown != record || shownTimes != next else { return }
    shown = record
    shownTimes = next
    emit(.setCustomStatus(ScheduleWire.status(record, next: next)))
  }

  private mutating func continueAsNew() {
    let isQuiet =
      children.isEmpty && question == nil && look == nil && fillQuestion == nil && record.running.isEmpty
    guard (isQuiet && event >= Limits.scheduleEvents) || event >= Limits.scheduleEventsMax || isLate else {
      return
    }
    finish(.continuedAsNew(version: nil, input: ScheduleWire.payload(record)))
  }
}
