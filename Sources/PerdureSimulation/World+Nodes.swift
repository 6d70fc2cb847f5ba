import PerdureDispatch
import PerdureModel
import PerdureStore

/// The engine thread of a node, as RuntimeEngine is: inputs to the dispatcher, its effects to the world.
extension World {
  func add(_ input: NodeInput, to node: SimNode) {
    guard !node.isStopped else { return }
    node.inputs.append(input)
    guard !node.isRunScheduled else { return }
    node.isRunScheduled = true
    after(random.delay(0...1), .nodeRuns(node))
  }

  func clock(_ node: SimNode) -> TimestampMS { clock(node.process) }

  func clock(_ process: SimProcess) -> TimestampMS { now + process.clockOffset }

  func runNode(_ node: SimNode) {
    node.isRunScheduled = false
    guard !node.isStopped else { return }
    let clock = clock(node)
    let haste: Int64 = mutation == .fireEarly ? 400 : 0
    if let due = node.dispatcher.nextDeadline, due <= clock + haste {
      node.dispatcher.tick(now: clock + haste)
    }
    let inputs = node.inputs
    node.inputs = []
    var effects = node.dispatcher.takeEffects()
    for input in inputs {
      handle(input, node, clock)
      effects += listen(node.dispatcher.takeEffects(), after: input, node)
    }
    noticeSpinning(node)
    perform(effects, of: node)
    guard node.process.isAlive, !node.isStopped, let deadline = node.dispatcher.nextDeadline else { return }
    let wakesAt = max(deadline - node.process.clockOffset - haste, now + (mutation == .fireLate ? 3_000 : 1))
    if node.wakesAt.map({ wakesAt < $0 || $0 <= now }) ?? true {
      node.wakesAt = wakesAt
      heap.add(.nodeWakes(node, wakesAt), at: wakesAt)
    }
  }

  private func handle(_ input: NodeInput, _ node: SimNode, _ now: TimestampMS) {
    switch input {
    case .start:
      node.dispatcher.start(now: now)
      node.dispatcher.sweepWanted(at: now + Limits.sweepPauseMS, now: now)
    case .sweep: node.dispatcher.sweepWanted(at: now, now: now)
    case .instanceStarted(let start, let createdAt):
      node.dispatcher.instanceStarted(start, createdAt: createdAt, now: now)
    case .instancesDeleted(let instances): node.dispatcher.instancesDeleted(instances, now: now)
    case .instanceChanged(let instance): node.dispatcher.instanceChanged(instance, now: now)
    case .checkClaims: node.dispatcher.checkClaims()
    case .messageStored(let instance, let message):
      node.dispatcher.messageStored(instance, message, now: now)
    case .storeChanged(let byOthers):
      node.dispatcher.storeChanged(now: now, byOthers: byOthers)
      if byOthers { node.dispatcher.sweepWanted(at: now + Limits.foreignSweepMS, now: now) }
    case .turnAnswered(let request, let answer):
      node.dispatcher.turnAnswered(request.turn, request.instance, answer, now: now)
    case .turnFailed(let request, let failure):
      node.dispatcher.turnFailed(request.turn, request.instance, failure, now: now)
    case .activityEnded(let attempt, let outcome):
      guard let claimed = claimed(attempt, node) else { return }
      node.running[claimed] = nil
      _ = node.dispatcher.activityEnded(claimed, outcome, now: now)
    case .activityDeferred(let attempt):
      guard let claimed = claimed(attempt, node) else { return }
      node.running[claimed] = nil
      _ = node.dispatcher.activityDeferred(claimed, now: now)
    case .activityBeat(let attempt, let details): beat(attempt, details, node, now)
    case .claimsLost(let claims): node.dispatcher.claimsLost(claims, now: now)
    case .wrote(let write, let outcome): node.dispatcher.wrote(write, outcome, now: now)
    case .loaded(let instance, let result): node.dispatcher.loaded(instance, result, now: now)
    case .foundMessages(let instance, let messages):
      node.dispatcher.foundMessages(instance, messages, now: now)
    case .foundDue(let instances): node.dispatcher.foundDue(instances, now: now)
    case .nextDueFound(let at): node.dispatcher.nextDueFound(at, now: now)
    case .missed: node.dispatcher.mayHaveMissed(now: now)
    case .stop(let graceMS): node.dispatcher.stop(graceMS: graceMS, now: now)
    case .stray(let answer): take(answer, node, now)
    }
  }

  /// What the code of a turn logs goes out when the turn is on disk: then, once, and not otherwise. Answers
  /// the other effects.
  private func listen(_ effects: [Effect], after input: NodeInput, _ node: SimNode) -> [Effect] {
    var turns: [Int64] = []
    let others = effects.filter { effect in
      guard case .log(let record) = effect, let turn = Host.turn(of: record) else { return true }
      turns.append(turn)
      return false
    }
    for turn in turns {
      watch.require(
        node.heard.insert(turn).inserted, "What turn \(turn) of node \(node.id) logged was told twice.")
    }
    guard case .wrote(.turn(let commit, _), .turned) = input else {
      watch.require(turns.isEmpty, "What turn \(turns) of node \(node.id) logged was told before it landed.")
      return others
    }
    // Strays are dropped, and ends are made, without code.
    let isOfCode = !commit.events.isEmpty && !commit.status.isTerminal
    watch.require(
      !isOfCode || turns.count == 1,
      "What a turn of '\(commit.instance)' logged was told \(turns.count) times.")
    return others
  }

  /// nil: another attempt has its claim, and the ticket of this one is gone.
  private func claimed(_ attempt: Attempt, _ node: SimNode) -> ClaimedActivity? {
    guard let claimed = attempt.task.claimed, node.running[claimed] === attempt else { return nil }
    return claimed
  }

  private func beat(_ attempt: Attempt, _ details: Payload, _ node: SimNode, _ now: TimestampMS) {
    guard let claimed = claimed(attempt, node) else { return cancel(attempt, node) }
    if node.dispatcher.activityBeat(claimed, details, now: now) {
      watch.beat(attempt.task, clock: now)
    } else {
      cancel(attempt, node)
    }
  }

  private func noticeSpinning(_ node: SimNode) {
    if now / 1_000 != node.second {
      node.second = now / 1_000
      node.runsInSecond = 0
    }
    node.runsInSecond += 1
    watch.require(
      node.runsInSecond < 950, "Node \(node.id) spins: it ran \(node.runsInSecond) times in a second.")
  }

  private func perform(_ effects: [Effect], of node: SimNode) {
    for effect in effects {
      if fails(.killAmidEffects) || isForced(.effect) == .killAtEffect { return kill(node.process) }
      perform(effect, of: node)
    }
  }

  private func perform(_ effect: Effect, of node: SimNode) {
    switch effect {
    case .runTurn(let request):
      trace.note(now, "turn", request.instance, request.from, Int64(request.events.count))
      after(fails(.lateAnswer) ? random.delay(200...4_000) : random.delay(0...10), .turnDone(node, request))
    case .runActivity(let task): begin(task, node)
    case .cancelActivity(let claimed):
      if let attempt = node.running[claimed] { cancel(attempt, node) }
      // Its grace is over: what still runs is run again elsewhere.
      if node.isStopping { node.isExcused = true }
    case .checkClaims(let claims): read(.claims(claims), node)
    case .write(let write): submit(write, of: node)
    case .load(let instance): read(.load(instance), node)
    case .loadInbox(let instance, let after): read(.inbox(instance, after: after), node)
    case .findDue: read(.due, node)
    case .findNextDue: read(.nextDue, node)
    // Clients of a world look by themselves.
    case .lookAgain: break
    case .log(let record): trace.remark(now, "node \(node.id) says: \(record.message)")
    case .stopped: stopped(node)
    }
  }

  // MARK: Turns

  func turnDone(_ node: SimNode, _ request: TurnRequest) {
    if watch.isDeadly(request.instance) {
      return ends(node.process)
    }
    if fails(.muteHost) { return giveUp(node.process) }
    if fails(.lostCode) { node.host.forget(request.instance) }
    if fails(.failedTurn) {
      node.host.forget(request.instance)
      return add(.turnFailed(request, Failure(type: "HostError", message: "the host stumbled")), to: node)
    }
    var answer = node.host.run(request, isNew: now >= plan.changeAt)
    if mutation == .replayDiffers || plan.isSick(request.orchestration, now), request.from == 0,
      request.replayed > 1, case .ran(var result) = answer, !result.actions.isEmpty
    {
      result.actions[0].kind = .setCustomStatus(nil)
      node.host.forget(request.instance)
      result.retained = false
      answer = .ran(result)
    }
    answerTurn(request, answer, of: node)
  }
}
