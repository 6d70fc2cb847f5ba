import PerdureModel
import PerdureReplay
import PerdureStore

/// What hosts ask for, and are asked.
extension Runtime {
  package struct Polled: Sendable {
    package var turns: [TurnTicket]
    package var activities: [ActivityTicket]
    /// What the caller of `watch` calls activities that are no longer wanted.
    package var cancelled: [Int64]
    package var isStopped: Bool
  }

  /// Lets `poll` tell under this name when an activity that it handed out is no longer wanted.
  package func watch(_ ticket: ActivityTicket, as name: Int64) {
    _ = ticket.onCancel { [hosts] in hosts.addCancelled(name) }
  }

  /// Asks the code of an instance, as far as its history goes. `asker` is called once, unless the host never
  /// answers.
  ///
  /// false: no function is registered for it, or nothing runs here.
  func ask(
    _ snapshot: InstanceSnapshot, _ query: QueryRequest, asker: @escaping @Sendable (Outcome) -> Void
  ) -> Bool {
    let row = snapshot.description
    guard isRunning, let version = resolve(row.orchestration, row.version) else { return false }
    var request = TurnRequest(
      rebuilding: row.instance, execution: row.execution, orchestration: row.orchestration, version: version,
      history: snapshot.history, seen: snapshot.history.last?.id ?? 0, kv: snapshot.kv)
    request.query = query
    guard let function = function(for: request) else { return false }
    let ticket = TurnTicket(request, self) { reply in
      switch reply {
      case .answered(.query(let outcome)): asker(outcome)
      case .answered: asker(.failed(.unasked))
      case .failed(let failure): asker(.failed(failure))
      }
    }
    hosts.add(ticket, function)
    hosts.wake()
    return true
  }

  /// Pull mode: waits for turns and activities whose names were registered for it.
  package func poll(turnsMax: Int, activitiesMax: Int, timeoutMS: Int64) -> Polled {
    let timeoutNS = max(0, min(timeoutMS, 1 << 40)) * 1_000_000
    let taken = hosts.poll(
      turnsMax: turnsMax, activitiesMax: activitiesMax, untilMonotonicNS: monotonicNowNS() + timeoutNS)
    return Polled(
      turns: taken.turns, activities: taken.activities, cancelled: taken.cancelled, isStopped: taken.isStopped
    )
  }
}

extension Failure {
  /// `AnswerCheck` lets no such answer pass.
  static let unasked = Failure(
    type: FailureType.protocolViolation, message: "the host answered something else than it was asked")
}
