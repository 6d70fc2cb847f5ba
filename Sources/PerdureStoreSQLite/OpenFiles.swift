internal import PerdureStore

/// Database and log as they were when the store was opened.
final class OpenFiles {
  private let path: String
  private let identities: [(path: String, isLog: Bool, identity: FileIdentity)]
  /// They are not those any more.
  var replaced: StoreError?

  init(_ connection: SQLiteConnection) throws(StoreError) {
    path = connection.path
    let file = connection.file
    // The log exists from here on, and stays the same file for as long as we are connected.
    var identities: [(path: String, isLog: Bool, identity: FileIdentity)] = []
    for (path, isLog) in [(file, false), (file + "-wal", true)] {
      if let identity = try FileIdentity.find(path, of: connection.path, canBeEmpty: isLog) {
        identities.append((path, isLog, identity))
      }
    }
    self.identities = identities
    let hasMoved = try connection.hasMoved()
    guard identities.count == 2, !hasMoved else {
      throw StoreError(.replaced, "The store \(path) was removed while it was being opened.")
    }
  }

  func refuseReplaced() throws(StoreError) {
    if let replaced { throw replaced }
  }

  /// After COMMIT and before anybody is told: what was written must be in the files that the names lead to.
  /// Throws `.replaced`; `.io` if that cannot be seen now: then nobody is told, and asks what is stored.
  func check() throws(StoreError) {
    try refuseReplaced()
    for (path, isLog, identity) in identities {
      let found = try FileIdentity.find(path, of: self.path, canBeEmpty: isLog)
      if found == identity { continue }
      let error = StoreError(
        .replaced,
        "The store \(self.path) was deleted or replaced while open (\(path) is "
          + "\(found == nil ? "gone" : "another file now")): nothing more is acknowledged, open it anew.")
      replaced = error
      throw error
    }
  }
}
