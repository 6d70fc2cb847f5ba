import PerdureModel

/// The language side of a node: runs programs, and keeps the latest of them alive between turns.
struct Host {
  private struct Live {
    var instance: InstanceID
    var execution: ExecutionID
    /// The last that ran it.
    var turn: Int64
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

  /// - isNew: code that is built now has the change that `Step.patch` speaks of.
  mutating func run(_ request: TurnRequest, isNew: Bool) -> TurnAnswer {
    let index = live.firstIndex { $0.instance == request.instance }
    // A turn that the engine gave up may end after a later one of the instance: that one's code stays.
    let isLate = index.map { live[$0].turn > request.turn } ?? false
    let known = isLate ? nil : index.map { live.remove(at: $0) }
    let code: Interpreter
    if request.from > 0 {
      guard let known, known.execution == request.execution, known.code.consumed == request.from else {
        return .miss
      }
      code = known.code
    } else {
      guard let program = Program.index(of: request.orchestration) else { return .miss }
      code = Interpreter(programs[program], request, isNew: isNew)
    }
    var result = code.run(request)
    result.logs = [Self.line(request)]
    guard result.end == nil, capacity > 0, !isLate else {
      result.retained = false
      return .ran(result)
    }
    live.append(
      Live(instance: request.instance, execution: request.execution, turn: request.turn, code: code))
    if live.count > capacity { live.removeFirst() }
    return .ran(result)
  }

  /// What the code of each turn logs.
  private static func line(_ request: TurnRequest) -> LogLine {
    LogLine(level: .debug, message: "\(sign)\(request.turn)")
  }

  private static let sign = "code in turn "

  /// The turn whose code logged this; nil: the engine did.
  static func turn(of record: LogRecord) -> Int64? {
    record.message.hasPrefix(sign) ? Int64(record.message.dropFirst(sign.count)) : nil
  }

  /// The host lost the code of an instance.
  mutating func forget(_ instance: InstanceID) { live.removeAll { $0.instance == instance } }
}

/// An activity at a host, or completed from elsewhere.
final class Attempt {
  let task: ActivityTask
  /// When the host was told that nobody waits for it, by the clock of its node.
  var cancelledAt: TimestampMS?
  /// The host has answered.
  var isDone = false

  init(_ task: ActivityTask) { self.task = task }

  var isCancelled: Bool { cancelledAt != nil }
  var kind: Work.Kind? { Work.Kind(rawValue: task.name) }
  var number: Int { Int(task.input.text) ?? 0 }

  /// What the host answers, if it does: the number that it was given, and 1.
  var outcome: Outcome {
    switch kind {
    case .refuse: .failed(Failure(type: "Refused", message: "no", isNonRetryable: true))
    case .flaky where isEarly: .failed(Work.failure(number))
    default: Self.result(number)
    }
  }

  static func result(_ number: Int) -> Outcome { .completed(Payload(String(number + 1))) }

  /// It is one of those that do not succeed.
  var isEarly: Bool {
    guard let kind, let needed = Work.failures(kind, number) else { return true }
    return task.failures < needed
  }
}
