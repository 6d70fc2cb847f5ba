import PerdureModel
import PerdureReplay
import PerdureStore

/// Checks of a world at rest.
extension Watch {
  /// Why an instance that has not ended does not go on: nil if it waits for a message that nobody has sent,
  /// or for a child that does.
  func stall(_ life: Life) -> String? {
    let name = "'\(life.start.instance)'"
    guard !life.status.isTerminal else { return nil }
    guard life.inbox.isEmpty else { return "\(name) has \(life.inbox.count) messages that it does not take" }
    guard let history = life.histories.last, history.contains(where: { !$0.kind.isDelivered }) else {
      return "\(name) has not run a turn"
    }
    do throws(HistoryFault) {
      let state = try ExecutionState.folding(
        history, instance: life.start.instance, execution: Int64(life.histories.count))
      var isWaiting = false
      for (action, work) in state.open.sorted(by: { $0.key < $1.key }) {
        switch work {
        case .activity: return "\(name) waits for activity \(action)"
        case .timer: return "\(name) waits for timer \(action)"
        case .wait: isWaiting = true
        case .subOrchestration(let child):
          guard let other = self.life(child) else {
            return "\(name) waits for '\(child)', which is not there"
          }
          if other.status.isTerminal { return "\(name) waits for '\(child)', which has ended" }
          isWaiting = true
        }
      }
      return isWaiting ? nil : "\(name) waits for nothing"
    } catch {
      return "the history of \(name) has a fault at event \(error.event): \(error.message)"
    }
  }

  /// The names that an instance at rest waits for.
  func awaited(_ life: Life) -> [(channel: Channel, name: String)] {
    guard !life.status.isTerminal, let history = life.histories.last else { return [] }
    let state = try? ExecutionState.folding(
      history, instance: life.start.instance, execution: Int64(life.histories.count))
    return (state?.open ?? [:]).sorted { $0.key < $1.key }.compactMap { _, work in
      if case .wait(let channel, let name) = work { (channel, name) } else { nil }
    }
  }

  /// Everything that can be said when all has ended.
  ///
  /// - acknowledged: messages that their senders know to be stored.
  /// - isExcused: something happened to that node, after which its activities may run again.
  mutating func checkEnd(
    programs: [Program], store: SimStore, acknowledged: Set<Payload>, isExcused: (Int) -> Bool
  ) {
    for life in lives {
      checkStore(life, store)
      checkHistories(life, programs)
      checkOutcome(life, programs)
      checkOrder(life, acknowledged)
    }
    for run in runs {
      let sound = run.nodes.filter { !isExcused($0) }.count
      require(sound <= 1, "\(Self.name(run.key)) ran \(sound) times on nodes to which nothing happened.")
    }
  }

  private mutating func checkStore(_ life: Life, _ store: SimStore) {
    let instance = life.start.instance
    for (index, history) in life.histories.enumerated() {
      let query = HistoryQuery(instance: instance, execution: Int64(index) + 1)
      require(
        store.history(query)?.events == history,
        "The stored history of '\(instance)' execution \(index + 1) is not what the turns made.")
    }
    if let end = life.end {
      require(store.describe(instance) == end, "The row of '\(instance)' changed after its end.")
    }
  }

  /// Grammar, results, and that the code does the same again.
  private mutating func checkHistories(_ life: Life, _ programs: [Program]) {
    let instance = life.start.instance
    guard let program = Program.index(of: life.start.orchestration) else { return }
    for (index, history) in life.histories.enumerated() {
      let execution = Int64(index) + 1
      let name = "'\(instance)' execution \(execution)"
      do throws(HistoryFault) {
        _ = try ExecutionState.folding(history, instance: instance, execution: execution)
      } catch {
        require(false, "The history of \(name) has a fault at event \(error.event): \(error.message)")
      }
      for event in history {
        guard case .activityCompleted(let action, let result) = event.kind else { continue }
        let key = ActivityKey(instance: instance, execution: execution, action: action)
        require(hasRun(key), "\(Self.name(key)) has a result and never ran.")
        require(
          Self.input(of: action, in: history).map { $0 + 1 } == Int(result.text),
          "\(Self.name(key)) has the result \(result.text), which it cannot have given.")
      }
      let again = Interpreter(programs[program]).run(history.filter { $0.kind.isDelivered })
      let recorded = history.filter { $0.kind.origin != nil }
      require(
        recorded.map { $0.kind.origin } == again.actions.map { Origin(action: $0.id, after: $0.after) },
        "A replay of \(name) makes \(again.actions.count) actions where \(recorded.count) are on record.")
    }
  }

  private static func input(of action: ActionID, in history: [Event]) -> Int? {
    for event in history {
      if case .activityScheduled(let origin, _, let input) = event.kind, origin.action == action {
        return Int(input.text)
      }
    }
    return nil
  }

  private mutating func checkOutcome(_ life: Life, _ programs: [Program]) {
    let name = "'\(life.start.instance)'"
    guard let end = life.end, let program = Program.index(of: life.start.orchestration) else {
      return require(false, "\(name) did not end.")
    }
    let expected = Expectation.of(program, in: programs)
    switch end.status {
    case .completed:
      let value = end.output.flatMap { Int($0.text) }
      let isExpected = expected.values.map { values in value.map { values.contains($0) } == true } ?? true
      require(
        isExpected, "\(name) answered \(end.output?.text ?? "nothing"), which its program cannot answer.")
    case .failed:
      require(expected.mayFail, "\(name) failed, which its program cannot: \(end.failure?.message ?? "")")
    case .cancelled: require(life.isCancelAsked, "\(name) was cancelled, and nobody asked for it.")
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

  /// A message that was acknowledged has arrived, or the instance had ended.
  mutating func checkArrived(_ instance: InstanceID, _ data: Payload) {
    guard let life = life(instance), !life.status.isTerminal else { return }
    let isThere = life.histories.contains { history in
      history.contains { Messages.received($0)?.data == data }
    }
    require(isThere, "Message \(data.text) to '\(instance)' was acknowledged and never received.")
  }
}
