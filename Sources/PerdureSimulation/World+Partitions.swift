import PerdureDispatch
import PerdureModel

/// What does not get through between a process and the store, for a while.
struct Cut {
  enum Way: String, CaseIterable {
    /// Nothing gets through.
    case all
    /// What is written lands, signs of life too. Answers do not come back.
    case answers
    /// Of what is written some lands. Neither answers nor signs of life get through.
    case most
    /// Signs of life do not, nor does news of what others write.
    case signs
  }

  let number: Int
  let way: Way
  let until: Int64
  /// How long a call waits for its answer before it fails.
  let patienceMS: Int64

  /// Calls get no answer.
  var isDeaf: Bool { way != .signs }
}

/// Processes that do not reach the store, and come back. All chance in here is of the stream `partitions`.
///
///     reached -> cut -> reached, and its sign of life is seen again
///                cut -> lapsed: others go on with its work -> reached -> back: its nodes are known again
extension World {
  func cutOff(_ process: SimProcess) {
    guard process.cut == nil else { return }
    let length =
      partitions.chance(600)
      ? partitions.delay(Int(Self.leaseMS)...9_000) : partitions.delay(50...Int(Self.leaseMS))
    let way = partitions.pick(Cut.Way.allCases) ?? .all
    cuts += 1
    process.cut = Cut(
      number: cuts, way: way, until: now + length,
      patienceMS: partitions.chance(500) ? 0 : partitions.delay(200...5_000))
    troubleAt = now
    trace.note(now, "cut", way.rawValue, Int64(process.number), length)
    // The last sign of life that came was shown some time ago.
    let silence = Self.leaseMS - partitions.delay(0...Int(Self.leaseMS / 3))
    if way != .answers, !plan.detectsByLock, silence < length { after(silence, .lapses(process, cuts)) }
    after(length, .mends(process, cuts))
  }

  /// Its lease is over: others may take over what it has.
  func lapse(_ process: SimProcess, _ cut: Int) {
    guard process.isAlive, process.cut?.number == cut else { return }
    trace.note(now, "lapse", "", Int64(process.number))
    process.isSilent = true
    for node in process.nodes {
      node.isExcused = true
      fell(node)
    }
  }

  /// Everything gets through again.
  func mend(_ process: SimProcess, _ cut: Int) {
    guard process.isAlive, process.cut?.number == cut else { return }
    trace.note(now, "mend", "", Int64(process.number))
    process.cut = nil
    troubleAt = now
    after(partitions.delay(0...1_000), .showsSign(process))
  }

  func mendNow(_ process: SimProcess) {
    if let cut = process.cut { mend(process, cut.number) }
  }

  /// Whoever took its nodes for dead meanwhile knows them again.
  func showSign(_ process: SimProcess) {
    guard process.cut == nil else { return }
    process.isSilent = false
    process.isZombie = false
    process.isDeaf = mutation == .comeBackDeaf
    process.runsSince = now
    troubleAt = now
    for node in process.nodes {
      fallenAt[node.id] = nil
      if store.showsSign(node.id, serving: node.service) {
        trace.note(now, "back", "", node.id)
        watch.nodeIsBack(node.id)
      }
      if !process.isDeaf { add(.storeChanged(byOthers: true), to: node) }
      let lost = node.running.filter { !$1.isCancelled && !watch.holds($0) }.map { $0.key }
      if !lost.isEmpty { after(1_000, .looksBack(node, lost)) }
    }
  }

  /// What a node lost while it was away is told to end soon after it is back.
  ///
  /// - lost: what ran there a second ago under claims that were others' by then.
  func checkReturn(_ node: SimNode, _ lost: [ClaimedActivity]) {
    let hasFailed = node.readFailedAt.map { $0 >= now - 1_000 } ?? false
    // A read that was held up by a cut which was mended early keeps the others waiting.
    let hasRead = node.readerIsFreeAt <= now
    let process = node.process
    guard !hasFailed, hasRead, process.seesOthers, process.runsSince <= now - 1_000, !node.isStopping
    else { return }
    let left = lost.first { claimed in
      node.running[claimed].map { !$0.isCancelled && !$0.isDone } ?? false
    }
    watch.require(
      left == nil,
      "Node \(node.id) runs \(left.map { Watch.name($0.key) } ?? ""), which it lost while it was away.")
  }

  /// A node leaves: or cannot say so, and is found to be gone later.
  func leave(_ node: SimNode) {
    if let way = node.process.cut?.way, way == .all || way == .most { return fell(node) }
    store.leave(node.id)
    watch.nodeIsGone(node.id)
    fallenAt[node.id] = nil
  }

  // MARK: Calls

  /// The group is not at the store yet, or never gets there.
  func isHeldUp(_ process: SimProcess, _ group: SimProcess.Group) -> Bool {
    guard let cut = process.cut, cut.isDeaf, group.fault == .none || group.fault == .torn else {
      return false
    }
    if cut.way == .answers || (cut.way == .most && partitions.chance(500)) { return false }
    // It goes on as if nothing had been, though others may have gone on meanwhile.
    delay(process, cut, .groupApplies(process))
    return true
  }

  /// The answer of the store does not come, or not yet.
  func isAnswerLost(_ process: SimProcess, _ group: SimProcess.Group) -> Bool {
    guard let cut = process.cut, cut.isDeaf, group.fault == .none || group.fault == .torn else {
      return false
    }
    delay(process, cut, .groupAnswers(process))
    return true
  }

  /// What is to happen with the group does when all gets through again, unless its process gives up before.
  private func delay(_ process: SimProcess, _ cut: Cut, _ next: Happening) {
    if waits(cut) {
      heap.add(next, at: cut.until + partitions.delay(0...200))
    } else {
      process.group?.fault = .cut
      after(cut.patienceMS + partitions.delay(1...20), .groupAnswers(process))
    }
  }

  /// The read is not answered, or not yet.
  func isHeldUp(_ read: Read, _ node: SimNode) -> Bool {
    guard let cut = node.process.cut, cut.isDeaf else { return false }
    let isLate = waits(cut)
    let over = (isLate ? cut.until : now + cut.patienceMS) + partitions.delay(0...20)
    let at = max(over, node.readerIsFreeAt)
    node.readerIsFreeAt = at + 1
    let end: Happening = isLate ? .readTaken(node, read) : .answered(node, answer(read, node, isFailed: true))
    heap.add(end, at: at)
    return true
  }

  /// A call that is made now is still waited for when the cut is over.
  private func waits(_ cut: Cut) -> Bool { cut.until - now <= cut.patienceMS }
}
