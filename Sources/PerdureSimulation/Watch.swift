import PerdureModel
import PerdureStore

/// Looks at everything that lands in the store, keeps its own books, and says when a promise is broken.
///
/// The books are made of what was submitted and how it was answered, never of what the store or a dispatcher
/// thinks.
struct Watch {
  struct Life {
    let start: InstanceStart
    var status = InstanceStatus.pending
    var revision: Revision = 0
    var histories: [[Event]] = [[]]
    /// How many of the first events of each execution the one before it left behind.
    var carried: [Int] = [0]
    var inbox: [InboxMessage] = []
    var isCancelAsked = false
    /// The row at its end.
    var end: InstanceDescription?
  }

  struct Run: Hashable {
    var key: ActivityKey
    var claim: ActivityClaim
  }

  private(set) var lives: [Life] = []
  private var places: [InstanceID: Int] = [:]
  /// The rows of pending activities, with their claims.
  private(set) var rows: [ActivityKey: ActivityClaim?] = [:]
  private var committedRuns: Set<Run> = []
  /// On which simulated node each activity ran, in order of their first run.
  private(set) var runs: [(key: ActivityKey, nodes: [Int])] = []
  private var runPlaces: [ActivityKey: Int] = [:]
  /// The first broken promise, as a sentence.
  private(set) var violation: String?

  func hasRun(_ key: ActivityKey) -> Bool { runPlaces[key] != nil }

  func life(_ instance: InstanceID) -> Life? { places[instance].map { lives[$0] } }

  mutating func require(_ condition: Bool, _ sentence: @autoclosure () -> String) {
    if !condition && violation == nil { violation = sentence() }
  }

  // MARK: What lands

  /// - clock: of the node that wrote.
  mutating func landed(_ entry: StoreEntry, _ receipt: StoreReceipt, clock: TimestampMS, in store: SimStore) {
    switch (entry, receipt) {
    case (.start(let start, _, _), _):
      begin(start)
      require(
        store.describe(start.instance) != nil, "The start of '\(start.instance)' landed and left nothing.")
    case (.post, .posted(let delivery)): deliver(delivery, in: store)
    case (.turn(let commit), .turned(let receipt)): turn(commit, receipt, clock, store)
    case (.activityEnded(let key, let claim, _, _), .posted(let delivery)):
      takeRow(key, claim)
      deliver(delivery, in: store)
    case (.claimActivities, .activities(let tasks)): for task in tasks { claimed(task) }
    case (.releaseActivities(let released), _):
      for item in released where rows[item.key] == .some(item.claim) {
        rows[item.key] = .some(nil)
      }
    case (.releaseUnheldActivities(let node, let held), _): released(by: node, except: held)
    case (.quarantine(let instance, _, let failure, _), _):
      require(false, "A healthy instance, '\(instance)', was quarantined: \(failure.message)")
    default: break
    }
  }

  mutating func begin(_ start: InstanceStart) {
    require(places[start.instance] == nil, "Instance '\(start.instance)' was started twice.")
    places[start.instance] = lives.count
    lives.append(Life(start: start))
  }

  mutating func deliver(_ delivery: Delivery, in store: SimStore) {
    guard let place = places[delivery.instance] else {
      return require(false, "A message went to '\(delivery.instance)', which was never started.")
    }
    require(
      !lives[place].status.isTerminal, "A message went to '\(delivery.instance)' after its end.")
    lives[place].inbox.append(delivery.message)
    if case .cancel = delivery.message.kind { lives[place].isCancelAsked = true }
    let sequence = delivery.message.sequence
    require(
      store.holds(delivery.message, for: delivery.instance),
      "Message \(sequence) to '\(delivery.instance)' was acknowledged and is not in its inbox.")
  }

  // MARK: Activities

  private mutating func released(by node: NodeID, except held: [ClaimedActivity]) {
    let kept = Set(held)
    for (key, claim) in rows {
      guard let claim, claim.node == node, !kept.contains(ClaimedActivity(key: key, claim: claim)) else {
        continue
      }
      rows[key] = .some(nil)
    }
  }

  private mutating func claimed(_ task: ActivityTask) {
    require(rows[task.key] != nil, "\(Self.name(task.key)) was claimed, but no turn scheduled it.")
    rows[task.key] = .some(task.claim)
    if let claim = task.claim { committedRuns.insert(Run(key: task.key, claim: claim)) }
  }

  mutating func addRow(_ task: ActivityTask) {
    rows[task.key] = .some(task.claim)
    if let claim = task.claim { committedRuns.insert(Run(key: task.key, claim: claim)) }
  }

  mutating func takeRow(_ key: ActivityKey, _ claim: ActivityClaim) {
    require(
      rows[key] == .some(claim),
      "A result of \(Self.name(key)) was taken under a claim that is not the one of its row.")
    rows[key] = nil
  }

  mutating func dropRow(_ key: ActivityKey) { rows[key] = nil }

  /// A host begins an activity.
  ///
  /// - node: the number of the simulated node.
  mutating func began(_ task: ActivityTask, node: Int) {
    let run = task.claim.map { Run(key: task.key, claim: $0) }
    require(
      run.map { committedRuns.contains($0) } == true,
      "\(Self.name(task.key)) ran before its claim was in the store.")
    if let place = runPlaces[task.key] {
      runs[place].nodes.append(node)
    } else {
      runPlaces[task.key] = runs.count
      runs.append((task.key, [node]))
    }
  }

  static func name(_ key: ActivityKey) -> String {
    "Activity \(key.action) of '\(key.instance)' execution \(key.execution)"
  }

  mutating func change(_ instance: InstanceID, _ body: (inout Life) -> Void) {
    if let place = places[instance] { body(&lives[place]) }
  }
}
