internal import PerdureModel
internal import PerdureStore

extension Writer {
  /// The instance of a row that was just changed has this status and version now.
  ///
  /// - endedAt: if it has ended by that.
  func recount(
    _ row: InstanceRow, as status: InstanceStatus, _ version: String?, endedAt: TimestampMS? = nil
  ) {
    guard row.status != status || row.version.map(ExactText.init) != version.map(ExactText.init) else {
      return
    }
    tally.move(
      StatusTally.Kind(row.orchestration, row.version, row.status),
      to: StatusTally.Kind(row.orchestration, version, status), lifeMS: endedAt.map { $0 &- row.createdAt })
  }

  /// Adds what the transaction has changed to the counts that are stored.
  func writeTally() throws(StoreError) {
    var add = statements.addToCount
    var counts = tally.counts
    if isShared {
      // Who has the same share changes it in the same order.
      counts.sort { $0.kind.precedes($1.kind) }
      add = try rare.statement(WriterStatements.addToShare)
      add.bind(9, connection.share)
    }
    for (kind, count) in counts {
      add.bind(1, kind.orchestration.text)
      add.bind(2, kind.version?.text ?? "")
      add.bind(3, kind.status.rawValue)
      add.bind(4, count.instances)
      add.bind(5, count.lives.count)
      add.bind(6, count.lives.totalMS)
      add.bind(7, count.lives.leastMS)
      add.bind(8, count.lives.mostMS)
      try add.run()
    }
  }
}

extension StatusTally.Kind {
  /// In an order that all processes have.
  fileprivate func precedes(_ other: Self) -> Bool {
    key.lexicographicallyPrecedes(other.key)
  }

  private var key: [UInt8] {
    Array("\(orchestration.text)\u{0}\(version?.text ?? "")\u{0}\(status.rawValue)".utf8)
  }
}
