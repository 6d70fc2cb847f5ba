import PerdureDispatch
import PerdureModel
import PerdureStore

/// The reader thread of a node, as RuntimeReader is.
extension World {
  enum Read {
    case load(InstanceID)
    case inbox(InstanceID, after: MessageSequence)
    case claims([ActivityKey: ActivityClaim])
    case due
    case nextDue
  }

  func read(_ read: Read, _ node: SimNode) {
    let at = max(now, node.readerIsFreeAt) + random.delay(0...4)
    node.readerIsFreeAt = at + 1
    heap.add(.readTaken(node, read), at: at)
  }

  /// What was read is told a moment later; by then it may be old.
  func take(_ read: Read, _ node: SimNode) {
    if isHeldUp(read, node) { return }
    readsDone += 1
    let isFailed = fails(.failedRead) || isForced(.read) == .failedRead
    let input = answer(read, node, isFailed: isFailed)
    let at = max(now + random.delay(0...4), node.readerIsFreeAt)
    node.readerIsFreeAt = at + 1
    heap.add(.answered(node, input), at: at)
  }

  func answer(_ read: Read, _ node: SimNode, isFailed: Bool) -> NodeInput {
    if isFailed { node.readFailedAt = now }
    switch read {
    case .load(let instance):
      trace.note(now, "read", instance, node.id)
      if isFailed { return .loaded(instance, .failed("the disk is slow")) }
      let snapshot = store.load(instance)
      if let snapshot, damaged.contains(instance) {
        return .loaded(instance, .unreadable("a row is damaged", snapshot.description.revision))
      }
      if let snapshot { watch.read(snapshot) }
      return .loaded(instance, snapshot.map { .snapshot($0) } ?? .missing)
    case .inbox(let instance, let after):
      trace.note(now, "read", instance, node.id)
      if isFailed { return .loaded(instance, .failed("the disk is slow")) }
      return .foundMessages(instance, store.inbox(of: instance, after: after))
    case .claims(let claims):
      let asked = claims.map { ClaimedActivity(key: $0.key, claim: $0.value) }
      if isFailed { return .missed }
      let lost = store.lostClaims(of: asked)
      return .claimsLost(Dictionary(lost.map { ($0.key, $0.claim) }, uniquingKeysWith: { one, _ in one }))
    case .due:
      if mutation == .leaseByWallClock {
        for other in nodes where other.process.isAlive && clock(node) - clock(other) > Self.leaseMS {
          store.fell(other.id)
        }
      }
      if node.process.seesOthers, reap() > 0 {
        for other in node.process.nodes { add(.storeChanged(byOthers: false), to: other) }
      }
      return isFailed ? .missed : .foundDue(store.dueInstances(ownedBy: node.id, now: clock(node)))
    case .nextDue:
      let lookedAt = min(node.dispatcher.lookedAt, clock(node))
      return .nextDueFound(isFailed ? clock(node) + 1_000 : store.nextDue(after: lookedAt))
    }
  }

  /// Forgets nodes whose process is gone, by their own time: processes on one store agree on it.
  @discardableResult
  func reap() -> Int {
    let gone = store.reap { id in nodes.first { $0.id == id }.map { clock($0) } ?? now }
    for node in gone.nodes {
      let lives = nodes.contains { $0.id == node && $0.isRunning }
      watch.require(!lives, "Node \(node) was taken for dead, and lives.")
      watch.nodeIsGone(node)
      fallenAt[node] = nil
    }
    return gone.count
  }
}
