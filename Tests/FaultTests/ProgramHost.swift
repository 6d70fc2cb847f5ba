import PerdureModel
import PerdureRuntime
import Synchronization

@testable import PerdureSimulation

/// Runs programs for a runtime, as a language does: orchestrations and activities, by callbacks.
final class ProgramHost: @unchecked Sendable {
  /// An attempt as it ran.
  struct Run: Hashable, Sendable {
    var key: ActivityKey
    var attempt: Int64
    var token: Int64
  }

  private struct State {
    var host: Host
    var runs: [Run] = []
    var deferred: [ActivityTask] = []
  }

  /// Programs are no values: the monitor guards them.
  private let monitor = Monitor()
  private var state: State
  private let programs: Int

  init(_ programs: [Program]) {
    self.programs = programs.count
    state = State(host: Host(programs: programs, capacity: 100))
  }

  func register(on runtime: Runtime) throws {
    for index in 0..<programs {
      try runtime.registerOrchestration(
        Program.name(index), version: .first, .callback { [self] in _ = $0.answer(turn($0.request)) })
    }
    for kind in Work.Kind.allCases {
      try runtime.registerActivity(kind.rawValue, .callback { [self] in run($0) })
    }
  }

  var runs: [Run] { monitor.locked { state.runs } }

  /// Those to be completed from elsewhere, each once.
  func takeDeferred() -> [ActivityTask] {
    monitor.locked {
      defer { state.deferred = [] }
      return state.deferred
    }
  }

  private func turn(_ request: TurnRequest) -> TurnAnswer {
    monitor.locked { state.host.run(request, isNew: true) }
  }

  private func run(_ ticket: ActivityTicket) {
    let task = ticket.task
    let attempt = Attempt(task)
    monitor.locked {
      state.runs.append(Run(key: task.key, attempt: task.attempt, token: task.claim?.token ?? 0))
    }
    switch attempt.kind {
    case .later:
      // Noted first: time goes on from the moment it is handed back.
      monitor.locked { state.deferred.append(task) }
      _ = ticket.defer()
    case .beat:
      for step in 1...Work.steps { _ = ticket.beat(Payload(String(step))) }
      _ = ticket.end(attempt.outcome)
    default: _ = ticket.end(attempt.outcome)
    }
  }
}
