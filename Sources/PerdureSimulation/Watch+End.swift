import PerdureModel
import PerdureReplay
import PerdureStore

/// Checks of a world at rest.
extension Watch {
  /// Why an instance that has not ended does not go on: nil if it waits for a message that nobody has sent,
  /// for an operator, or for a child that does.
  func stall(_ life: Life) -> String? {
    let name = "'\(life.start.instance)'"
    guard life.isServable else { return nil }
    guard life.inbox.isEmpty else { return "\(name) has \(life.inbox.count) messages that it does not take" }
    if let deadline = life.deadline { return "\(name) was to be ended at \(deadline)" }
    guard let state = state(life) else { return "\(name) has not run a turn" }
    var isWaiting = false
    for (action, work) in state.open.sorted(by: { $0.key < $1.key }) {
      switch work {
      case .activity: return "\(name) waits for activity \(action)"
      case .timer: return "\(name) waits for timer \(action)"
      case .request: return "\(name) waits for the answer to request \(action)"
      case .wait: isWaiting = true
      case .subOrchestration(let child, _):
        guard let other = self.life(child) else {
          return "\(name) waits for '\(child)', which is not there"
        }
        if other.status.isTerminal { return "\(name) waits for '\(child)', which has ended" }
        isWaiting = true
      }
    }
    return isWaiting ? nil : "\(name) waits for nothing"
  }

  private func state(_ life: Life) -> ExecutionState? {
    guard let history = life.histories.last, history.contains(where: { !$0.kind.isDelivered }) else {
      return nil
    }
    return try? ExecutionState.folding(
      history, instance: life.start.instance, execution: Int64(life.histories.count))
  }

  /// The names that an instance at rest waits for.
  func awaited(_ life: Life) -> [(channel: Channel, name: String)] {
    guard !life.status.isTerminal else { return [] }
    return (state(life)?.open ?? [:]).sorted { $0.key < $1.key }.compactMap { _, work in
      if case .wait(let channel, let name) = work { (channel, name) } else { nil }
    }
  }

  /// Everything that can be said when all has ended.
  ///
  /// - acknowledged: messages that their senders know to be stored.
  /// - isExcused: something happened to that node, after which its activities may run again.
  mutating func checkEnd(
    programs: [Program], plan: FaultPlan, store: SimStore, acknowledged: Set<Payload>,
    isExcused: (Int) -> Bool
  ) {
    let disturbed = disturbed(plan)
    checkLeftovers(store)
    for (place, life) in lives.enumerated() where !life.isGone {
      checkStore(life, store)
      checkHistories(life, place, programs)
      checkOutcome(life, programs, isDisturbed: disturbed.contains(life.start.instance))
      checkOrder(life, acknowledged)
      for (call, state) in life.calls {
        require(
          store.callState(of: life.start.instance, call) == state,
          "Call '\(call)' to '\(life.start.instance)' has another answer than the code gave.")
      }
    }
    for run in runs {
      let sound = run.nodes.filter { !isExcused($0) }.count
      require(
        sound <= 1,
        "\(Self.name(run.run.key)) attempt \(run.run.attempt) ran \(sound) times on nodes to which nothing "
          + "happened.")
    }
  }

  /// Instances that outsiders ended, and all above them: what their programs can give says nothing of them.
  private mutating func disturbed(_ plan: FaultPlan) -> Set<InstanceID> {
    var disturbed: Set<InstanceID> = []
    for (place, life) in lives.enumerated() where !life.isGone {
      require(
        !life.isPoisoned || plan.isDeadly || FaultKind.thatKill.contains { plan.rate($0) > 0 },
        "An activity of '\(life.start.instance)' was given up although nothing happened to processes.")
      // What an earlier life of the id had started on its own is in the way of its children.
      let isLater = lives[..<place].contains { $0.start.instance == life.start.instance }
      let isTouched =
        life.isMeddledWith || life.isCancelAsked || life.isTerminated || life.isPoisoned
        || (isLater && life.hasMet)
      guard isTouched || plan.isSick(life.start.orchestration) else { continue }
      var next: InstanceID? = life.start.instance
      while let instance = next, disturbed.insert(instance).inserted {
        next = self.life(instance)?.start.parent?.instance
      }
    }
    return disturbed
  }

  /// Nothing waits, and nobody holds anything that has ended.
  private mutating func checkLeftovers(_ store: SimStore) {
    let pending = rows.count
    require(pending == 0, "\(pending) activities are pending though all has ended.")
    let left = store.leftovers
    require(left.activities == 0, "The store has \(left.activities) activities though all has ended.")
    require(left.messages == 0, "The store has \(left.messages) messages for instances that have ended.")
    require(left.held == 0, "\(left.held) things are held by nodes though all has ended.")
    var counts: [InstanceStatus: Int64] = [:]
    for life in lives where !life.isGone { counts[life.status, default: 0] += 1 }
    require(store.counts == counts, "The store counts other instances than there are.")
  }

  private mutating func checkStore(_ life: Life, _ store: SimStore) {
    let instance = life.start.instance
    for (index, history) in life.histories.enumerated() {
      let query = HistoryQuery(instance: instance, execution: Int64(index) + 1)
      require(
        store.history(query)?.events == (index < life.pruned ? [] : history),
        "The stored history of '\(instance)' execution \(index + 1) is not what the turns made.")
    }
    if let end = life.end {
      require(store.describe(instance) == end, "The row of '\(instance)' changed after its end.")
    }
    require(
      store.keyValues(instance) == life.entries,
      "The values of '\(instance)' are not what its turns made of them.")
  }

  /// Grammar, results, and that the code does the same again.
  private mutating func checkHistories(_ life: Life, _ place: Int, _ programs: [Program]) {
    let instance = life.start.instance
    guard let program = Program.index(of: life.start.orchestration) else { return }
    for (index, history) in life.histories.enumerated() where history.first?.kind.isTerminal == false {
      let execution = Int64(index) + 1
      let name = "'\(instance)' execution \(execution)"
      do throws(HistoryFault) {
        _ = try ExecutionState.folding(history, instance: instance, execution: execution)
      } catch {
        require(false, "The history of \(name) has a fault at event \(error.event): \(error.message)")
      }
      checkResults(of: history, instance, execution, place)
      let request = Self.request(life, index, history)
      let code = Interpreter(programs[program], request, isNew: true)
      let again = code.run(request)
      let recorded = history.filter { $0.kind.origin != nil }
      var made = again.actions.map { Origin(action: $0.id, after: $0.after) }
      // An end that the code has no part in may come before its first turn.
      if recorded.isEmpty, history.count == life.carried[index] + 1, history.last?.kind.isTerminal == true {
        made = []
      }
      if life.isCut, index == life.histories.count - 1 { made = Array(made.prefix(recorded.count)) }
      require(
        recorded.map { $0.kind.origin } == made,
        "A replay of \(name) makes \(again.actions.count) actions where \(recorded.count) are on record.")
      checkDeadline(life, history, code)
    }
  }

  private mutating func checkResults(
    of history: [Event], _ instance: InstanceID, _ execution: ExecutionID, _ place: Int
  ) {
    for event in history {
      guard case .activityCompleted(let action, let result) = event.kind else { continue }
      let key = ActivityKey(instance: instance, execution: execution, action: action)
      require(hasRun(key, place) || handled.contains(key), "\(Self.name(key)) has a result and never ran.")
      require(
        Self.input(of: action, in: history).map { $0 + 1 } == Int(result.text),
        "\(Self.name(key)) has the result \(result.text), which it cannot have given.")
    }
  }

  private static func request(_ life: Life, _ index: Int, _ history: [Event]) -> TurnRequest {
    var request = TurnRequest(
      turn: 0, instance: life.start.instance, execution: Int64(index) + 1,
      orchestration: life.start.orchestration, version: "", from: 0, replayed: history.last?.id ?? 0,
      events: history.filter { $0.kind.isDelivered })
    request.kv = life.bases[index]
    request.patches = history.compactMap { event in
      if case .patchRecorded(_, let patch) = event.kind { patch } else { nil }
    }
    return request
  }

  /// An end without the code is either an operator's, or comes after the time to clean up.
  private mutating func checkDeadline(_ life: Life, _ history: [Event], _ code: Interpreter) {
    guard case .orchestrationCancelled? = history.last?.kind, code.end == nil, let last = history.last else {
      return
    }
    let name = "'\(life.start.instance)'"
    guard let deadline = life.deadline else {
      return require(false, "\(name) was ended although its code may clean up as long as it takes.")
    }
    require(
      last.at >= deadline, "\(name) was ended \(deadline - last.at) ms before its time to clean up was over.")
  }

  private static func input(of action: ActionID, in history: [Event]) -> Int? {
    for event in history {
      if case .activityScheduled(let origin, _, let input, _) = event.kind, origin.action == action {
        return Int(input.text)
      }
    }
    return nil
  }

  private mutating func checkOutcome(_ life: Life, _ programs: [Program], isDisturbed: Bool) {
    let name = "'\(life.start.instance)'"
    guard let end = life.end, let program = Program.index(of: life.start.orchestration) else {
      return require(false, "\(name) did not end.")
    }
    let expected = Expectation.of(program, in: programs)
    switch end.status {
    case .completed where !isDisturbed:
      let value = end.output.flatMap { Int($0.text) }
      let isExpected = expected.values.map { values in value.map { values.contains($0) } == true } ?? true
      require(
        isExpected, "\(name) answered \(end.output?.text ?? "nothing"), which its program cannot answer.")
    case .failed where !isDisturbed:
      require(expected.mayFail, "\(name) failed, which its program cannot: \(end.failure?.message ?? "")")
    case .completed, .failed: break
    case .cancelled: require(life.isCancelAsked, "\(name) was cancelled, and nobody asked for it.")
    case .terminated: require(life.isTerminated, "\(name) was terminated, and nobody asked for it.")
    default: require(false, "\(name) ended as \(end.status.rawValue).")
    }
  }

  /// Each message once, and the acknowledged ones of one sender in its order.
  private mutating func checkOrder(_ life: Life, _ acknowledged: Set<Payload>) {
    let name = "'\(life.start.instance)'"
    var seen: Set<Payload> = []
    var last: [String: Int] = [:]
    for (history, carried) in zip(life.histories, life.carried) {
      for message in history.dropFirst(carried).compactMap({ Messages.received($0) }) {
        if life.toldAgain.contains(message.data) || isFromReset(message.data) { continue }
        require(
          seen.insert(message.data).inserted, "\(name) received \(message.data.text) twice.")
        guard acknowledged.contains(message.data) else { continue }
        let parts = message.data.text.dropFirst().dropLast().split(separator: "-")
        guard parts.count == 2, let number = Int(parts[1]) else { continue }
        let sender = String(parts[0])
        require(
          number > last[sender, default: -1], "\(name) received \(message.data.text) out of order.")
        last[sender] = number
      }
    }
  }

  /// Its sender was put back, and may have sent it once more: what it does to others is not taken back.
  private func isFromReset(_ data: Payload) -> Bool {
    guard let sender = data.text.dropFirst().split(separator: "/").first else { return false }
    return lives.contains { $0.resets > 0 && $0.start.instance == sender }
  }

  /// A message that was acknowledged has arrived, or the instance had ended.
  mutating func checkArrived(_ instance: InstanceID, _ data: Payload) {
    let receiver = receiver(of: data)
    if receiver?.isGone == true || receiver?.isServable == false { return }
    if receiver?.dropped.contains(data) == true { return }
    let isThere = receiver?.histories.contains { history in
      history.contains { Messages.received($0)?.data == data }
    }
    require(isThere == true, "Message \(data.text) to '\(instance)' was acknowledged and never received.")
  }
}
