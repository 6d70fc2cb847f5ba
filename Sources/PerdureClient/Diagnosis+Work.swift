import PerdureModel

/// What one piece of open work waits for.
extension Diagnosis {
  /// - ahead: activities of the same name and tag that wait as well, this one included; nil: not known.
  func cause(_ activity: PendingActivity, ahead: Int64?) -> Why.Cause {
    var cause: Why.Cause
    switch activity.state(at: now) {
    case .running: cause = running(activity)
    case .deferred:
      cause = Why.Cause(
        .activityDeferred, phrase: "the completion of activity '\(activity.task.name)' from elsewhere",
        releasedBy: "Its completion token does, with a result or a failure.",
        advice: "Whoever has the token completes or fails it.")
      cause.since = activity.startedAt
    case .backoff: cause = backoff(activity)
    case .waiting:
      if let unserved = unserved(activity.task) { return unserved.cause }
      cause = waiting(activity, ahead)
    }
    cause.name = activity.task.name
    cause.action = activity.task.key.action
    return cause
  }

  private func takers(_ task: ActivityTask) -> [NodeID] {
    nodes.filter { $0.service.takes(task.name, tag: task.options.tag) }.map(\.id)
  }

  private func running(_ activity: PendingActivity) -> Why.Cause {
    let task = activity.task
    let node = task.claim?.node ?? 0
    let since = activity.startedAt.map { " since \(Moment.text($0))" } ?? ""
    let beat = task.lastHeartbeat.map { "; its last heartbeat said \($0.text.prefix(200))" } ?? ""
    let limit = activity.deadline.map { " It has until \(Moment.text($0))." } ?? ""
    var cause = Why.Cause(
      .activityRunning,
      phrase: "activity '\(task.name)', attempt \(task.attempt), which \(text(node)) runs\(since)",
      releasedBy: "Its result does\(beat).\(limit)",
      advice: "Let it finish; should its process hang, end that process, and another runtime takes it over.")
    cause.since = activity.startedAt
    cause.until = activity.deadline ?? task.closeBy
    cause.servedBy = [node]
    return cause
  }

  private func backoff(_ activity: PendingActivity) -> Why.Cause {
    let task = activity.task
    var cause = Why.Cause(
      .activityBackoff,
      phrase: "attempt \(task.attempt &+ 1) of activity '\(task.name)' at \(Moment.text(task.visibleAt))",
      releasedBy: "The next attempt does; the last one failed with \(Self.text(task.lastFailure)).",
      advice: "Nothing needs to be done, unless the same failure comes again and again.")
    cause.since = activity.startedAt
    cause.until = task.visibleAt
    cause.servedBy = takers(task)
    return cause
  }

  private func waiting(_ activity: PendingActivity, _ ahead: Int64?) -> Why.Cause {
    let task = activity.task
    let takers = takers(task)
    if let session = task.options.session, let holder = activity.sessionNode {
      var cause = Why.Cause(
        .activitySession,
        phrase: "\(text(holder)), which has session '\(session)' of activity '\(task.name)'",
        releasedBy: "That runtime runs it in a free slot, or gives the session up.",
        advice: "Let that runtime work, or stop it: others then take the session over.")
      cause.since = max(task.visibleAt, task.scheduledAt)
      cause.servedBy = [holder]
      return cause
    }
    let others = ahead.map { $0 > 1 ? " (\($0) of this name wait)" : "" } ?? ""
    var cause = Why.Cause(
      .activityWaiting, phrase: "a free slot for activity '\(task.name)'\(others)",
      releasedBy: "A free slot in \(Self.list(takers)) does.",
      advice: "If slots stay full, start more runtimes, or give them more activity slots.")
    cause.since = max(task.visibleAt, task.scheduledAt)
    cause.until = activity.startedAt == nil ? task.startBy ?? task.closeBy : task.closeBy
    cause.servedBy = takers
    return cause
  }

  /// - inner: of the child, if it is one.
  func cause(_ work: PendingWork, of row: InstanceDescription, inner: Why?) -> Why.Cause {
    var cause: Why.Cause
    switch work.kind {
    case .timer(let fireAt):
      cause = Why.Cause(
        .timer, phrase: "its timer at \(Moment.text(fireAt))", releasedBy: "Its time does.",
        advice: "Nothing needs to be done.")
      cause.until = fireAt
    case .wait(let channel, let name): cause = wait(channel, name, row)
    case .child(let child, let orchestration, let status):
      let state = status.map { ", which is \($0.rawValue)" } ?? ", which is not in the store any more"
      cause = Why.Cause(
        .child, phrase: "its child '\(child)'\(state)", releasedBy: "The end of the child does.",
        advice: "Look at what the child waits for.")
      cause.name = orchestration
      cause.instance = child
      cause.why = inner.map { [$0] } ?? []
    case .request(let what, let receiver):
      cause = Why.Cause(
        .request, phrase: "the answer to its request (\(what)) to '\(receiver)'",
        releasedBy: "The store answers it with the turn that sent it; the answer is in its inbox.",
        advice: "Nothing needs to be done.")
      cause.instance = receiver
    }
    cause.action = work.action
    cause.since = work.since
    cause.servedBy = serving(row)
    return cause
  }

  private func wait(_ channel: Channel, _ name: String, _ row: InstanceDescription) -> Why.Cause {
    var cause: Why.Cause
    switch channel {
    case .event:
      cause = Why.Cause(
        .event, phrase: "event '\(name)'", releasedBy: "An event '\(name)' that is raised for it does.",
        advice: "Raise event '\(name)' for '\(row.instance)' if it is to go on.")
    case .queue:
      cause = Why.Cause(
        .queue, phrase: "a message in queue '\(name)'", releasedBy: "A message in that queue does.",
        advice: "Enqueue a message to queue '\(name)' of '\(row.instance)' if it is to go on.")
    case .topic:
      cause = Why.Cause(
        .topic, phrase: "a publication to topic '\(name)'",
        releasedBy: "What is published to that topic does, once it is subscribed.",
        advice: "Publish to topic '\(name)' if it is to go on.")
    case .call:
      cause = Why.Cause(
        .call, phrase: "a call of '\(name)'", releasedBy: "A call of that name does.",
        advice: "Call '\(name)' of '\(row.instance)' if it is to go on.")
    }
    cause.name = name
    return cause
  }

  /// Nothing else holds it up.
  func turn(_ details: InstanceDetails) -> Why.Cause {
    let row = details.description
    let messages =
      details.inboxCount == 0
      ? "" : " over \(details.inboxCount) waiting message\(details.inboxCount == 1 ? "" : "s")"
    let holder = details.owner.map { " by \(text($0))" } ?? ""
    var cause = Why.Cause(
      .turn, phrase: "its next turn\(messages)\(holder)",
      releasedBy: "The turn is due: a runtime that serves it runs it.",
      advice: "Ask again in a moment; if it stays so, look at the logs and the load of those runtimes.")
    cause.since = row.updatedAt
    cause.servedBy = details.owner.map { [$0] } ?? serving(row)
    return cause
  }
}
