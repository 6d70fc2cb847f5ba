import PerdureModel
import PerdureSchedule
import PerdureWire
import Testing

/// The machine against an engine of a few lines: history, timers, activities and children.
private struct Stage {
  static let hour: Int64 = 3_600_000
  var machine: ScheduleMachine
  var now: TimestampMS = 0
  private(set) var events: [Event] = []
  private(set) var actions: [Action] = []
  private var lastID: EventID = 0
  private(set) var end: TurnEndKind?
  /// Where the history of this execution is pretended to be.
  var isLate = false
  var timers: [ActionID: TimestampMS] = [:]
  var open: [ActionID: ActionKind] = [:]

  init(_ record: ScheduleRecord) {
    machine = ScheduleMachine(instance: "perdure.schedule/s")
    deliver(
      .orchestrationStarted(
        name: Reserved.schedule, version: "1.0.0", input: ScheduleWire.payload(record), parent: nil))
  }

  static func record(
    _ overlap: ScheduleOverlap, cron: String = "0 * * * *", catchUpMS: Int64? = nil
  ) -> ScheduleRecord {
    ScheduleRecord(
      ScheduleDefinition(
        spec: ScheduleSpec(cron: [cron]), action: ScheduleAction(orchestration: "job", input: Payload("[1]")),
        overlap: overlap, catchUpMS: catchUpMS), last: 0)
  }

  mutating func deliver(_ kind: EventKind) {
    lastID += 1
    let event = Event(id: lastID, at: now, kind: kind, isLate: isLate)
    events.append(event)
    let result = machine.handle([event])
    end = result.end?.kind
    for action in result.actions {
      lastID += 1
      actions.append(action)
      switch action.kind {
      case .createTimer(let at): timers[action.id] = at
      case .cancel(let target):
        timers[target] = nil
        open[target] = nil
      case .scheduleActivity, .scheduleSubOrchestration: open[action.id] = action.kind
      default: break
      }
    }
    answerQuestions()
  }

  /// `perdure.schedule.next`, at once.
  private mutating func answerQuestions() {
    guard end == nil else { return }
    for (id, kind) in open.sorted(by: { $0.key < $1.key }) {
      guard case .scheduleActivity(Reserved.scheduleNext, let input, _) = kind else { continue }
      open[id] = nil
      guard let question = try? ScheduleWire.question(input),
        let times = try? DueTimes(question.spec, zone: .utc)
      else { return }
      return deliver(.activityCompleted(action: id, result: ScheduleWire.payload(times.answer(question))))
    }
  }

  mutating func advance(to time: TimestampMS) {
    while let (id, at) = timers.min(by: { ($0.value, $0.key) < ($1.value, $1.key) }), at <= time, end == nil {
      timers[id] = nil
      now = max(now, at)
      deliver(.timerFired(action: id))
    }
    now = time
  }

  mutating func send(_ message: ScheduleMessage) {
    deliver(
      .messageReceived(channel: .queue, name: Reserved.schedule, data: ScheduleWire.payload(message)))
  }

  mutating func finish(_ instance: InstanceID, _ outcome: Outcome = .completed(Payload("7"))) {
    for (id, kind) in open {
      guard case .scheduleSubOrchestration(_, _, let child, _, _, _) = kind, child == instance else {
        continue
      }
      open[id] = nil
      switch outcome {
      case .completed(let result): return deliver(.subOrchestrationCompleted(action: id, result: result))
      case .failed(let failure): return deliver(.subOrchestrationFailed(action: id, failure: failure))
      }
    }
  }

  /// What follows `s@1970-01-01T` in the ids of the runs, in the order of their start.
  var started: [String] {
    actions.compactMap { action in
      guard case .scheduleSubOrchestration(_, _, let instance, _, _, _) = action.kind else { return nil }
      return instance.map { String($0.dropFirst("s@1970-01-01T".count)) }
    }
  }

  /// The whole history again gives the same actions.
  var isRepeatable: Bool {
    var other = ScheduleMachine(instance: "perdure.schedule/s")
    return other.handle(events).actions == actions
  }
}

struct MachineTests {
  private func run(_ hour: Int) -> InstanceID { "s@1970-01-01T0\(hour):00:00Z" }

  @Test func `One run per due time, one after the other`() {
    var stage = Stage(Stage.record(.skip))
    for hour in 1...8 {
      stage.advance(to: Int64(hour) * Stage.hour)
      #expect(stage.started.count == hour)
      stage.finish(run(hour))
    }
    #expect(stage.started.first == "01:00:00Z" && stage.started.last == "08:00:00Z")
    #expect(stage.machine.record.counts.runs == 8)
    #expect(stage.machine.record.recent.first?.result == Payload("7"))
    #expect(stage.isRepeatable)
  }

  @Test(arguments: [
    (ScheduleOverlap.skip, ["01:00:00Z"], Int64(2), ["01:00:00Z"]),
    (.bufferOne, ["01:00:00Z"], 1, ["01:00:00Z", "02:00:00Z"]),
    (.bufferAll, ["01:00:00Z"], 0, ["01:00:00Z", "02:00:00Z"]),
    (.cancelOther, ["01:00:00Z"], 1, ["01:00:00Z", "03:00:00Z"]),
    (.allow, ["01:00:00Z", "02:00:00Z", "03:00:00Z"], 0, ["01:00:00Z", "02:00:00Z", "03:00:00Z"]),
  ])
  func `What is due while a run is open`(
    overlap: ScheduleOverlap, before: [String], skipped: Int64, after: [String]
  ) {
    var stage = Stage(Stage.record(overlap))
    stage.advance(to: 3 * Stage.hour)
    #expect(stage.started == before)
    #expect(stage.machine.record.counts.skipped == skipped)
    let cancels = stage.actions.filter { if case .send = $0.kind { true } else { false } }
    #expect(cancels.count == (overlap == .cancelOther ? 1 : 0))
    stage.now += 1
    stage.finish(run(1))
    #expect(stage.started == after)
    #expect(stage.isRepeatable)
  }

  @Test func `What nobody noticed in time is missed`() {
    var stage = Stage(Stage.record(.bufferAll, catchUpMS: Stage.hour))
    stage.now = 5 * Stage.hour
    let timer = stage.timers.keys.first ?? 0
    stage.timers = [:]
    stage.deliver(.timerFired(action: timer))
    #expect(stage.started == ["04:00:00Z"])
    #expect(stage.machine.record.buffered.map { $0.dueAt } == [5 * Stage.hour])
    #expect(stage.machine.record.counts.missed == 3)
    #expect(stage.isRepeatable)
  }

  @Test func `A pause, a trigger in it, a backfill, an update, an end`() {
    var stage = Stage(Stage.record(.skip))
    stage.send(.pause(note: "holiday"))
    stage.advance(to: 3 * Stage.hour)
    #expect(stage.started.isEmpty && stage.machine.record.note == "holiday")
    stage.send(.trigger(ScheduledRun(dueAt: stage.now, suffix: "t-1", overlap: .skip)))
    #expect(stage.started == ["03:00:00Z+t-1"])
    stage.finish("s@1970-01-01T03:00:00Z+t-1")
    stage.send(.resume(note: nil))
    stage.advance(to: 4 * Stage.hour)
    stage.finish(run(4))
    #expect(stage.started == ["03:00:00Z+t-1", "04:00:00Z"])
    let backfill = ScheduleBackfill(id: "b", after: -1, to: 2 * Stage.hour, overlap: .bufferAll)
    stage.send(.backfill(backfill))
    for hour in 0...2 { stage.finish("\(run(hour))+b") }
    #expect(stage.started.suffix(3) == ["00:00:00Z+b", "01:00:00Z+b", "02:00:00Z+b"])
    #expect(stage.machine.record.backfills.isEmpty)
    var update = ScheduleUpdate()
    update.spec = ScheduleSpec(cron: ["30 * * * *"])
    stage.send(.update(update))
    stage.advance(to: 5 * Stage.hour)
    #expect(stage.started.last == "04:30:00Z")
    #expect(stage.isRepeatable)
    stage.send(.delete)
    guard case .completed = stage.end else { return #expect(Bool(false), "it goes on") }
  }

  @Test func `It continues as new when nothing is open, and goes on where it was`() throws {
    var stage = Stage(Stage.record(.skip))
    var hour: Int64 = 0
    while stage.end == nil {
      hour += 1
      stage.advance(to: hour * Stage.hour)
      let id = utcText(ofMS: hour * Stage.hour)
      stage.finish("s@\(id)")
    }
    guard case .continuedAsNew(_, let input) = stage.end else { return #expect(Bool(false), "it ended") }
    let record = try ScheduleWire.record(input)
    #expect(record.last == hour * Stage.hour && record.running.isEmpty && record.counts.runs == hour)
    #expect((stage.events.last?.id ?? 0) >= Limits.scheduleEvents)
    var next = Stage(record)
    next.now = hour * Stage.hour
    next.advance(to: (hour + 1) * Stage.hour)
    #expect(next.machine.record.counts.runs == hour + 1)
  }

  @Test func `A late history takes open runs along, and looks at them before it decides`()
    throws
  {
    var stage = Stage(Stage.record(.skip))
    stage.isLate = true
    stage.advance(to: Stage.hour)
    // The very first event was late already: it continued at once.
    guard case .continuedAsNew(_, let first) = stage.end else { return #expect(Bool(false), "it went on") }
    stage = Stage(try ScheduleWire.record(first))
    stage.advance(to: Stage.hour)
    stage.isLate = true
    stage.send(.pause(note: nil))
    guard case .continuedAsNew(_, let input) = stage.end else { return #expect(Bool(false), "it went on") }
    var record = try ScheduleWire.record(input)
    #expect(record.running.map { $0.instance } == [run(1)])
    record.isPaused = false
    var next = Stage(record)
    next.timers = next.timers.filter { $0.value >= 2 * Stage.hour }
    next.advance(to: 2 * Stage.hour)
    #expect(next.started.isEmpty)
    let look = try #require(
      next.open.first { _, kind in
        if case .scheduleActivity(Reserved.scheduleLook, _, _) = kind { true } else { false }
      })
    var ended = ScheduleRun(instance: run(1), dueAt: 0, startedAt: 0)
    ended.status = .completed
    next.open[look.key] = nil
    next.deliver(
      .activityCompleted(action: look.key, result: ScheduleWire.payload(ScheduleLook(ended: [ended]))))
    #expect(next.started == ["02:00:00Z"])
    #expect(next.machine.record.recent.first?.instance == run(1))
    #expect(next.isRepeatable)
  }

  @Test func `What cannot be worked out pauses the schedule and says why`() {
    var stage = Stage(Stage.record(.skip))
    stage.send(.update(ScheduleUpdate()))
    var machine = ScheduleMachine(instance: "perdure.schedule/s")
    let record = ScheduleWire.payload(Stage.record(.skip))
    let started = EventKind.orchestrationStarted(
      name: Reserved.schedule, version: "1.0.0", input: record, parent: nil)
    let asked = machine.handle([Event(id: 1, at: 0, kind: started)]).actions.first {
      if case .scheduleActivity = $0.kind { true } else { false }
    }
    let failure = Failure(type: "x", message: "no such zone")
    _ = machine.handle([Event(id: 9, at: 0, kind: .activityFailed(action: asked?.id ?? 0, failure: failure))])
    #expect(machine.record.isPaused && machine.record.problem == "no such zone")
  }

  @Test func `A turn goes on warm or cold, and what is not there is missed`() {
    var machines = ScheduleMachines(limit: 1)
    let record = ScheduleWire.payload(Stage.record(.skip))
    let started = EventKind.orchestrationStarted(
      name: Reserved.schedule, version: "1.0.0", input: record, parent: nil)
    func request(_ instance: InstanceID, from: EventID, _ events: [Event]) -> TurnRequest {
      TurnRequest(
        turn: 1, instance: instance, execution: 1, orchestration: Reserved.schedule, version: "1.0.0",
        from: from, replayed: 0, events: events)
    }
    let first = Event(id: 1, at: 0, kind: started)
    let second = Event(id: 6, at: 5, kind: .messageReceived(channel: .event, name: "x", data: .null))
    guard case .ran(let cold) = machines.answer(request("perdure.schedule/a", from: 0, [first])) else {
      return #expect(Bool(false), "it missed")
    }
    #expect(cold.retained)
    guard case .ran = machines.answer(request("perdure.schedule/a", from: 1, [second])) else {
      return #expect(Bool(false), "it missed")
    }
    #expect(machines.answer(request("perdure.schedule/a", from: 1, [second])) == .miss)
    #expect(machines.answer(request("perdure.schedule/b", from: 1, [second])) == .miss)
  }
}
