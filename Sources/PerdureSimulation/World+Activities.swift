import PerdureDispatch
import PerdureModel
import PerdureStore

/// The end of an attempt that somebody outside knows the token of.
struct Completion {
  var token: CompletionToken
  var outcome: Outcome
  /// What is sent before the end: a sign of life.
  var beats: Int
  /// How often the end is told once more, though it was taken.
  var repeats: Int
}

/// Activities at hosts, and those who complete them from elsewhere.
extension World {
  func begin(_ task: ActivityTask, _ node: SimNode) {
    trace.note(now, "activity", task.key.instance, task.key.action, node.id)
    watch.began(task, node: node.number, clock: clock(node))
    if mutation == .runTwice { watch.began(task, node: node.number, clock: clock(node)) }
    let attempt = Attempt(task)
    if let claimed = task.claimed { node.running[claimed] = attempt }
    checkSlots(task.name, node)
    switch attempt.kind {
    case .hang where attempt.isEarly: return
    case .beat: after(random.delay(20...200), .activityBeats(node, attempt, progress(of: task) + 1))
    case .slow: after(late(random.delay(50...1_500)), .activityDone(node, attempt))
    default: after(late(random.delay(0...60)), .activityDone(node, attempt))
    }
  }

  private func late(_ delay: Int64) -> Int64 { fails(.lateAnswer) ? delay + random.delay(0...5_000) : delay }

  private func progress(of task: ActivityTask) -> Int { task.lastHeartbeat.flatMap { Int($0.text) } ?? 0 }

  private func checkSlots(_ name: String, _ node: SimNode) {
    guard !node.isExcused else { return }
    // What was told to end has its slot until it has answered, or its grace is over.
    let clock = clock(node), grace = node.settings.activityGraceMS
    let running = node.running.values.filter { attempt in
      !attempt.isDone && attempt.cancelledAt.map { clock < $0 + grace } ?? true
    }
    watch.require(
      running.count <= node.settings.activitySlots,
      "Node \(node.id) runs \(running.count) activities in \(node.settings.activitySlots) slots.")
    guard let limit = plan.limits[name]?.concurrency else { return }
    let alike = running.count { $0.task.name == name }
    watch.require(
      alike <= limit, "Node \(node.id) runs \(alike) times '\(name)' at once; the limit is \(limit).")
  }

  /// The mutation that does not wait for the commit.
  func beginEarly(_ commit: TurnCommit, _ node: SimNode) {
    for task in commit.scheduled where task.claim != nil { begin(task, node) }
  }

  func activityBeats(_ node: SimNode, _ attempt: Attempt, _ step: Int) {
    guard !attempt.isCancelled, !attempt.isDone else { return }
    guard step <= Work.steps else { return activityDone(node, attempt) }
    add(.activityBeat(attempt, Payload(String(step))), to: node)
    after(late(random.delay(20...400)), .activityBeats(node, attempt, step + 1))
  }

  func activityDone(_ node: SimNode, _ attempt: Attempt) {
    guard !attempt.isDone else { return }
    if fails(.muteHost) { return giveUp(node.process) }
    attempt.isDone = true
    if attempt.kind == .later, !attempt.isCancelled { return hand(attempt, node) }
    var outcome = attempt.outcome
    if mutation == .answerWrong, case .completed(let result) = outcome {
      outcome = .completed(Payload(String((Int(result.text) ?? 0) + 1)))
    }
    if attempt.isCancelled {
      outcome = .failed(Failure(type: "Cancelled", message: "the activity heard that nobody waits"))
    }
    add(.activityEnded(attempt, outcome), to: node)
    answerAgain(attempt, of: node)
  }

  /// Tells a host that nobody waits for an attempt. Some hear it, some do not.
  func cancel(_ attempt: Attempt, _ node: SimNode) {
    guard !attempt.isCancelled else { return }
    attempt.cancelledAt = clock(node)
    if random.chance(800) { after(random.delay(5...300), .activityDone(node, attempt)) }
  }

  // MARK: From elsewhere

  /// The attempt goes on elsewhere.
  private func hand(_ attempt: Attempt, _ node: SimNode) {
    add(.activityDeferred(attempt), to: node)
    guard let claim = attempt.task.claim else { return }
    let isLost = Work.isNeverCompleted(attempt.number) && attempt.task.failures == 0
    let outcome: Outcome =
      attempt.isEarly ? .failed(Work.failure(attempt.number)) : Attempt.result(attempt.number)
    let completion = Completion(
      token: CompletionToken(key: attempt.task.key, token: claim.token), outcome: outcome,
      beats: random.chance(400) ? random.within(1...3) : 0, repeats: random.chance(250) ? 2 : 0)
    // Now and then before the deferral is on disk.
    if !isLost { after(random.chance(200) ? 0 : random.delay(20...900), .completes(completion)) }
    // One that was given up, and answers after all.
    if isLost, random.chance(500) { after(random.delay(2_000...9_000), .completes(completion)) }
  }

  func complete(_ completion: Completion) {
    let alive = processes.filter { $0.isAlive && !$0.isPaused }
    guard let process = random.pick(alive) else { return after(200, .completes(completion)) }
    let entry: StoreEntry =
      completion.beats > 0
      ? .heartbeatByToken(completion.token, details: Payload(String(completion.beats)), now: clock(process))
      : .completeActivity(completion.token, outcome: completion.outcome, now: clock(process))
    submit(SimProcess.Job(entry: entry, origin: .completion(completion), clock: clock(process)), to: process)
  }

  func completionAnswered(_ completion: Completion, _ outcome: StoreOutcome?) {
    var completion = completion
    switch outcome {
    case nil: break
    case .failure: return
    case .success where completion.beats > 0: completion.beats -= 1
    case .success:
      guard completion.repeats > 0 else { return }
      completion.repeats -= 1
    }
    after(random.delay(0...700), .completes(completion))
  }
}
