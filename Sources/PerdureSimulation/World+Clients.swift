import PerdureModel
import PerdureStore

/// Somebody outside who does one call after the other.
struct SimClient {
  enum Target {
    case named(InstanceID)
    /// Whoever is there when the call is made, children too.
    case any
  }

  enum Call {
    case start(InstanceID, program: Int, StartOptions, delayMS: Int64)
    case raise(InstanceID, Channel, name: Int, isKept: Bool)
    case publish(topic: Int)
    case call(InstanceID, id: String, name: Int)
    case cancel(Target, graceMS: Int64?)
    case control(Target, ControlVerb)
    case retain(RetentionRule)
    /// The next attempt of whatever activity is pending when the call is made.
    case retryActivity
    /// An operator ends whatever activity is pending then.
    case endActivity(isFailure: Bool)
    case delete(Target, force: Bool)
    case prune(Target, keep: Int64)
    /// Back to the event at about this share of the history, in percent; nil: before the failed step.
    case reset(Target, percent: Int?)
    /// So many messages at once.
    case flood(InstanceID, name: Int, count: Int)
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
    func add(_ call: SimClient.Call) { clients[random.below(count)].calls.append(call) }
    for root in 0..<roots {
      let program = random.below(programs.count)
      if random.chance(150) { addMessage(to: root, isKept: true, add) }
      add(start(root, program))
      // Two clients that want the same: one of them is told.
      if random.chance(200) { add(start(root, program)) }
    }
    for _ in 0..<random.below(roots * 5) {
      addMessage(to: random.below(roots), isKept: random.chance(100), add)
    }
    for root in 0..<roots {
      if random.chance(120) { add(.cancel(.named(Program.root(root)), graceMS: grace())) }
      if random.chance(100) { add(start(root, random.below(programs.count), mayReplace: true)) }
    }
    for _ in 0..<random.below(roots * 2) {
      let target = random.chance(600) ? SimClient.Target.any : .named(Program.root(random.below(roots)))
      switch random.below(14) {
      case 0..<4:
        add(.control(target, .suspend))
        if random.chance(600) { add(.control(target, .resume)) }
      case 10: add(.delete(target, force: random.chance(600)))
      case 11: add(.prune(target, keep: random.delay(1...2)))
      case 12: add(.endActivity(isFailure: random.chance(300)))
      case 13: add(.reset(target, percent: random.chance(300) ? nil : random.within(0...100)))
      case 4..<6: add(.control(target, .terminate))
      case 6: add(.control(target, .retry))
      case 7 where random.chance(300): add(.retryActivity)
      case 7: add(.control(target, random.chance(500) ? .resume : .requeue))
      default: add(.cancel(target, graceMS: grace()))
      }
    }
    if random.chance(200) {
      let name = random.chance(500) ? RetentionRule.others : Program.name(random.below(programs.count))
      add(.retain(RetentionRule(orchestration: name, keepMS: random.delay(0...60_000))))
    }
    if fails(.flood) {
      let channel = random.below(3)
      add(.flood(Program.root(random.below(roots)), name: channel, count: random.within(20...150)))
    }
    for client in clients.indices { after(random.delay(0...200), .clientActs(client)) }
  }

  private func grace() -> Int64? { random.chance(600) ? random.delay(0...2_500) : nil }

  private func start(_ root: Int, _ program: Int, mayReplace: Bool = false) -> SimClient.Call {
    var options = StartOptions()
    if random.chance(250) { options.policy = .useExisting }
    if mayReplace { options.policy = random.chance(600) ? .terminateAndRestart : .restartIfFinished }
    if random.chance(200) { options.priority = random.delay(0...4) - 2 }
    if random.chance(150) { options.dedupKey = "d\(random.below(3))" }
    if random.chance(200) { options.attributes = Payload("{\"root\":\"\(root)\"}") }
    let delay = random.chance(200) ? random.delay(100...5_000) : 0
    return .start(Program.root(root), program: program, options, delayMS: delay)
  }

  private func addMessage(to root: Int, isKept: Bool, _ add: (SimClient.Call) -> Void) {
    let target = random.chance(900) ? Program.root(root) : Program.sharedInstance(random.below(2))
    switch random.below(10) {
    case 0..<2: add(.publish(topic: random.below(3)))
    case 2..<4:
      let id = "call-\(random.below(1_000))"
      let name = random.below(3)
      add(.call(target, id: id, name: name))
      // Made again, perhaps before the first one is answered.
      if random.chance(300) { add(.call(target, id: id, name: name)) }
    default: add(.raise(target, random.chance(500) ? .event : .queue, name: random.below(3), isKept: isKept))
    }
  }

  // MARK: Acting

  func act(_ client: Int) {
    guard clients[client].next < clients[client].calls.count else { return }
    let alive = processes.filter { $0.isAlive && !$0.isPaused }
    guard let process = random.pick(alive) else { return after(200, .clientActs(client)) }
    let call = clients[client].calls[clients[client].next]
    if case .flood(let instance, let name, let count) = call {
      flood(instance, name, count, client, process)
      return clientAnswered(client, nil)
    }
    guard let entry = entry(for: call, client, process) else { return clientAnswered(client, nil) }
    if mutation == .acknowledgeEarly, case .post(let message, _) = entry, fails(.failBefore) {
      // The answer is out, and then the write never happens.
      return clientAnswered(client, .success(.posted(Delivery.early(message))))
    }
    submit(SimProcess.Job(entry: entry, origin: .client(client), clock: clock(process)), to: process)
  }

  /// nil: there is nothing to do it to.
  private func entry(for call: SimClient.Call, _ client: Int, _ process: SimProcess) -> StoreEntry? {
    let now = clock(process)
    // A sender's messages keep their order as long as they go through one process.
    let data = Payload("\"c\(client)p\(process.number)-\(clients[client].next)\"")
    switch call {
    case .start(let instance, let program, let options, let delayMS):
      var options = options
      if delayMS > 0 { options.startAt = now + delayMS }
      let start = InstanceStart(
        instance: instance, orchestration: Program.name(program), input: ProgramInput().payload,
        options: options)
      let owners = delayMS > 0 ? [] : process.nodes.filter { $0.accepts(start) }
      return .start(start, owner: random.pick(owners)?.id, now: now)
    case .raise(let instance, let channel, let name, let isKept):
      let kind = MessageKind.raised(channel: channel, name: Program.messageName(name), data: data)
      return .post(OutgoingMessage(to: instance, kind: kind, isKept: isKept), now: now)
    case .publish(let topic):
      return .publish(Publication(topic: Program.messageName(topic), data: data), now: now)
    case .call(let instance, let id, let name):
      let kind = MessageKind.call(id: id, name: Program.messageName(name), input: data)
      return .post(OutgoingMessage(to: instance, kind: kind), now: now)
    case .flood: return nil
    default: return management(call, client, now)
    }
  }

  /// - outcome: nil when nobody knows: the process died, or the store failed.
  func clientAnswered(_ client: Int, _ outcome: StoreOutcome?) {
    let number = clients[client].next
    let call = clients[client].calls[number]
    trace.note(now, "answer", "", Int64(client), Int64(number))
    var isRepeated = false
    switch (call, outcome) {
    case (.start(let instance, _, _, _), .success(.existing(let other, _))?):
      watch.require(
        watch.hasBeen(other), "A start of '\(instance)' came to '\(other)', which is not there.")
    case (.start(let instance, _, _, _), .success?),
      (.start(let instance, _, _, _), .failure(.alreadyExists)?):
      watch.require(
        watch.hasBeen(instance), "The start of '\(instance)' was acknowledged and never landed.")
    case (.start, nil), (.control, nil), (.call, nil), (.retain, nil), (.delete, nil): isRepeated = true
    case (.raise(let instance, _, _, _), .success(.posted(let delivery))?),
      (.call(let instance, _, _), .success(.posted(let delivery))?):
      if let data = delivery.message.kind.data { clients[client].acknowledged.append((instance, data)) }
    default: break
    }
    if !isRepeated { clients[client].next += 1 }
    after(random.delay(0...900), .clientActs(client))
  }
}

extension MessageKind {
  /// What tells a message of a client apart from all others.
  var data: Payload? {
    switch self {
    case .raised(_, _, let data), .call(_, _, let data): data
    default: nil
    }
  }
}

extension Delivery {
  /// An answer that nothing stands behind.
  static func early(_ message: OutgoingMessage) -> Delivery {
    Delivery(instance: message.to, message: InboxMessage(sequence: 0, kind: message.kind), owner: nil)
  }
}
