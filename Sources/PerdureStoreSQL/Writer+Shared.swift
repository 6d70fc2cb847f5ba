internal import PerdureModel
internal import PerdureStore

/// A group that is written while others are (`docs/decisions/0019-shared-groups.md`).
///
/// Before it looks at anything of an instance it has locked its row, and whatever belongs to an instance is
/// written by nobody else meanwhile. What cannot keep to that gives the group up: it then runs once more,
/// alone.
struct SharedGroup {
  /// Those whose rows were to be locked, and those it has made. False: there was none.
  fileprivate(set) var locked: [ExactText: Bool] = [:]
  fileprivate(set) var isGivenUp = false

  func holds(_ instance: InstanceID) -> Bool { locked[ExactText(instance)] == true }
}

extension StoreEntry {
  /// It may be written while others write, as far as it can be told from the entry alone.
  var mayShare: Bool {
    switch self {
    case .start(let start, _, _): start.options.dedupKey == nil
    case .turn(let commit):
      commit.hasNoExtras || commit.publications.isEmpty && commit.terminations.isEmpty
    case .post, .activityEnded, .activityRetry, .activityHeartbeat, .deferActivity, .completeActivity,
      .heartbeatByToken, .claimInstance, .claimInstances, .releaseInstances, .claimActivities,
      .releaseActivities, .expireActivities, .sweep:
      true
    default: false
    }
  }
}

extension Writer {
  var isShared: Bool { shared != nil }

  /// Whether the group that failed may land if nobody else writes.
  func mayLandAlone(_ error: StoreError) -> Bool {
    shared?.isGivenUp == true || connection.hasClashed || error.isConfinedToEntry
  }

  /// What follows is right only if nobody else writes: gives a shared group up.
  func mustBeAlone() throws(StoreError) {
    guard isShared else { return }
    shared?.isGivenUp = true
    throw StoreError(.busy, "The store \(connection.path) has more to look at than a shared group may.")
  }

  /// The row of an instance was looked at, and locked if the group is shared; nil: there is none.
  func noteForeseen(_ instance: InstanceID, _ row: InstanceRow?) {
    foresight.add(instance, row)
    shared?.locked[ExactText(instance)] = row != nil
  }

  /// The insert for an instance; nil if its id is taken. Of a shared group it fails as a whole if another
  /// takes the id at the same time.
  func insertion(of instance: InstanceID) throws(StoreError) -> Statement? {
    guard isShared else { return statements.insertInstance }
    guard let isTaken = shared?.locked[ExactText(instance)] else {
      try mustBeAlone()
      return nil
    }
    if isTaken { return nil }
    shared?.locked[ExactText(instance)] = true
    return try rare.statement(WriterStatements.insertNewInstance)
  }

  /// A claim locks row by row as it takes them: what others have locked is left to them, who tell when they
  /// have committed.
  static let claimingInstances = "FOR NO KEY UPDATE SKIP LOCKED"
  /// Of each activity its instance first: who has that has all its activities.
  static let claimingActivities = "FOR NO KEY UPDATE OF i SKIP LOCKED FOR NO KEY UPDATE OF a SKIP LOCKED"

  /// Others might have their hands on the rows that it would take each time that a claim comes by. So the
  /// fourth in a row that takes nothing, though there is something, waits until it is alone.
  ///
  /// - Parameters:
  ///   - count: how many rows the claim took.
  ///   - fruitless: how many claims took nothing.
  ///   - isOpen: whether there are rows to claim, others' hands or not.
  func claimed(
    _ count: Int, _ fruitless: inout Int, isOpen: () throws(StoreError) -> Bool
  ) throws(StoreError) {
    fruitless = isShared && count == 0 ? fruitless &+ 1 : 0
    guard fruitless > Self.fruitlessMax else { return }
    fruitless = 0
    if try isOpen() { try mustBeAlone() }
  }

  private static let fruitlessMax = 3
}
