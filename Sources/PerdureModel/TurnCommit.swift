/// Everything that one turn changes: one value, applied whole or not at all.
package struct TurnCommit: Hashable, Sendable {
  package var instance: InstanceID
  /// The revision that the turn was computed from. The row must still have it; it then gets `revision + 1`.
  package var revision: Revision
  /// When the instance that the turn was computed for was created; nil: not known. Another one may have taken
  /// its id and come to the same revision.
  package var createdAt: TimestampMS?
  package var now: TimestampMS
  package var execution: ExecutionID
  /// The name, and what became of activities by theirs: for metrics. Stores do not look at these.
  package var orchestration = ""
  package var activityEnds: [ActivityEnd] = []
  /// Appended to the history of `execution`; ids go on where it ends.
  package var events: [Event]
  /// The instance row afterwards.
  package var status: InstanceStatus
  package var orchestrationVersion: String
  package var output: Payload?
  /// Inbox rows to delete: those that the turn folded or found stale. All up to the highest of them, else the
  /// commit conflicts.
  package var consumed: [MessageSequence]
  /// Activity rows whose results the turn takes. Each must still carry its claim, else the commit conflicts.
  package var finished: [FinishedActivity]
  /// Activity rows to insert.
  package var scheduled: [ActivityTask]
  private var extras = Seldom<Extras>()
  /// When the instance needs attention next. The store puts 0 instead if messages remain in the inbox.
  package var wakeAt: TimestampMS?
  /// Who keeps the instance in memory. nil: nobody, so that any runtime may claim it.
  package var owner: NodeID?

  package init(
    instance: InstanceID, revision: Revision, now: TimestampMS, execution: ExecutionID, events: [Event],
    status: InstanceStatus, orchestrationVersion: String, owner: NodeID?
  ) {
    self.instance = instance
    self.revision = revision
    self.now = now
    self.execution = execution
    self.events = events
    self.status = status
    self.orchestrationVersion = orchestrationVersion
    self.owner = owner
    consumed = []
    finished = []
    scheduled = []
  }
}

extension TurnCommit {
  private struct Extras: SeldomValue {
    var nextExecution: [Event]?
    var customStatus: Payload??
    var failure: Failure?
    var cancelled: [ActionID] = []
    var starts: [ChildStart] = []
    var messages: [OutgoingMessage] = []
    var kvChanges: [TimedKVChange] = []
    var kvReads: [KVReadRequest] = []
    var topicChanges: [TopicChange] = []
    var publications: [Publication] = []
    var callAnswers: [CallAnswer] = []
    var terminations: [InstanceID] = []
  }

  /// None of what follows is there.
  package var hasNoExtras: Bool { extras.isDefault }

  /// Continue-as-new: the first events of execution + 1, which becomes the current one.
  package var nextExecution: [Event]? {
    get { hasNoExtras ? nil : extras.value.nextExecution }
    set { extras.value.nextExecution = newValue }
  }
  /// Set when the turn changed the custom status (the inner nil clears it).
  package var customStatus: Payload?? {
    get { hasNoExtras ? nil : extras.value.customStatus }
    set { extras.value.customStatus = newValue }
  }
  package var failure: Failure? {
    get { hasNoExtras ? nil : extras.value.failure }
    set { extras.value.failure = newValue }
  }
  /// Activity rows to delete, whoever holds them; missing ones are fine. Of `execution`.
  package var cancelled: [ActionID] {
    get { hasNoExtras ? [] : extras.value.cancelled }
    _modify { yield &extras.value.cancelled }
  }
  package var starts: [ChildStart] {
    get { hasNoExtras ? [] : extras.value.starts }
    _modify { yield &extras.value.starts }
  }
  package var messages: [OutgoingMessage] {
    get { hasNoExtras ? [] : extras.value.messages }
    _modify { yield &extras.value.messages }
  }
  /// Changes of the key-value state, in order, each with its time.
  package var kvChanges: [TimedKVChange] {
    get { hasNoExtras ? [] : extras.value.kvChanges }
    _modify { yield &extras.value.kvChanges }
  }
  /// Looks at other instances; each is answered with a `MessageKind.requestEnded`.
  package var kvReads: [KVReadRequest] {
    get { hasNoExtras ? [] : extras.value.kvReads }
    set { extras.value.kvReads = newValue }
  }
  package var topicChanges: [TopicChange] {
    get { hasNoExtras ? [] : extras.value.topicChanges }
    set { extras.value.topicChanges = newValue }
  }
  package var publications: [Publication] {
    get { hasNoExtras ? [] : extras.value.publications }
    set { extras.value.publications = newValue }
  }
  package var callAnswers: [CallAnswer] {
    get { hasNoExtras ? [] : extras.value.callAnswers }
    set { extras.value.callAnswers = newValue }
  }
  /// Open children to be terminated because the parent ended.
  package var terminations: [InstanceID] {
    get { hasNoExtras ? [] : extras.value.terminations }
    set { extras.value.terminations = newValue }
  }
}

package struct TimedKVChange: Hashable, Sendable {
  package var change: KVChange
  package var at: TimestampMS

  package init(change: KVChange, at: TimestampMS) {
    self.change = change
    self.at = at
  }
}

package struct KVReadRequest: Hashable, Sendable {
  package var action: ActionID
  package var instance: InstanceID
  package var key: String

  package init(action: ActionID, instance: InstanceID, key: String) {
    self.action = action
    self.instance = instance
    self.key = key
  }
}

/// An instance begins or ceases to receive what is published to a topic.
package struct TopicChange: Hashable, Sendable {
  package var topic: String
  package var isSubscribed: Bool

  package init(topic: String, isSubscribed: Bool) {
    self.topic = topic
    self.isSubscribed = isSubscribed
  }
}

package struct Publication: Hashable, Sendable {
  package var topic: String
  package var data: Payload

  package init(topic: String, data: Payload) {
    self.topic = topic
    self.data = data
  }
}

package struct FinishedActivity: Hashable, Sendable {
  package var action: ActionID
  package var claim: ActivityClaim

  package init(action: ActionID, claim: ActivityClaim) {
    self.action = action
    self.claim = claim
  }
}

/// An event that ended an activity, by the name of the activity.
package struct ActivityEnd: Hashable, Sendable {
  package enum Kind: Hashable, Sendable {
    case completed, failed, cancelled
  }

  package var name: String
  package var kind: Kind

  package init(name: String, kind: Kind) {
    self.name = name
    self.kind = kind
  }
}

/// An instance that a turn starts.
package struct ChildStart: Hashable, Sendable {
  package var start: InstanceStart
  /// Who keeps the new instance in memory.
  package var owner: NodeID?

  package init(start: InstanceStart, owner: NodeID?) {
    self.start = start
    self.owner = owner
  }
}
