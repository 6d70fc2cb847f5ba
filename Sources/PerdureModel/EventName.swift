/// The kinds of events by the names that they have on the wire, as numbers: for counting.
package enum EventName: Int, Hashable, Sendable, CaseIterable {
  case orchestrationStarted, activityCompleted, activityFailed, timerFired
  case eventRaised, queueMessageReceived, topicMessageReceived, callReceived
  case subOrchestrationCompleted, subOrchestrationFailed, requestCompleted, requestFailed
  case cancellationRequested
  case activityScheduled, timerCreated, eventSubscribed, queueSubscribed, topicAwaited, callAwaited
  case subOrchestrationScheduled, detachedOrchestrationScheduled, customStatusUpdated
  case kvSet, kvCleared, kvAllCleared, kvReadRequested
  case raiseEventRequested, enqueueRequested, cancelInstanceRequested
  case topicSubscribed, topicUnsubscribed, published, callAnswered, patchRecorded
  case activityCancelRequested, timerCancelled, eventSubscriptionCancelled, queueSubscriptionCancelled
  case topicWaitCancelled, callWaitCancelled, subOrchestrationCancelRequested, requestCancelled
  case cancelIgnored
  case orchestrationCompleted, orchestrationFailed, orchestrationCancelled, orchestrationContinuedAsNew
  case orchestrationTerminated

  /// `ActivityScheduled`.
  package var text: String {
    let name = "\(self)"
    if name.hasPrefix("kv") { return "KV" + name.dropFirst(2) }
    return name.prefix(1).uppercased() + name.dropFirst()
  }
}

extension EventKind {
  package var name: EventName {
    switch self {
    case .orchestrationStarted: .orchestrationStarted
    case .activityCompleted: .activityCompleted
    case .activityFailed: .activityFailed
    case .timerFired: .timerFired
    case .messageReceived(let channel, _, _): channel.receivedName
    case .subOrchestrationCompleted: .subOrchestrationCompleted
    case .subOrchestrationFailed: .subOrchestrationFailed
    case .callReceived: .callReceived
    case .requestCompleted: .requestCompleted
    case .requestFailed: .requestFailed
    case .cancellationRequested: .cancellationRequested
    case .activityScheduled: .activityScheduled
    case .timerCreated: .timerCreated
    case .subscribed(_, let channel, _): channel.subscribedName
    case .subOrchestrationScheduled: .subOrchestrationScheduled
    case .detachedOrchestrationScheduled: .detachedOrchestrationScheduled
    case .workCancelled(_, _, let work): work.cancelledName
    case .cancelIgnored: .cancelIgnored
    case .customStatusUpdated: .customStatusUpdated
    case .kvChanged(_, .set): .kvSet
    case .kvChanged(_, .clear): .kvCleared
    case .kvChanged(_, .clearAll): .kvAllCleared
    case .kvReadRequested: .kvReadRequested
    case .messageSendRequested(_, let message): message.content.requestedName
    case .topicSubscribed: .topicSubscribed
    case .topicUnsubscribed: .topicUnsubscribed
    case .published: .published
    case .callAnswered: .callAnswered
    case .patchRecorded: .patchRecorded
    case .orchestrationCompleted: .orchestrationCompleted
    case .orchestrationFailed: .orchestrationFailed
    case .orchestrationCancelled: .orchestrationCancelled
    case .orchestrationContinuedAsNew: .orchestrationContinuedAsNew
    case .orchestrationTerminated: .orchestrationTerminated
    }
  }
}

extension Channel {
  fileprivate var receivedName: EventName {
    switch self {
    case .event: .eventRaised
    case .queue: .queueMessageReceived
    case .topic: .topicMessageReceived
    case .call: .callReceived
    }
  }

  fileprivate var subscribedName: EventName {
    switch self {
    case .event: .eventSubscribed
    case .queue: .queueSubscribed
    case .topic: .topicAwaited
    case .call: .callAwaited
    }
  }
}

extension WorkKind {
  fileprivate var cancelledName: EventName {
    switch self {
    case .activity: .activityCancelRequested
    case .timer: .timerCancelled
    case .eventWait: .eventSubscriptionCancelled
    case .queueWait: .queueSubscriptionCancelled
    case .topicWait: .topicWaitCancelled
    case .callWait: .callWaitCancelled
    case .subOrchestration: .subOrchestrationCancelRequested
    case .request: .requestCancelled
    }
  }
}

extension SentMessage.Content {
  fileprivate var requestedName: EventName {
    switch self {
    case .raised(.event, _, _): .raiseEventRequested
    case .raised: .enqueueRequested
    case .cancel: .cancelInstanceRequested
    }
  }
}
