package import PerdureModel

/// The machines of the schedules that a runtime holds: a turn goes on with the one that is there, or builds
/// it anew from the whole history.
package struct ScheduleMachines: Sendable {
  private var machines: [ExactText: (execution: ExecutionID, machine: ScheduleMachine)] = [:]
  private let limit: Int

  /// - limit: machines that are kept.
  package init(limit: Int) { self.limit = limit }

  package mutating func answer(_ request: TurnRequest) -> TurnAnswer {
    let key = ExactText(request.instance)
    let known = machines.removeValue(forKey: key)
    if request.query != nil {
      let failure = Failure(
        type: FailureType.notRegistered, message: "a schedule answers no queries: describe it instead",
        isNonRetryable: true)
      if let known { machines[key] = known }
      return .query(.failed(failure))
    }
    var machine: ScheduleMachine
    if request.from == 0 {
      machine = ScheduleMachine(instance: request.instance)
    } else if let known, known.execution == request.execution, known.machine.lastEvent == request.from {
      machine = known.machine
    } else {
      return .miss
    }
    var result = machine.handle(request.events)
    // A replay of a recorded history is no turn of the instance.
    if machine.hasEnded || limit == 0 || request.turn == 0 {
      result.retained = false
      if let known, request.turn == 0 { machines[key] = known }
    } else {
      if machines.count >= limit, let other = machines.keys.first { machines[other] = nil }
      machines[key] = (request.execution, machine)
    }
    return .ran(result)
  }
}
