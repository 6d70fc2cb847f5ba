package import PerdureModel

/// Judges the code of today by one recorded execution, open or ended: what a runtime would say of it at its
/// next cold turn, and whether it comes to the recorded end.
package struct HistoryReplay: Sendable {
  package let recording: RecordedExecution
  /// What to ask the host.
  package let request: TurnRequest
  private let matcher: ActionMatcher
  private let recorded: [Event]
  private let ending: Ending
  /// The code had a limited time to clean up.
  private let hasDeadline: Bool

  /// How the recorded execution ended.
  private enum Ending: Hashable {
    case open
    /// The store or the engine ended it: the code had no part in that.
    case imposed
    /// The code ended it, or a limit did in the middle of a turn.
    case reached(Event)
  }

  /// - recording: with its orchestration and version set; at least one event.
  /// - Throws: what is wrong with the history.
  package init(_ recording: RecordedExecution) throws(HistoryFault) {
    self.recording = recording
    var history = recording.events
    let end = history.last.flatMap { $0.kind.isTerminal ? $0 : nil }
    // Terminated before its first turn: there is nothing that code did.
    if end == nil || history.count > 1 || end?.id != 1 {
      _ = try ExecutionState.folding(
        history, instance: recording.instance, execution: recording.execution, kv: recording.kv)
    }
    if end != nil { history.removeLast() }
    var state: ExecutionState?
    if !history.isEmpty {
      state = try ExecutionState.folding(
        history, instance: recording.instance, execution: recording.execution, kv: recording.kv)
    }
    ending = Self.ending(end, state)
    hasDeadline = state?.endBy != nil
    recorded = history.filter { $0.kind.origin != nil }
    var seen = state?.lastDelivered ?? 0
    // Code that ended in its first turn leaves a history like that of one that never ran.
    if case .reached = ending { seen = history.last { $0.kind.isDelivered }?.id ?? 0 }
    var request = TurnRequest(
      rebuilding: recording.instance, execution: recording.execution,
      orchestration: recording.orchestration ?? "", version: recording.version ?? "", history: history,
      seen: history.last?.id ?? 0, kv: recording.kv)
    request.replayed = seen
    request.isReplay = true
    self.request = request
    matcher = ActionMatcher(
      instance: recording.instance, execution: recording.execution, replayed: seen)
  }

  /// There is nothing to run.
  package var isEmpty: Bool { request.events.isEmpty }

  private static func ending(_ end: Event?, _ state: ExecutionState?) -> Ending {
    guard let end else { return .open }
    switch end.kind {
    case .orchestrationTerminated: return .imposed
    // Out of the time to clean up, before the code had heard of it.
    case .orchestrationCancelled where state?.isFresh == true && state?.endBy != nil: return .imposed
    default: return .reached(end)
    }
  }

  /// - answer: has passed `AnswerCheck`.
  package func judge(_ answer: TurnAnswer) -> ReplayReport {
    do throws(TurnFault) {
      try AnswerCheck.run(answer, of: request)
      guard case .ran(let result) = answer else {
        throw .protocolViolation("the host did not run the code of a replay")
      }
      guard case .reached(let end) = ending else {
        try matcher.check(recorded: recorded, actions: result.actions, end: result.end)
        return same()
      }
      return try judge(result, end)
    } catch {
      switch error {
      case .nondeterminism(let report): return differs(report)
      case .protocolViolation(let message): return failed(Failure(type: "", message: message))
      }
    }
  }

  /// The host could not run the code.
  package func failed(_ failure: Failure) -> ReplayReport {
    let type = failure.type.isEmpty ? "" : "\(failure.type): "
    return ReplayReport(
      .failed, of: recording,
      message: "the host could not replay instance '\(recording.instance)', execution "
        + "\(recording.execution): \(type)\(failure.message)")
  }

  package static func malformed(_ recording: RecordedExecution, _ fault: HistoryFault) -> ReplayReport {
    var report = ReplayReport(
      .malformed, of: recording,
      message: "the history of instance '\(recording.instance)', execution \(recording.execution), is "
        + "malformed at event \(fault.event): \(fault.message)")
    report.event = fault.event
    return report
  }

  package static func notRegistered(_ recording: RecordedExecution) -> ReplayReport {
    let version = recording.version.map { " \($0)" } ?? ""
    return ReplayReport(
      .notRegistered, of: recording,
      message: "no orchestration '\(recording.orchestration ?? "")'\(version) is registered here, "
        + "so instance '\(recording.instance)' cannot be replayed")
  }

  /// No turn has run: there is nothing to compare.
  package var unbegun: ReplayReport {
    ReplayReport(
      .same, of: recording,
      message: "instance '\(recording.instance)', execution \(recording.execution), ended before it began")
  }

  // MARK: Ended executions

  private func judge(_ result: TurnResult, _ end: Event) throws(TurnFault) -> ReplayReport {
    try matcher.checkPrefix(recorded: recorded, actions: result.actions, end: result.end)
    if EndWords.isImposed(end.kind, on: result.end, hasDeadline: hasDeadline) { return same() }
    try matcher.checkRest(recorded: recorded, actions: result.actions)
    guard let found = result.end else {
      return endedDifferently(
        end, found: "the code to wait after event \(request.events.last?.id ?? 0)")
    }
    if found.after < lastRun { throw matcher.endedEarly(found) }
    guard EndWords.agree(end.kind, found.kind) else {
      return endedDifferently(end, found: EndWords.describe(found.kind))
    }
    return same()
  }

  /// The last event that the code has seen for certain. Messages that the execution began with are on record
  /// from the beginning, also those that the code did not live to see.
  private var lastRun: EventID {
    guard recording.execution > 1, let first = request.events.first else {
      return request.events.last?.id ?? 0
    }
    var began = first.id
    for event in request.events.dropFirst() {
      guard event.id == began &+ 1, event.at == first.at else { break }
      began = event.id
    }
    return request.events.last { $0.id > began }?.id ?? first.id
  }

  // MARK: Reports

  private func same() -> ReplayReport {
    ReplayReport(
      .same, of: recording,
      message: "instance '\(recording.instance)', execution \(recording.execution): the code does what its "
        + "history says")
  }

  private func differs(_ difference: Nondeterminism) -> ReplayReport {
    var report = ReplayReport(.differs, of: recording, message: difference.message)
    report.rule = difference.rule.rawValue
    report.event = difference.event
    report.expected = difference.expected
    report.found = difference.found
    return report
  }

  private func endedDifferently(_ end: Event, found: String) -> ReplayReport {
    let expected = EndWords.describe(end.kind)
    var report = ReplayReport(
      .endedDifferently, of: recording,
      message: "instance '\(recording.instance)', execution \(recording.execution) ends differently: its "
        + "history has \(expected) (event \(end.id)), the code comes to \(found)")
    report.rule = "other end"
    report.event = end.id
    report.expected = expected
    report.found = found
    return report
  }
}
