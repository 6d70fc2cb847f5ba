import PerdureModel
import PerdureStore

/// Somebody outside who starts instances and sends messages, one call after the other.
struct SimClient {
  enum Call {
    case start(InstanceID, program: Int)
    case raise(InstanceID, Channel, name: Int)
    case cancel(InstanceID)
  }

  var calls: [Call]
  var next = 0
  /// Messages that were acknowledged.
  var acknowledged: [(instance: InstanceID, data: Payload)] = []
  var isDone: Bool { next >= calls.count }
}

extension World {
  func makeClients() {
    let roots = random.within(3...7)
    let count = random.within(1...3)
    clients = Array(repeating: SimClient(calls: []), count: count)
    for root in 0..<roots {
      let program = random.below(programs.count)
      let instance = "i\(root)"
      clients[random.below(count)].calls.append(.start(instance, program: program))
      // Two clients that want the same: one of them is told.
      if random.chance(150) { clients[random.below(count)].calls.append(.start(instance, program: program)) }
    }
    for _ in 0..<random.below(roots * 4) {
      let target = random.chance(900) ? "i\(random.below(roots))" : Program.sharedInstance(random.below(2))
      let channel: Channel = random.chance(500) ? .event : .queue
      clients[random.below(count)].calls.append(.raise(target, channel, name: random.below(3)))
    }
    for root in 0..<roots where random.chance(120) {
      clients[random.below(count)].calls.append(.cancel("i\(root)"))
    }
    for client in clients.indices { after(random.delay(0...200), .clientActs(client)) }
  }

  func act(_ client: Int) {
    guard clients[client].next < clients[client].calls.count else { return }
    let alive = processes.filter { $0.isAlive && !$0.isPaused }
    guard let process = random.pick(alive) else { return after(200, .clientActs(client)) }
    let entry = entry(for: clients[client].calls[clients[client].next], client, process)
    if mutation == .acknowledgeEarly, case .post(let message, _) = entry, fails(.failBefore) || fails(.kill) {
      // The answer is out, and then the write never happens.
      return clientAnswered(client, .success(.posted(Delivery.early(message))))
    }
    submit(SimProcess.Job(entry: entry, origin: .client(client)), to: process)
  }

  private func entry(for call: SimClient.Call, _ client: Int, _ process: SimProcess) -> StoreEntry {
    switch call {
    case .start(let instance, let program):
      let name = Program.name(program)
      let start = InstanceStart(
        instance: instance, orchestration: name, version: nil, input: ProgramInput().payload)
      let owners = process.nodes.filter { $0.accepts(start) }
      return .start(start, owner: random.pick(owners)?.id, now: now)
    case .raise(let instance, let channel, let name):
      // A sender's messages keep their order as long as they go through one process.
      let data = Payload("\"c\(client)p\(process.number)-\(clients[client].next)\"")
      let kind = MessageKind.raised(channel: channel, name: Program.messageName(name), data: data)
      return .post(OutgoingMessage(to: instance, kind: kind), now: now)
    case .cancel(let instance):
      return .post(OutgoingMessage(to: instance, kind: .cancel(reason: "a client said so")), now: now)
    }
  }

  /// - outcome: nil when nobody knows: the process died, or the store failed.
  func clientAnswered(_ client: Int, _ outcome: StoreOutcome?) {
    let number = clients[client].next
    let call = clients[client].calls[number]
    trace.note(now, "answer", "", Int64(client), Int64(number))
    var isRepeated = false
    switch (call, outcome) {
    case (.start(let instance, _), .success?), (.start(let instance, _), .failure(.alreadyExists)?):
      watch.require(
        watch.life(instance) != nil, "The start of '\(instance)' was acknowledged and never landed.")
    case (.start, _): isRepeated = true
    case (.raise(let instance, _, _), .success(.posted(let delivery))?):
      if case .raised(_, _, let data) = delivery.message.kind {
        clients[client].acknowledged.append((instance, data))
      }
    default: break
    }
    if !isRepeated { clients[client].next += 1 }
    after(random.delay(0...900), .clientActs(client))
  }
}

extension Delivery {
  /// An answer that nothing stands behind.
  fileprivate static func early(_ message: OutgoingMessage) -> Delivery {
    Delivery(instance: message.to, message: InboxMessage(sequence: 0, kind: message.kind), owner: nil)
  }
}

// MARK: - Coming to rest

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
    case .idle(let since, let entries):
      guard now - since > 20_000 else { return }
      let count = entriesWritten - entries
      let nodes = processes.filter { $0.isAlive }.reduce(0) { $0 + $1.nodes.count }
      watch.require(
        count <= 20 * 10 * nodes, "\(nodes) idle nodes wrote \(count) entries in 20 seconds.")
      let acknowledged = Set(clients.flatMap { $0.acknowledged.map { $0.data } })
      watch.checkEnd(programs: programs, store: store, acknowledged: acknowledged) { number in
        self.nodes[number].isExcused
      }
      phase = .over
    }
  }

  private func settle(_ rounds: Int) {
    guard clients.allSatisfy({ $0.isDone }), now - lastLanding > 100 else { return }
    for life in watch.lives {
      guard let stall = watch.stall(life) else { continue }
      return watch.require(now - lastLanding < Self.patienceMS, "Nothing goes on any more: \(stall).")
    }
    for client in clients {
      for message in client.acknowledged { watch.checkArrived(message.instance, message.data) }
    }
    let open = watch.lives.filter { !$0.status.isTerminal }
    if open.isEmpty {
      phase = .idle(since: now, entries: entriesWritten)
      return
    }
    watch.require(rounds < Self.roundsMax, "'\(open[0].start.instance)' does not end.")
    phase = .healing(rounds: rounds + 1)
    trace.note(now, "round", "", Int64(rounds))
    var calls: [SimClient.Call] = []
    for life in open {
      let instance = life.start.instance
      for (channel, name) in watch.awaited(life) {
        guard let index = Int(name.dropFirst()), rounds < Self.roundsMax / 2 else { continue }
        calls.append(.raise(instance, channel, name: index))
      }
      if rounds >= Self.roundsMax / 2, life.start.parent == nil { calls.append(.cancel(instance)) }
    }
    clients.append(SimClient(calls: calls))
    after(0, .clientActs(clients.count - 1))
  }
}
