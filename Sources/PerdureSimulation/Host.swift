import PerdureModel

/// The language side of a node: runs programs, and keeps the latest of them alive between turns.
struct Host {
  private struct Live {
    var instance: InstanceID
    var execution: ExecutionID
    var code: Interpreter
  }

  private let programs: [Program]
  /// Programs that stay alive; 0: each turn begins anew.
  private let capacity: Int
  /// Least recently used first.
  private var live: [Live] = []

  init(programs: [Program], capacity: Int) {
    self.programs = programs
    self.capacity = capacity
  }

  mutating func run(_ request: TurnRequest) -> TurnAnswer {
    let index = live.firstIndex { $0.instance == request.instance }
    let known = index.map { live.remove(at: $0) }
    let code: Interpreter
    if request.from > 0 {
      guard let known, known.execution == request.execution, known.code.consumed == request.from else {
        return .miss
      }
      code = known.code
    } else {
      guard let program = Program.index(of: request.orchestration) else { return .miss }
      code = Interpreter(programs[program])
    }
    var result = code.run(request.events)
    guard result.end == nil, capacity > 0 else {
      result.retained = false
      return .ran(result)
    }
    live.append(Live(instance: request.instance, execution: request.execution, code: code))
    if live.count > capacity { live.removeFirst() }
    return .ran(result)
  }

  /// The host lost the code of an instance.
  mutating func forget(_ instance: InstanceID) { live.removeAll { $0.instance == instance } }

  /// What an activity answers: the number that it was given, and 1.
  static func outcome(of task: ActivityTask) -> Outcome {
    if task.name == Program.refusingActivity {
      return .failed(Failure(type: "Refused", message: "no", isNonRetryable: true))
    }
    return .completed(Payload(String((Int(task.input.text) ?? 0) + 1)))
  }
}
