import PerdureModel

/// Recorded ends, compared with those of code.
enum EndWords {
  /// The engine may have ended the execution where the code went on, or came to another end: over a limit,
  /// out of the time to clean up, or because the code differed from its history.
  static func isImposed(_ end: EventKind, on found: TurnEnd?, hasDeadline: Bool) -> Bool {
    switch end {
    case .orchestrationFailed(let failure):
      failure.type == FailureType.limitExceeded
        || (failure.type == FailureType.nondeterminism && found.map { !$0.kind.isFailure } ?? true)
    case .orchestrationCancelled(_, nil): hasDeadline && found == nil
    default: false
    }
  }

  /// Of failures type and message are compared: stacks and causes change with every edit.
  static func agree(_ end: EventKind, _ found: TurnEndKind) -> Bool {
    switch (end, found) {
    case (.orchestrationCompleted(let output), .completed(let itsOutput)): output == itsOutput
    case (.orchestrationCancelled(_, nil), .cancelled): true
    case (.orchestrationCancelled(_, let output?), .completed(let itsOutput)): output == itsOutput
    case (.orchestrationFailed(let failure), .failed(let itsFailure)):
      ExactText(failure.type) == ExactText(itsFailure.type)
        && ExactText(failure.message) == ExactText(itsFailure.message)
    case (.orchestrationContinuedAsNew(let version, let input), .continuedAsNew(let its, let itsInput)):
      version == its && input == itsInput
    default: false
    }
  }

  static func describe(_ end: EventKind) -> String {
    switch end {
    case .orchestrationCompleted(let output): describe(.completed(output: output))
    case .orchestrationFailed(let failure): describe(.failed(failure))
    case .orchestrationCancelled(_, let output):
      "cancellation" + (output.map { " with output \(ActionMatcher.excerpt($0))" } ?? "")
    case .orchestrationContinuedAsNew(let version, let input):
      describe(.continuedAsNew(version: version, input: input))
    case .orchestrationTerminated: "termination"
    default: "no end"
    }
  }

  static func describe(_ end: TurnEndKind) -> String {
    switch end {
    case .completed(let output): "completion with output \(ActionMatcher.excerpt(output))"
    case .continuedAsNew(let version, let input):
      "continue-as-new\(version.map { " as \($0)" } ?? "") with input \(ActionMatcher.excerpt(input))"
    case .failed, .cancelled: ActionMatcher.describe(end)
    }
  }
}

extension TurnEndKind {
  fileprivate var isFailure: Bool { if case .failed = self { true } else { false } }
}
