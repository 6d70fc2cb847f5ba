import PerdureModel

/// What actions become: events, and their effects on the world.
extension TurnWriter {
  func eventKind(of action: Action) -> EventKind {
    let origin = Origin(action: action.id, after: action.after)
    return switch action.kind {
    case .scheduleActivity(let name, let input, let options):
      .activityScheduled(origin, name: name, input: input, options: options)
    case .createTimer(let fireAt): .timerCreated(origin, fireAt: fireAt)
    case .subscribe(let channel, let name): .subscribed(origin, channel: channel, name: name)
    case .scheduleSubOrchestration(let name, let version, let instance, let input, let closePolicy, _):
      .subOrchestrationScheduled(
        origin, name: name, version: version, instance: instance ?? state.childID(of: action.id),
        input: input,
        closePolicy: closePolicy)
    case .startDetached(let name, let version, let instance, let input):
      .detachedOrchestrationScheduled(
        origin, name: name, version: version, instance: instance ?? state.childID(of: action.id), input: input
      )
    case .cancel(let target):
      if let work = state.open[target] {
        .workCancelled(origin, target: target, work: work.kind)
      } else {
        .cancelIgnored(origin, target: target)
      }
    case .setCustomStatus(let status): .customStatusUpdated(origin, status: status)
    case .changeKV(let change): .kvChanged(origin, change)
    case .readKV(let instance, let key): .kvReadRequested(origin, instance: instance, key: key)
    case .send(let message): .messageSendRequested(origin, message)
    case .subscribeTopic(let topic): .topicSubscribed(origin, topic: topic)
    case .unsubscribeTopic(let topic): .topicUnsubscribed(origin, topic: topic)
    case .publish(let topic, let data): .published(origin, topic: topic, data: data)
    case .answerCall(let call, let outcome): .callAnswered(origin, call: call, outcome: outcome)
    case .recordPatch(let patch): .patchRecorded(origin, patch: patch)
    }
  }

  mutating func effects(of kind: EventKind) {
    switch kind {
    case .activityScheduled(let origin, let name, let input, let options):
      // Visible at once by every clock: nodes whose clock is behind ours must not wait for it.
      var task = ActivityTask(
        key: ActivityKey(instance: state.instance, execution: state.execution, action: origin.action),
        orchestration: state.orchestration, name: name, input: input, attempt: 1, visibleAt: 0, claim: nil,
        options: options, scheduledAt: now)
      if let trace = state.trace { task.trace = trace }
      scheduled[origin.action] = task
    case .subOrchestrationScheduled(let origin, let name, let version, let instance, let input, let policy):
      let parent = ParentLink(instance: state.instance, execution: state.execution, action: origin.action)
      start(name, version, instance, input, parent: parent, policy)
    case .detachedOrchestrationScheduled(_, let name, let version, let instance, let input):
      start(name, version, instance, input, parent: nil, .cancel)
    case .workCancelled(_, let target, _):
      giveUp(target, reason: "the parent gave it up")
    case .customStatusUpdated(_, let status):
      conclusion.commit.customStatus = .some(status)
    case .kvChanged(_, let change):
      conclusion.commit.kvChanges.append(TimedKVChange(change: change, at: eventAt))
    case .kvReadRequested(let origin, let instance, let key):
      conclusion.commit.kvReads.append(KVReadRequest(action: origin.action, instance: instance, key: key))
    case .messageSendRequested(let origin, let message): send(message, origin.action)
    case .topicSubscribed(_, let topic):
      conclusion.commit.topicChanges.append(TopicChange(topic: topic, isSubscribed: true))
    case .topicUnsubscribed(_, let topic):
      conclusion.commit.topicChanges.append(TopicChange(topic: topic, isSubscribed: false))
    case .published(_, let topic, let data):
      conclusion.commit.publications.append(Publication(topic: topic, data: data))
    case .callAnswered(_, let call, let outcome):
      conclusion.commit.callAnswers.append(CallAnswer(call: call, outcome: outcome))
    default: break
    }
  }

  private mutating func send(_ message: SentMessage, _ action: ActionID) {
    let kind: MessageKind =
      switch message.content {
      case .raised(let channel, let name, let data): .raised(channel: channel, name: name, data: data)
      case .cancel(let reason): .cancel(reason: reason, graceMS: nil)
      }
    conclusion.commit.messages.append(
      OutgoingMessage(to: message.to, kind: kind, isKept: message.isKept, action: action))
  }

  private mutating func start(
    _ name: String, _ version: String?, _ instance: InstanceID, _ input: Payload, parent: ParentLink?,
    _ closePolicy: ParentClosePolicy
  ) {
    var options = StartOptions()
    options.closePolicy = closePolicy
    if let trace = state.trace { options.trace = trace }
    let start = InstanceStart(
      instance: instance, orchestration: name, version: version, input: input, parent: parent,
      options: options)
    conclusion.commit.starts.append(ChildStart(start: start, owner: nil))
  }

  /// What the action says of a child that its event does not.
  mutating func label(_ action: Action) {
    guard case .scheduleSubOrchestration(_, _, _, _, let policy, var labels) = action.kind, !labels.isDefault
    else { return }
    labels.closePolicy = policy
    if let index = conclusion.commit.starts.indices.last {
      conclusion.commit.starts[index].start.options = labels
    }
  }

  /// Schedule and cancel in one turn come to nothing.
  mutating func giveUp(_ target: ActionID, reason: String) {
    switch state.open[target] {
    case .activity:
      if scheduled.removeValue(forKey: target) == nil { conclusion.commit.cancelled.append(target) }
    case .subOrchestration(let instance, _):
      if !neverStart(target, instance) {
        let cancel = MessageKind.cancel(reason: reason, graceMS: nil)
        conclusion.commit.messages.append(OutgoingMessage(to: instance, kind: cancel))
      }
    default: break
    }
  }

  /// Whether a child was to be started by this very turn; now it is not.
  mutating func neverStart(_ target: ActionID, _ instance: InstanceID) -> Bool {
    let index = conclusion.commit.starts.firstIndex {
      $0.start.parent?.action == target && $0.start.instance == instance
    }
    guard let index else { return false }
    conclusion.commit.starts.remove(at: index)
    return true
  }
}
