import PerdureDispatch
package import PerdureModel
import PerdureReplay
import PerdureStore
import PerdureStoreMemory

/// One run of a plan: a real dispatcher over a memory store, in virtual time, for a host that does one thing
/// at a time. No clock, thread or chance: the same plan and the same answers give the same run.
///
///     next -> turn, activity        -> answered -> next ...
///          -> restarted, committed  -> next ...
///          -> ended                 -> ended ...
///
/// One process runs at a time. It dies where the plan says so, with all that it had in memory; what had
/// landed in the store is there when the next one begins.
package final class Rehearsal {
  enum Happening {
    /// The first write of the queue.
    case commit
    case wake(at: TimestampMS)
    /// An attempt that works at the end of its time, and the end of any attempt.
    case work(Attempt)
    case end(Attempt)
    /// A message in the store becomes known to the process.
    case tell(Delivery)
    /// A line of the script: its time has come, and with what was decided of it.
    case due(Int)
    case act(Int)
    case restart
  }

  /// What the host was given and has not answered.
  enum Awaited {
    case turn(TurnRequest)
    case activity(Attempt)
  }

  /// An attempt takes this long, without a decision; a commit; and a process that died is away.
  static let workMS: Int64 = 10
  static let commitMS: Int64 = 1
  static let downMS: Int64 = 50

  let plan: RehearsalPlan
  var now: TimestampMS
  var decider: Decider
  var store = MemoryState()
  var process: Process?
  /// What is going to happen, with the process that it happens to; 0: to whichever is there.
  private var heap = TimerQueue<(process: Int, happening: Happening)>()
  var processes = 0
  /// To be handed out, the first one first.
  var works = FIFO<RehearsalWork>()
  var awaited: [Int64: Awaited] = [:]
  private var lastToken: Int64 = 0
  private(set) var ended: RehearsalEnd?

  var script: [ScriptLine] = []
  /// Lines that came while no process was there to do them.
  var parked: [Int] = []
  var report = RehearsalEnd()
  var trace = Trace()
  /// Turns of each instance that landed, and messages that reached it from others.
  var landed: [ExactText: Int] = [:]
  var sent: [ExactText: Int] = [:]

  package init(_ plan: RehearsalPlan) {
    self.plan = plan
    now = plan.startMS
    decider = Decider(plan)
    openProcess()
    for line in plan.script { add(line) }
  }

  /// Goes on until the host is wanted. Everything handed out is to be answered first.
  ///
  /// nil: something still waits for its answer.
  package func next() -> RehearsalWork? {
    guard awaited.isEmpty else { return nil }
    if let ended { return .ended(ended) }
    while true {
      if let work = works.popFirst() { return hand(work) }
      guard let at = heap.earliest, let (number, happening) = heap.popDue(at) else { return end(nil) }
      report.steps += 1
      guard report.steps <= plan.maxSteps else { return end("it goes on after \(plan.maxSteps) steps") }
      guard at &- plan.startMS <= plan.maxMS else {
        return end("it goes on after \(RehearsalChoice.seconds(plan.maxMS)) of virtual time")
      }
      now = max(now, at)
      guard number == 0 || number == process?.number else { continue }
      tickIfDue()
      happen(happening)
    }
  }

  /// One more line of the script: `afterMS` counts from now.
  package func add(_ line: ScriptLine) {
    script.append(line)
    after(line.afterMS, .due(script.count - 1), anyProcess: true)
  }

  /// How long until the process knows something to do.
  func untilNext() -> Int64? { process?.dispatcher.nextDeadline.map { $0 &- now } }

  func after(_ delay: Int64, _ happening: Happening, anyProcess: Bool = false) {
    heap.insert((anyProcess ? 0 : process?.number ?? 0, happening), at: now &+ max(delay, 0))
  }

  private func happen(_ happening: Happening) {
    switch happening {
    case .commit: commit()
    case .wake(let at): wake(at)
    case .work(let attempt): work(attempt)
    case .end(let attempt): end(attempt)
    case .tell(let delivery): tell(delivery)
    case .due(let line): due(line)
    case .act(let line): act(line)
    case .restart: restart()
    }
  }

  // MARK: The host

  private func hand(_ work: RehearsalWork) -> RehearsalWork {
    switch work {
    case .turn(let token, let request):
      note("turn", request.instance, request.from, Int64(request.events.count))
      awaited[token] = .turn(request)
    case .activity(let token, let task, _):
      note("run", task.name, task.key.action, task.attempt)
      report.activityRuns += 1
      if let attempt = process?.attempt(token) { awaited[token] = .activity(attempt) }
    case .restarted, .committed, .ended: break
    }
    return work
  }

  func nextToken() -> Int64 {
    lastToken += 1
    return lastToken
  }

  /// What became of an answer.
  package enum Verdict: Hashable, Sendable {
    case taken
    /// It breaks the rules of docs/wire-format.md: the turn failed.
    case refused(String)
    /// This token waits for no turn.
    case unknown
  }

  package func answer(turn token: Int64, _ answer: TurnAnswer) -> Verdict {
    guard case .turn(let request)? = awaited[token] else { return .unknown }
    do throws(TurnFault) {
      try AnswerCheck.run(answer, of: request)
    } catch {
      let message = if case .protocolViolation(let message) = error { message } else { "it breaks the rules" }
      _ = fail(turn: token, Failure(type: FailureType.protocolViolation, message: message))
      return .refused(message)
    }
    awaited[token] = nil
    process?.dispatcher.turnAnswered(request.turn, request.instance, answer, now: now)
    settle()
    return .taken
  }

  /// The host could not run it. false: this token waits for no turn.
  package func fail(turn token: Int64, _ failure: Failure) -> Bool {
    guard case .turn(let request)? = awaited[token] else { return false }
    awaited[token] = nil
    process?.dispatcher.turnFailed(request.turn, request.instance, failure, now: now)
    settle()
    return true
  }

  /// What an activity came to, nil for one that was deferred. `heartbeat`: the last that it gave. false: this
  /// token waits for no activity.
  package func answer(activity token: Int64, _ outcome: Outcome?, heartbeat: Payload? = nil) -> Bool {
    guard case .activity(let attempt)? = awaited[token] else { return false }
    awaited[token] = nil
    worked(attempt, outcome, heartbeat)
    return true
  }

  // MARK: The end

  private func end(_ stuck: String?) -> RehearsalWork {
    report.stuck = stuck
    report.decisions = decider.decisions
    report.points = decider.points
    report.elapsedMS = now &- plan.startMS
    report.instances = instances(isWhole: true)
    report.trace = trace.value
    ended = report
    return .ended(report)
  }

  func note(_ what: StaticString, _ text: String, _ one: Int64 = 0, _ two: Int64 = 0) {
    what.withUTF8Buffer { for byte in $0 { trace.add(byte) } }
    trace.add(now)
    trace.add(text)
    trace.add(one)
    trace.add(two)
  }
}
