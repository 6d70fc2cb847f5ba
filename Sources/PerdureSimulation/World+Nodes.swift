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

  func clock(_ node: SimNode) -> TimestampMS { now + node.clockOffset }

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
    for input in inputs { handle(input, node, clock) }
    noticeSpinning(node)
    perform(node.dispatcher.takeEffects(), of: node)
    guard node.process.isAlive, !node.isStopped, let deadline = node.dispatcher.nextDeadline else { return }
    let wakesAt = max(deadline - node.clockOffset - haste, now + 1)
    if node.wakesAt.map({ wakesAt < $0 || $0 <= now }) ?? true {
      node.wakesAt = wakesAt
      heap.add(.nodeWakes(node, wakesAt), at: wakesAt)
    }
  }

  private func handle(_ input: NodeInput, _ node: SimNode, _ now: TimestampMS) {
    switch input {
    case .start: node.dispatcher.start(now: now)
    case .instanceStarted(let start): node.dispatcher.instanceStarted(start, now: now)
    case .messageStored(let instance, let message):
      node.dispatcher.messageStored(instance, message, now: now)
    case .storeChanged(let byOthers): node.dispatcher.storeChanged(now: now, byOthers: byOthers)
    case .turnAnswered(let request, let answer):
      node.dispatcher.turnAnswered(request.turn, request.instance, answer, now: now)
    case .turnFailed(let request, let failure):
      node.dispatcher.turnFailed(request.turn, request.instance, failure, now: now)
    case .activityEnded(let task, let outcome):
      _ = node.dispatcher.activityEnded(task.key, token: task.claim?.token ?? 0, outcome, now: now)
    case .wrote(let write, let outcome): node.dispatcher.wrote(write, outcome, now: now)
    case .loaded(let instance, let result): node.dispatcher.loaded(instance, result, now: now)
    case .foundMessages(let instance, let messages):
      node.dispatcher.foundMessages(instance, messages, now: now)
    case .foundDue(let instances): node.dispatcher.foundDue(instances, now: now)
    case .nextDueFound(let at): node.dispatcher.nextDueFound(at, now: now)
    case .stop(let graceMS): node.dispatcher.stop(graceMS: graceMS, now: now)
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
      if fails(.killAmidEffects) { return kill(node.process) }
      perform(effect, of: node)
    }
  }

  private func perform(_ effect: Effect, of node: SimNode) {
    switch effect {
    case .runTurn(let request):
      trace.note(now, "turn", request.instance, request.from, Int64(request.events.count))
      after(fails(.lateAnswer) ? random.delay(200...4_000) : random.delay(0...10), .turnDone(node, request))
    case .runActivity(let task): begin(task, node)
    case .cancelActivity(let key):
      node.cancelled.append(key)
      // Its grace is over: what still runs is run again elsewhere.
      if node.isStopping { node.isExcused = true }
    case .write(let write): submit(write, of: node)
    case .load(let instance): read(.load(instance), node)
    case .loadInbox(let instance, let after): read(.inbox(instance, after: after), node)
    case .findDue: read(.due, node)
    case .findNextDue: read(.nextDue, node)
    case .log(let record): trace.remark(now, "node \(node.id) says: \(record.message)")
    case .stopped: stopped(node)
    }
  }

  // MARK: Reads

  private func read(_ read: Read, _ node: SimNode) {
    let at = max(now, node.readerIsFreeAt) + random.delay(0...4)
    node.readerIsFreeAt = at + 1
    heap.add(.readTaken(node, read), at: at)
  }

  /// What was read is told a moment later; by then it may be old.
  func take(_ read: Read, _ node: SimNode) {
    let isFailed = fails(.failedRead)
    let input: NodeInput
    switch read {
    case .load(let instance), .inbox(let instance, _):
      trace.note(now, "read", instance, node.id)
      if isFailed {
        input = .loaded(instance, .failed("the disk is slow"))
      } else if case .inbox(_, let after) = read {
        input = .foundMessages(instance, store.inbox(of: instance, after: after))
      } else {
        input = .loaded(instance, store.load(instance).map { .snapshot($0) } ?? .missing)
      }
    case .due:
      if store.reap() > 0 {
        for other in node.process.nodes { add(.storeChanged(byOthers: false), to: other) }
      }
      let due = store.dueInstances(ownedBy: node.id, now: clock(node))
      input = .foundDue(isFailed ? [] : due)
    case .nextDue:
      input = .nextDueFound(isFailed ? clock(node) + 1_000 : store.nextDue(after: clock(node)))
    }
    let at = max(now + random.delay(0...4), node.readerIsFreeAt)
    node.readerIsFreeAt = at + 1
    heap.add(.answered(node, input), at: at)
  }

  // MARK: Host

  func turnDone(_ node: SimNode, _ request: TurnRequest) {
    if fails(.lostCode) { node.host.forget(request.instance) }
    if fails(.failedTurn) {
      node.host.forget(request.instance)
      return add(.turnFailed(request, Failure(type: "HostError", message: "the host stumbled")), to: node)
    }
    var answer = node.host.run(request)
    if mutation == .replayDiffers, request.from == 0, request.replayed > 1,
      case .ran(var result) = answer, !result.actions.isEmpty
    {
      result.actions[0].kind = .setCustomStatus(nil)
      answer = .ran(result)
    }
    add(.turnAnswered(request, answer), to: node)
  }

  private func begin(_ task: ActivityTask, _ node: SimNode) {
    trace.note(now, "activity", task.key.instance, task.key.action, node.id)
    watch.began(task, node: node.number)
    if mutation == .runTwice { watch.began(task, node: node.number) }
    node.running.append(task)
    let delay = task.name == "slow" ? random.delay(50...1_500) : random.delay(0...60)
    after(fails(.lateAnswer) ? delay + random.delay(0...5_000) : delay, .activityDone(node, task))
  }

  /// The mutation that does not wait for the commit.
  func beginEarly(_ commit: TurnCommit, _ node: SimNode) {
    for task in commit.scheduled where task.claim != nil { begin(task, node) }
  }

  func activityDone(_ node: SimNode, _ task: ActivityTask) {
    // Another one of its key runs: this one is of an older claim, and its ticket is gone.
    guard node.running.last(where: { $0.key == task.key }) == task else { return }
    node.running.removeAll { $0.key == task.key }
    var outcome = Host.outcome(of: task)
    if mutation == .answerWrong, case .completed(let result) = outcome {
      outcome = .completed(Payload(String((Int(result.text) ?? 0) + 1)))
    }
    if let index = node.cancelled.firstIndex(of: task.key) {
      node.cancelled.remove(at: index)
      outcome = .failed(Failure(type: "Cancelled", message: "the activity heard that nobody waits"))
    }
    add(.activityEnded(task, outcome), to: node)
  }
}
