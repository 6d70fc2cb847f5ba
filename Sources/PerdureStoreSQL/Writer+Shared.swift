internal import PerdureModel
internal import PerdureStore

/// A group that is written while others are (`docs/decisions/0019-shared-groups.md`).
///
/// Before it looks at anything of an instance it has locked its row, and whatever belongs to an instance is
/// written by nobody else meanwhile. What cannot keep to that gives the group up: it then runs once more, alone.
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

  /// Locks the rows of these instances until the end of the transaction, and notes them in `foresight` as
  /// they are by then: whoever had them before us has committed.
  func lock(_ instances: [InstanceID]) throws(StoreError) {
    if instances.isEmpty { return }
    for instance in instances {
      foresight.add(instance, nil)
      shared?.locked[ExactText(instance)] = false
    }
    let statement = try rare.statement(Self.locking)
    statement.bind(1, Self.array(instances))
    defer { statement.reset() }
    while try statement.step() {
      let instance = statement.text(12)
      foresight.add(instance, instanceRow(statement))
      shared?.locked[ExactText(instance)] = true
    }
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
    return try rare.statement(WriterStatements.insertNewInstance, .inserting(key: "pk"))
  }

  /// What a claim locks row by row as it takes them: what others have locked is left to them, who tell when
  /// they have committed.
  ///
  /// - Parameter tables: the first is locked first; none: there is only one.
  func claiming(_ tables: String...) -> String {
    guard isShared else { return "" }
    if tables.isEmpty { return " FOR NO KEY UPDATE SKIP LOCKED" }
    return tables.map { " FOR NO KEY UPDATE OF \($0) SKIP LOCKED" }.joined()
  }

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

  /// Everybody locks in this order. The rows are as they are when they are locked.
  private static let locking = """
    SELECT pk, revision, status, execution, event_count, inbox_count, owner, used, parent, created_at,
      orchestration, version, id
    FROM instances WHERE id = ANY(CAST(?1 AS TEXT[])) ORDER BY id FOR NO KEY UPDATE
    """

  /// Texts as an array of PostgreSQL.
  private static func array(_ texts: [String]) -> [UInt8] {
    var bytes = [UInt8(ascii: "{")]
    for text in texts {
      if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
      bytes.append(UInt8(ascii: "\""))
      for byte in text.utf8 {
        if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { bytes.append(UInt8(ascii: "\\")) }
        bytes.append(byte)
      }
      bytes.append(UInt8(ascii: "\""))
    }
    bytes.append(UInt8(ascii: "}"))
    return bytes
  }
}
