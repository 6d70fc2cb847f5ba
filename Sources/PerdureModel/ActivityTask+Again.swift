extension MessageKind {
  /// The activity that this message gives up, because process after process died under it.
  package var poisoned: (execution: ExecutionID, action: ActionID)? {
    guard case .activityEnded(let execution, let action, .failed(let failure)) = self,
      failure.type == FailureType.poison
    else { return nil }
    return (execution, action)
  }
}

extension ActivityTask {
  /// An activity as it was scheduled, to be run from its first attempt.
  ///
  /// - Parameters:
  ///   - key: of the activity; nil comes back if the history does not schedule it.
  ///   - history: of its execution.
  ///   - now: its time limits begin anew.
  package init?(
    again key: ActivityKey, in history: [Event], orchestration: String, now: TimestampMS
  ) {
    let scheduled = history.first { event in
      if case .activityScheduled(let origin, _, _, _) = event.kind {
        origin.action == key.action
      } else {
        false
      }
    }
    guard case .activityScheduled(_, let name, let input, let options)? = scheduled?.kind else { return nil }
    self.init(
      key: key, orchestration: orchestration, name: name, input: input, attempt: 1, visibleAt: 0, claim: nil,
      options: options, scheduledAt: now)
    if case .orchestrationStarted(_, _, _, _, let trace?)? = history.first?.kind {
      self.trace = trace.span(of: key.instance, key.execution)
    }
  }
}
