import PerdureModel

/// A healed world comes to rest, and then to its end.
extension World {
  /// How long nothing may land while somebody still has work.
  private static let patienceMS: Int64 = 75_000
  private static let roundsMax = 40

  /// Looks whether the healed world is at rest, and sends what is awaited then.
  func look() {
    after(200, .look)
    switch phase {
    case .hostile, .over: return
    case .healing(let rounds): settle(rounds)
    case .idle(let since, let entries, let reads):
      guard now - since > 20_000 else { return }
      let count = entriesWritten - entries
      let nodes = processes.filter { $0.isAlive }.reduce(0) { $0 + $1.nodes.count }
      watch.require(
        count <= 20 * 10 * nodes, "\(nodes) idle nodes wrote \(count) entries in 20 seconds.")
      let looks = readsDone - reads
      watch.require(looks <= 20 * 10 * nodes, "\(nodes) idle nodes read \(looks) times in 20 seconds.")
      let acknowledged = Set(clients.flatMap { $0.acknowledged.map { $0.data } })
      watch.checkEnd(programs: programs, plan: plan, store: store, acknowledged: acknowledged) { number in
        self.nodes[number].isExcused
      }
      phase = .over
    }
  }

  /// Times that one clock has named are waited for by others.
  private var patience: Int64 {
    let offsets = processes.map { $0.clockOffset } + [0]
    return Self.patienceMS + (offsets.max() ?? 0) - (offsets.min() ?? 0)
  }

  private func settle(_ rounds: Int) {
    guard clients.allSatisfy({ $0.isDone }), now - lastLanding > 100 else { return }
    for life in watch.lives where !life.isGone {
      guard let stall = watch.stall(life) else { continue }
      return watch.require(now - lastLanding < patience, "Nothing goes on any more: \(stall).")
    }
    for client in clients {
      for message in client.acknowledged { watch.checkArrived(message.instance, message.data) }
    }
    let open = watch.lives.filter { !$0.status.isTerminal && !$0.isGone }
    if open.isEmpty {
      phase = .idle(since: now, entries: entriesWritten, reads: readsDone)
      return
    }
    watch.require(rounds < Self.roundsMax, "'\(open[0].start.instance)' does not end.")
    phase = .healing(rounds: rounds + 1)
    trace.note(now, "round", "", Int64(rounds))
    clients.append(SimClient(calls: open.flatMap { calls(for: $0, rounds) }))
    after(0, .clientActs(clients.count - 1))
  }

  /// What an instance at rest waits for.
  private func calls(for life: Watch.Life, _ rounds: Int) -> [SimClient.Call] {
    let instance = life.start.instance
    if life.status == .suspended { return [.control(.named(instance), .resume)] }
    if life.status == .quarantined {
      damaged.remove(instance)
      return [.control(.named(instance), .retry)]
    }
    if rounds >= Self.roundsMax / 2, watch.isTop(life), !life.isCancelAsked {
      return [.cancel(.named(instance), graceMS: nil)]
    }
    return watch.awaited(life).enumerated().compactMap { number, awaited in
      guard let index = Int(awaited.name.dropFirst()) else { return nil }
      switch awaited.channel {
      case .event, .queue: return .raise(instance, awaited.channel, name: index, isKept: false)
      case .topic: return .publish(topic: index)
      case .call: return .call(instance, id: "late-\(rounds * 100 + number)", name: index)
      }
    }
  }
}
