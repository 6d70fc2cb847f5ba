import PerdureModel
import PerdureStore

/// Looks at everything that lands in the store, keeps its own books, and says when a promise is broken.
///
/// The books are made of what was submitted and how it was answered, never of what the store or a dispatcher
/// thinks.
struct Watch {
  /// One life of an instance id: it is gone when another one took its place.
  struct Life {
    let start: InstanceStart
    let startedAt: TimestampMS
    var status = InstanceStatus.pending
    var revision: Revision
    var histories: [[Event]] = [[]]
    /// How many of the first events of each execution the one before it left behind.
    var carried: [Int] = [0]
    var inbox: [InboxMessage] = []
    var values: [String: KVEntry] = [:]
    /// With which each execution began.
    var bases: [[KVEntry]] = [[]]
    var topics: Set<String> = []
    var calls: [String: CallState] = [:]
    var isCancelAsked = false
    var isTerminated = false
    /// One of its activities was given up because process after process died under it.
    var isPoisoned = false
    /// It was quarantined because process after process died under it.
    var wasPoison = false
    /// An operator ended one of its activities.
    var isMeddledWith = false
    /// How often it was put back.
    var resets = 0
    /// No turn has landed since it was put back: its code has not acted on all that its history has.
    var isCut = false
    /// Executions whose history was removed.
    var pruned = 0
    /// Messages that waited when it ended: they end with it, also if it is put back to work later.
    var dropped: Set<Payload> = []
    /// Messages of earlier executions that a reset tells again.
    var toldAgain: Set<Payload> = []
    /// When an operator last changed it as a whole, by the world's time.
    var touchedAt: TimestampMS
    /// The id of one of its children was taken.
    var hasMet = false
    var isGone = false
    /// The row at its end.
    var end: InstanceDescription?

    /// Its turns may land.
    var isServable: Bool { status == .pending || status == .running }
  }

  struct Run: Hashable {
    var key: ActivityKey
    var claim: ActivityClaim
  }

  /// An attempt of an activity of one life.
  struct Try: Hashable {
    var life: Int
    var key: ActivityKey
    var attempt: Int64
    /// How often its instance had been put back.
    var resets: Int
  }

  private(set) var lives: [Life] = []
  private var places: [InstanceID: Int] = [:]
  /// The lives to which messages of clients came, by their data.
  private var receivers: [Payload: Int] = [:]
  /// Messages for ids that nobody has.
  var kept: [InstanceID: [MessageKind]] = [:]

  /// Pending activities.
  var rows: [ActivityKey: Row] = [:]
  /// How long who is kept.
  private(set) var retention: [String: RetentionRule] = [:]
  /// Records of changes that landed.
  private(set) var notes: Int64 = 0
  /// Nodes that the store has forgotten.
  var goneNodes: Set<NodeID> = []
  var committedRuns: Set<Run> = []
  /// Those of lives that are gone: hosts may begin them late.
  var goneRuns: Set<Run> = []
  /// When each attempt began, and when it was heard of last, by the clock of its node.
  var begun: [Run: TimestampMS] = [:]
  var beaten: [Run: TimestampMS] = [:]
  /// On which simulated node each attempt ran, in order of their first run.
  var runs: [(run: Try, nodes: [Int])] = []
  var runPlaces: [Try: Int] = [:]
  /// Ended by operators.
  var handled: Set<ActivityKey> = []
  /// Instances whose rows could not be read for some time.
  var damaged: Set<InstanceID> = []
  /// By the world's time, now, and since when all is well.
  var moment = Moment()
  /// The first broken promise, as a sentence.
  private(set) var violation: String?

  struct Moment {
    var now: Int64 = 0
    /// Timers that are due from then on are on time; nil: nothing is promised yet.
    var calmSince: Int64?
    /// How far the clock of the node that writes is from the world's, and those of nodes from each other.
    var offset: Int64 = 0
    var spread: Int64 = 0
  }

  /// Hosts may fail turns.
  var hostsStumble = false
  /// Whether the code of an orchestration may differ from itself.
  var sick: (String) -> Bool = { _ in false }
  /// Whether each turn of an orchestration ends its process.
  var deadly: (String) -> Bool = { _ in false }

  func life(_ instance: InstanceID) -> Life? { place(instance).map { lives[$0] } }

  /// No parent waits for it.
  func isTop(_ life: Life) -> Bool {
    guard let parent = life.start.parent.flatMap({ self.life($0.instance) }) else { return true }
    return parent.status.isTerminal || isGivenUp(life.start.parent)
      || life.start.parent?.execution != Int64(parent.histories.count)
  }

  /// Of the life that has the id now.
  func place(_ instance: InstanceID) -> Int? {
    guard let place = places[instance], !lives[place].isGone else { return nil }
    return place
  }

  /// It is there, or was.
  func hasBeen(_ instance: InstanceID) -> Bool { places[instance] != nil }

  func receiver(of data: Payload) -> Life? { receivers[data].map { lives[$0] } }

  mutating func require(_ condition: Bool, _ sentence: @autoclosure () -> String) {
    if !condition && violation == nil { violation = sentence() }
  }

  mutating func change(_ instance: InstanceID, _ body: (inout Life) -> Void) {
    if let place = place(instance) { body(&lives[place]) }
  }

  // MARK: What lands

  /// - clock: of the node that wrote.
  mutating func landed(_ entry: StoreEntry, _ receipt: StoreReceipt, clock: TimestampMS, in store: SimStore) {
    switch (entry, receipt) {
    case (.setRetention(let rule), _): retention[rule.orchestration] = rule
    case (.sweep(_, let now), .swept(let deleted, _)): swept(deleted, now, store)
    case (.noted(let inner, let note), _):
      landed(inner, receipt, clock: clock, in: store)
      noted(note, in: store)
    case (.start(let start, _, let now), _): started(start, receipt, now, store)
    case (.post(let message, _), .kept):
      require(
        message.isKept && life(message.to) == nil, "A message to '\(message.to)' was kept for nobody.")
      kept[message.to, default: []].append(message.kind)
    case (.post, .posted(let delivery)): deliver(delivery, in: store)
    case (.post(let message, _), .known):
      let isKnown =
        if case .call(let id, _, _) = message.kind { life(message.to)?.calls[id] != nil } else { false }
      require(isKnown, "A message to '\(message.to)' was taken for one that is known.")
    case (.publish(let publication, _), .delivered(let deliveries)):
      published([publication], deliveries, store)
    case (.turn(let commit), .turned(let receipt)): turn(commit, receipt, clock, store)
    case (.reset(let resets), .reset(let deleted)): wasReset(resets, deleted, store)
    case (.delete(let instance, let force), .deleted(let deleted)):
      removed(instance, deleted, force: force, store)
    case (.pruneExecutions(let instance, let keep, _), .pruned(let count)):
      pruned(instance, keep: keep, count)
    case (.control(let instance, let verb, _, let at), .controlled(let receipt)):
      controlled(instance, verb, receipt, at: at, store)
    case (.quarantine(let instance, _, let failure, _), _): quarantined(instance, failure)
    default: landedActivity(entry, receipt, clock, store)
    }
  }

  /// - deliveries: what the same entry sent to it afterwards.
  mutating func begin(
    _ start: InstanceStart, _ now: TimestampMS, _ store: SimStore, before deliveries: [Delivery] = []
  ) {
    let instance = start.instance
    require(place(instance) == nil, "Instance '\(instance)' was started twice.")
    if let key = start.options.dedupKey {
      let other = lives.first { !$0.isGone && $0.start.options.dedupKey == key }
      require(other == nil, "Instance '\(instance)' was started although another one has its key '\(key)'.")
    }
    require(store.describe(instance) != nil, "The start of '\(instance)' landed and left nothing.")
    var life = Life(
      start: start, startedAt: now, revision: store.describe(instance)?.revision ?? 0, touchedAt: moment.now)
    let waiting = kept.removeValue(forKey: instance) ?? []
    let later = Set(deliveries.filter { $0.instance == instance }.map { $0.message.sequence })
    life.inbox = store.messages(of: instance).filter { !later.contains($0.sequence) }
    require(
      life.inbox.map { $0.kind } == waiting,
      "'\(instance)' begins with \(life.inbox.count) messages; \(waiting.count) were kept for it.")
    places[instance] = lives.count
    lives.append(life)
    for message in life.inbox { note(message, lives.count - 1) }
  }

  mutating func end(_ instance: InstanceID) {
    guard let place = place(instance) else { return }
    lives[place].isGone = true
    for key in rows.keys where key.instance == instance { rows[key] = nil }
    for run in committedRuns where run.key.instance == instance {
      committedRuns.remove(run)
      goneRuns.insert(run)
      begun[run] = nil
      beaten[run] = nil
    }
  }

  private mutating func note(_ message: InboxMessage, _ place: Int) {
    switch message.kind {
    case .raised(_, _, let data): receivers[data] = place
    case .call(let id, _, let data):
      receivers[data] = place
      lives[place].calls[id] = .waiting
    case .cancel: lives[place].isCancelAsked = true
    default: break
    }
  }

  mutating func deliver(_ delivery: Delivery, in store: SimStore) {
    guard let place = place(delivery.instance) else {
      return require(false, "A message went to '\(delivery.instance)', which is not there.")
    }
    require(
      !lives[place].status.isTerminal, "A message went to '\(delivery.instance)' after its end.")
    if case .call(let id, _, _) = delivery.message.kind {
      require(lives[place].calls[id] == nil, "Call '\(id)' came to '\(delivery.instance)' twice.")
    }
    lives[place].inbox.append(delivery.message)
    note(delivery.message, place)
    let sequence = delivery.message.sequence
    // The same entry may have ended it.
    let isEnded = store.describe(delivery.instance)?.status == .terminated
    require(
      isEnded || store.holds(delivery.message, for: delivery.instance),
      "Message \(sequence) to '\(delivery.instance)' was acknowledged and is not in its inbox.")
  }

  /// Something that was to be recorded landed.
  private mutating func noted(_ note: AuditNote, in store: SimStore) {
    notes += 1
    let newest = store.newestNote
    require(
      newest == AuditRecord(id: notes, note: note),
      "'\(note.operation)' of '\(note.target)' landed and its record did not.")
  }

  /// A runtime reads an instance to go on with it.
  mutating func read(_ snapshot: InstanceSnapshot) {
    let instance = snapshot.description.instance
    guard let life = life(instance), let base = life.bases.last else { return }
    require(
      snapshot.kv == base,
      "'\(instance)' is read with \(snapshot.kv.count) values; its execution began with \(base.count) others."
    )
  }
}
