import PerdureClient
import PerdureModel
import PerdureRuntime
import PerdureStore
import Testing

/// A host whose orchestration sleeps as often as its input says, first for so many seconds, then for one less
/// each time; and answers with the time at which it woke up last, or fails if any sleep was too short or too
/// long.
final class Sleepers: @unchecked Sendable {
  private let runtime: Runtime
  private let monitor = Monitor()
  private var naps: [InstanceID: (left: Int64, wakesAt: TimestampMS)] = [:]

  /// - threads: hosts, which go on until the runtime has stopped.
  init(_ runtime: Runtime, threads: Int = 1) throws {
    self.runtime = runtime
    for _ in 0..<threads {
      guard startThread({ [self] in run() }) else { throw Surprise("no threads") }
    }
  }

  /// How long an instance sleeps altogether.
  static func total(_ naps: Int64) -> Int64 { naps * (naps + 1) / 2 * 1_000 }

  private func run() {
    while true {
      let work = runtime.poll(turnsMax: 4, activitiesMax: 1, timeoutMS: 60_000)
      if work.isStopped { return }
      for ticket in work.turns { _ = ticket.answer(answer(ticket.request)) }
      for ticket in work.activities { _ = ticket.end(.completed(Payload("\(ticket.task.attempt)"))) }
    }
  }

  private func answer(_ request: TurnRequest) -> TurnAnswer {
    guard let event = request.events.last else { return .ran(TurnResult(retained: true)) }
    let (left, isExact) = monitor.locked { () -> (Int64, Bool) in
      switch event.kind {
      case .orchestrationStarted(_, _, let input, _, _):
        naps[request.instance] = (Int64(input.text) ?? 0, event.at)
      case .timerFired: break
      default: return (0, false)
      }
      guard let nap = naps[request.instance] else { return (0, false) }
      naps[request.instance] = (nap.left - 1, nap.wakesAt + nap.left * 1_000)
      return (nap.left, nap.wakesAt == event.at)
    }
    guard isExact else {
      let failure = Failure(type: "Late", message: "\(event)")
      return .ran(TurnResult(end: TurnEnd(after: event.id, kind: .failed(failure))))
    }
    if left == 0 {
      return .ran(TurnResult(end: TurnEnd(after: event.id, kind: .completed(output: Payload("\(event.at)")))))
    }
    let timer = Action(
      id: request.firstAction, after: event.id, kind: .createTimer(fireAt: event.at + left * 1_000))
    return .ran(TurnResult(actions: [timer], retained: true))
  }
}

extension Bed {
  /// Starts an instance of a `Sleepers` host.
  func start(_ instance: InstanceID, naps: Int64, delayMS: Int64? = nil) throws {
    var request = StartRequest(orchestration: "order", instance: instance, input: Payload("\(naps)"))
    request.delayMS = delayMS
    _ = try client.start(request)
  }

  /// Waits for the end; the instance as it is then.
  func end(of instance: InstanceID, timeoutMS: Int64 = 30_000) throws -> InstanceDescription? {
    let answer = OneShot<WaitDesk.Answer>()
    guard try client.wait(for: instance, timeoutMS: timeoutMS, answer: { answer.set($0) }) else {
      return nil
    }
    if case .reached(let description) = answer.wait() { return description }
    return nil
  }

  /// Advances virtual time; the time afterwards, nil if it got stuck.
  func advance(_ ms: Int64, timeoutMS: Int64 = 30_000) -> TimestampMS? {
    let answer = OneShot<WaitDesk.Answer>()
    let deadline = monotonicNowNS() + timeoutMS * 1_000_000
    guard hub.advance(byMS: ms, untilMonotonicNS: deadline, answer: { answer.set($0) }) else { return nil }
    if case .moved(let now) = answer.wait() { return now }
    return nil
  }
}
