import PerdureDispatch
import PerdureModel

/// Processes come, pause, stop and die.
extension World {
  /// - isWhole: its node serves everything.
  func openProcess(isWhole: Bool) {
    let process = SimProcess(number: processes.count, wallOffset: wallOffset, skew: skew())
    process.runsSince = now
    processes.append(process)
    reap()
    for _ in 0..<(isWhole || random.chance(700) ? 1 : 2) { addNode(to: process, isWhole: isWhole) }
    heap.add(.net(process), at: now + random.delay(1...Int(Self.netMS)))
    trace.note(now, "open", "", Int64(process.number), Int64(process.nodes.count))
  }

  func openClientProcess() {
    processes.append(SimProcess(number: processes.count, wallOffset: wallOffset, skew: skew()))
  }

  /// Machines agree on the time more or less, or not at all.
  private func skew() -> Int64 {
    fails(.skewedClock) ? random.delay(0...120_000) - 60_000 : random.delay(0...400) - 200
  }

  private func addNode(to process: SimProcess, isWhole: Bool) {
    let registry = makeRegistry(isWhole: isWhole)
    let filter = ActivityFilter(
      names: registry.activities, tags: isWhole || random.chance(500) ? [Work.rareTag] : [],
      takesUntagged: isWhole || random.chance(930), sessionsMax: isWhole ? 10 : random.below(4),
      sessionIdleMS: random.delay(500...3_000))
    let service = NodeService(
      orchestrations: registry.orchestrations, activities: registry.activities, tags: filter.tags,
      takesUntagged: filter.takesUntagged)
    let id = store.join(serving: service)
    var settings = DispatchSettings(
      node: id, activitySlots: isWhole ? random.within(2...4) : random.within(1...4),
      cacheIsOn: !random.chance(150), cachedInstances: random.chance(400) ? random.below(3) : 100)
    settings.filter = filter
    settings.activityGraceMS = random.delay(0...1_500)
    settings.failsNondeterminism = random.chance(100)
    let host = Host(programs: programs, capacity: random.chance(300) ? random.below(3) : 100)
    let node = SimNode(
      number: nodes.count, id: id, process: process, registry: registry, settings: settings, service: service,
      host: host)
    if mutation == .freeSlotsEarly {
      settings.activityGraceMS = 0
      node.dispatcher = Dispatcher(settings: settings, registry: registry)
    }
    nodes.append(node)
    process.nodes.append(node)
    add(.start, to: node)
  }

  private func makeRegistry(isWhole: Bool) -> Registry {
    var registry = Registry()
    for index in programs.indices where isWhole || random.chance(850) {
      _ = registry.addOrchestration(Program.name(index), version: .first)
    }
    for kind in Work.Kind.allCases where isWhole || random.chance(kind == .rare ? 400 : 900) {
      _ = registry.addActivity(kind.rawValue)
      if let limits = plan.limits[kind.rawValue] { registry.limit(kind.rawValue, limits) }
    }
    return registry
  }

  // MARK: Faults

  func scheduleProcessFault() { after(random.delay(100...2_000), .processFault) }

  func processFault() {
    guard isHostile else { return }
    scheduleProcessFault()
    let candidates = processes.filter { $0.isAlive && !$0.isPaused && !$0.nodes.isEmpty }
    guard let process = random.pick(candidates), let kind = faults.processFault() else { return }
    troubleAt = now
    switch kind {
    case .kill: kill(process)
    case .pause: pause(process)
    case .stop: stop(process)
    case .fullDisk:
      diskIsFullUntil = now + random.delay(200...9_000)
      trace.note(now, "full", "", diskIsFullUntil)
    case .damagedRow:
      guard let life = random.pick(watch.lives.filter { !$0.isGone && !$0.status.isTerminal }) else { return }
      damaged.insert(life.start.instance)
      watch.damaged.insert(life.start.instance)
      trace.note(now, "damage", life.start.instance)
    case .partition: cutOff(process)
    default: moveClock(of: process, isBack: kind == .clockBack)
    }
  }

  /// The clock of a machine, or of all, is set. Engines that run never go back; those that are opened later
  /// begin there.
  private func moveClock(of process: SimProcess, isBack: Bool) {
    let length = random.chance(300) ? random.delay(4_000...60_000) : random.delay(100...4_000)
    let jump = isBack ? -length : length
    trace.note(now, "jump", "", Int64(process.number), jump)
    if random.chance(500) {
      process.skew += jump
    } else {
      wallOffset += jump
    }
    for other in processes where other.isAlive {
      let before = other.clockOffset
      other.clockMoved(wallOffset: wallOffset)
      guard other.clockOffset != before else { continue }
      for node in other.nodes { add(.storeChanged(byOthers: false), to: node) }
    }
  }

  /// Everything in its memory is gone. A commit under way has reached the disk or has not.
  ///
  /// - landing: whether the commit may have; nil: chance decides.
  func kill(_ process: SimProcess, landing: Bool? = nil) {
    guard process.isAlive else { return }
    trace.note(now, "kill", "", Int64(process.number))
    if let group = process.group, group.outcomes.isEmpty, group.fault == .none, landing ?? random.chance(500)
    {
      applyGroup(process)
    }
    process.isAlive = false
    for node in process.nodes {
      node.isExcused = true
      fell(node)
    }
    for job in process.unansweredJobs { answered(job, nil) }
    troubleAt = now
    if isHostile || faults.isForcing, !process.nodes.isEmpty { after(random.delay(50...3_000), .restarts) }
  }

  /// A turn ends its process: a step towards the end of such instances, and counted as one.
  func ends(_ process: SimProcess) {
    kill(process)
    if !isHostile, !faults.isForcing { after(random.delay(50...3_000), .restarts) }
    lastLanding = now
  }

  private func pause(_ process: SimProcess) {
    process.isPaused = true
    for node in process.nodes { node.isExcused = true }
    let length = random.delay(100...7_000)
    trace.note(now, "pause", "", Int64(process.number), length)
    if length > Self.leaseMS, !plan.detectsByLock { after(Self.leaseMS, .declaredDead(process)) }
    after(length, .resumes(process))
  }

  func fell(_ node: SimNode) {
    store.fell(node.id)
    if fallenAt[node.id] == nil { fallenAt[node.id] = now }
  }

  /// A process that runs notices within its net, and a second, that a node is gone.
  func checkLeases(_ process: SimProcess) {
    let since = now - Self.netMS - 1_000
    guard process.seesOthers, process.runsSince < since,
      process.nodes.contains(where: { !$0.isStopping && !$0.isStopped })
    else {
      return
    }
    let late = fallenAt.filter { $0.value < since }.keys.min()
    watch.require(late == nil, "Node \(late ?? 0) is gone, and nobody noticed in time.")
  }

  /// Others take it for dead, though it only sleeps.
  func declareDead(_ process: SimProcess) {
    guard process.isAlive, process.isPaused else { return }
    process.isZombie = true
    for node in process.nodes { fell(node) }
  }

  func resume(_ process: SimProcess) {
    guard process.isAlive, process.isPaused else { return }
    trace.note(now, "resume", "", Int64(process.number))
    process.isPaused = false
    process.runsSince = now
    for (index, happening) in process.deferred.enumerated() { after(Int64(index), happening) }
    process.deferred = []
    guard process.isZombie else { return }
    // Where nodes can be away, this is another way to come back.
    if plan.rate(.partition) > 0, partitions.chance(700) {
      after(partitions.delay(0...1_000), .showsSign(process))
    } else {
      after(random.delay(0...4_000), .zombieEnds(process))
    }
  }

  private func stop(_ process: SimProcess) {
    let grace = random.delay(0...3_000)
    trace.note(now, "stop", "", Int64(process.number), grace)
    for node in process.nodes where !node.isStopping {
      node.isStopping = true
      add(.stop(graceMS: grace), to: node)
    }
    after(random.delay(50...3_000), .restarts)
  }

  func stopped(_ node: SimNode) {
    trace.note(now, "stopped", "", node.id)
    node.isStopped = true
    // What outlived the grace runs again elsewhere, and so does what could not be written until then.
    let hasFailed = node.failedAt.map { now - $0 < 5_000 } ?? false
    if hasFailed || !node.running.isEmpty || node.inputs.contains(where: { $0.isResult }) {
      node.isExcused = true
    }
    node.process.nodes.removeAll { $0 === node }
    leave(node)
    for other in node.process.nodes { add(.storeChanged(byOthers: false), to: other) }
  }

  /// A host says nothing any more. Somebody ends its process sooner or later.
  func giveUp(_ process: SimProcess) {
    trace.note(now, "mute", "", Int64(process.number))
    process.isMute = true
    after(random.delay(500...6_000), .givenUp(process))
  }

  /// The end of all trouble: whoever sleeps, says nothing or pretends to live is gone, and one node serves
  /// everything.
  func heal() {
    isHostile = false
    troubleAt = now
    diskIsFullUntil = 0
    trace.note(now, "heal")
    for process in processes where process.isAlive && process.isUnwell { kill(process) }
    for process in processes where process.isAlive { mendNow(process) }
    openProcess(isWhole: true)
    phase = .healing(rounds: 0)
    lastLanding = now
    after(200, .look)
  }
}
