import PerdureModel
import PerdureReplay

/// An instance in memory.
///
///     loading     waits for its snapshot: claimed, evicted by the host, or after a lost race
///     idle        parked; nothing to fold
///     ready       in the queue for a turn
///     turning     the host has it
///     committing  its commit is on the way to the disk
///     waiting     a turn or a commit failed; goes on at `retryAt`
final class Held {
  enum Phase: Hashable {
    case loading, idle, ready, turning, committing, waiting
  }

  let instance: InstanceID
  var phase: Phase
  var revision: Revision
  /// Tells this instance apart from another one that had or takes its id; nil: not known.
  var createdAt: TimestampMS?
  /// Until OrchestrationStarted is on disk.
  var start: InstanceStart?
  /// nil before the first turn and while loading.
  var state: ExecutionState?
  /// Not folded yet, in order.
  var incoming: [Incoming] = []
  /// Reads of the inbox have shown all messages up to this one. What we are told of one by one says nothing
  /// about those before it: another process may have written them.
  var readThrough: MessageSequence = 0
  /// Messages beyond `readThrough` that we have, and those that turns took while a read was under way: its
  /// answer may still show them.
  var known: Set<MessageSequence> = []
  var inboxReads = 0
  /// Others may have written to it since it was last read, or since the read that is under way.
  var mustReadAgain = false
  /// At rest it was said to be due, and since then nothing came.
  var isDueForNothing = false
  /// The highest sequence that we have been told of.
  private var newest: MessageSequence = 0
  /// The last event that the host's live coroutine has seen; 0: it has none.
  var hostEvents: EventID = 0

  /// While turning: what was taken from `incoming`, and what was made of it.
  var folding: [Incoming] = []
  var prepared = PreparedTurn()
  /// While turning: what the host was asked.
  var request: TurnRequest?
  /// While turning cold: the stored history, and the key-value state that the execution began with.
  var history: [Event]?
  var kv: [KVEntry] = []
  /// While committing.
  var commit: TurnCommit?
  var next: ExecutionState?
  /// What the code of that turn logged and measured.
  var told: [LogRecord] = []
  var priority: Int64 = 0
  /// The time to clean up after a cancellation is over.
  var mustEnd = false
  var isRetained = false

  /// Of the store, in a row.
  var failures = 0
  /// Turns that the host failed, in a row.
  var turnFailures = 0
  var retryAt: TimestampMS = 0
  /// Tells entries of the parking queue apart from older ones.
  var parkings = 0

  init(instance: InstanceID, phase: Phase, revision: Revision, start: InstanceStart?) {
    self.instance = instance
    self.phase = phase
    self.revision = revision
    self.start = start
    priority = start?.options.priority ?? 0
  }

  /// A message that we were told of. Answers false if we have it.
  func take(_ message: InboxMessage) -> Bool {
    guard message.sequence > readThrough, known.insert(message.sequence).inserted else { return false }
    insert(message)
    return true
  }

  /// Among the messages by sequence: code must see them in order, whatever the order in which we heard of
  /// them.
  private func insert(_ message: InboxMessage) {
    guard message.sequence < newest else {
      newest = message.sequence
      return incoming.append(.message(message))
    }
    let newer = incoming.firstIndex { item in
      if case .message(let other) = item { other.sequence > message.sequence } else { false }
    }
    incoming.insert(.message(message), at: newer ?? incoming.endIndex)
  }

  /// An inbox as it was read: complete beyond `readThrough`.
  func take(read messages: [InboxMessage]) {
    inboxReads = max(0, inboxReads - 1)
    for message in messages { _ = take(message) }
    readThrough = max(readThrough, messages.last?.sequence ?? 0)
    known = known.filter { $0 > readThrough }
  }

  /// A turn that took these is on disk: later reads do not show them.
  func forget(_ consumed: [MessageSequence]) {
    if inboxReads == 0 { known.subtract(consumed) }
  }

  var hasWork: Bool { start != nil || !incoming.isEmpty || state?.initial.isEmpty == false || mustEnd }

  /// What must not be lost with the rest: results of activities that ran here. Messages and timers are in the
  /// store.
  var results: [Incoming] {
    (folding + incoming).filter { item in
      if case .activity = item { return true }
      return false
    }
  }
}
