package import PerdureModel
package import PerdureStore
import Synchronization

/// Those who wait for something of an instance: its end, a new custom status, the answer to a call or a
/// query. Answers come on a thread of its own, which starts with the first wait.
package final class WaitDesk: @unchecked Sendable {
  package enum Answer: Sendable {
    /// It has ended; or its custom status is as new as was wanted.
    case reached(InstanceDescription)
    /// A call or a query.
    case answered(Outcome)
    case timedOut
    case notFound
    case closed
    case failed(StoreError)
    /// Virtual time was moved to here.
    case moved(TimestampMS)
  }

  package enum Condition: Hashable, Sendable {
    case ended
    /// A custom status with a higher version, or the end.
    case status(after: Int64)
    /// An event after this one, in the current execution or the named one; or that this execution is not the
    /// current one (any more), or the end.
    case history(ExecutionID?, after: EventID)
    /// The answer to a call, or the end without one.
    case call(String)
    /// What `resolve` says.
    case told
  }

  private struct Wait {
    var id: UInt64
    var condition: Condition
    var answer: @Sendable (Answer) -> Void
    var group: ObjectIdentifier
  }

  private let store: any Store
  private let monitor = Monitor()
  private var waits: [ExactText: [Wait]] = [:]
  /// Of waits that may be over already.
  private var deadlines = TimerQueue<(instance: InstanceID, id: UInt64)>()
  private var waitCount: UInt64 = 0
  /// Instances to look at: new waits, and those that ended. Each holds a virtual clock.
  private var due: [InstanceID] = []
  private var mustRecheck = false
  /// Answers to be given on the desk's thread.
  private var finished: [@Sendable () -> Void] = []
  private var hasThread = false
  private var isClosed = false
  /// Waits for events: without any, turns need not be told of.
  private let followers = Atomic(0)

  /// Somebody waits for events.
  var isFollowing: Bool { followers.load(ordering: .sequentiallyConsistent) > 0 }

  /// Waits for what happens in time, which virtual time goes on for.
  private let clock: VirtualClock?
  private let account: ClockAccount?

  init(store: any Store, clock: VirtualClock?) {
    self.store = store
    self.clock = clock
    account = clock.map { ClockAccount($0) }
  }

  /// Calls `answer` exactly once, on the desk's thread.
  ///
  /// - group: whose wait it is; `abandon` ends all waits of one group.
  /// - deadlineNS: monotonic; nil for none.
  /// - Returns: the number of the wait; nil: the desk is closed, and `answer` is never called.
  package func wait(
    for instance: InstanceID, _ condition: Condition = .ended, untilMonotonicNS deadlineNS: Int64?,
    group: AnyObject, answer: @escaping @Sendable (Answer) -> Void
  ) -> UInt64? {
    monitor.locked {
      if isClosed { return nil }
      if !hasThread {
        hasThread = startThread { [self] in run() }
        if !hasThread { return nil }
      }
      waitCount += 1
      follow(condition, 1)
      let wait = Wait(
        id: waitCount, condition: condition, answer: answer, group: ObjectIdentifier(group))
      waits[ExactText(instance), default: []].append(wait)
      if let deadlineNS { setDeadline(of: wait, on: instance, deadlineNS) }
      if condition != .told {
        clock?.waitBegan()
        mustLook(at: instance)
      }
      monitor.signal()
      return wait.id
    }
  }

  private func setDeadline(of wait: Wait, on instance: InstanceID, _ deadlineNS: Int64) {
    deadlines.insert((instance, wait.id), at: deadlineNS)
    guard deadlines.isCrowded else { return }
    let open = Set(waits.values.joined().map { $0.id })
    deadlines.keep { item, _ in open.contains(item.id) }
  }

  /// Of how many waits it knows the end, of some that are over too.
  var deadlinesKept: Int { monitor.locked { deadlines.count } }

  /// Answers one wait, on the desk's thread.
  package func finish(_ instance: InstanceID, _ id: UInt64, _ answer: Answer) {
    monitor.locked { finish(remove([id], of: instance), answer) }
  }

  /// Ends a wait without an answer. false: it has got one.
  package func forget(_ instance: InstanceID, _ id: UInt64) -> Bool {
    monitor.locked { !remove([id], of: instance).isEmpty }
  }

  /// Has waits that were taken out answered on the desk's thread. The monitor is locked.
  private func finish(_ waits: [Wait], _ answer: Answer) {
    for wait in waits { finished.append { wait.answer(answer) } }
    if !waits.isEmpty { monitor.signal() }
  }

  /// Something happened to an instance that somebody may wait for.
  func changed(_ instance: InstanceID) {
    monitor.locked {
      guard waits[ExactText(instance)] != nil else { return }
      mustLook(at: instance)
      monitor.signal()
    }
  }

  /// Another process wrote: any instance may have ended.
  func recheck() {
    monitor.locked {
      guard !waits.isEmpty else { return }
      if !mustRecheck { account?.hold() }
      mustRecheck = true
      monitor.signal()
    }
  }

  private func mustLook(at instance: InstanceID) {
    account?.hold()
    due.append(instance)
  }

  /// Ends the waits of a group with `.closed`.
  package func abandon(_ group: AnyObject) {
    let id = ObjectIdentifier(group)
    monitor.locked { finish(take { $0.group == id }, .closed) }
  }

  func close() {
    monitor.locked {
      isClosed = true
      finish(take { _ in true }, .closed)
      monitor.signal()
    }
  }

  private func take(_ matches: (Wait) -> Bool) -> [Wait] {
    var all: [Wait] = []
    for (instance, list) in waits {
      let taken = list.filter(matches)
      guard !taken.isEmpty else { continue }
      over(taken)
      all += taken
      for wait in taken { follow(wait.condition, -1) }
      let rest = list.filter { !matches($0) }
      waits[instance] = rest.isEmpty ? nil : rest
    }
    return all
  }

  // MARK: The thread

  private func run() {
    while let round = nextRound() {
      for answer in round.finished { answer() }
      for answer in round.timedOut { answer(.timedOut) }
      for instance in round.due { look(at: instance) }
      account?.release(round.held)
    }
  }

  private struct Round {
    var due: [InstanceID]
    var timedOut: [@Sendable (Answer) -> Void]
    var finished: [@Sendable () -> Void]
    /// How often it holds a virtual clock.
    var held: Int
  }

  private func nextRound() -> Round? {
    monitor.locked {
      while true {
        // What was finished before is answered all the same.
        if isClosed, finished.isEmpty { return nil }
        let held = due.count + (mustRecheck ? 1 : 0)
        if mustRecheck {
          mustRecheck = false
          due = waits.keys.map { $0.text }
        }
        let timedOut = takeTimedOut(monotonicNowNS())
        if held > 0 || !timedOut.isEmpty || !finished.isEmpty {
          defer { (due, finished) = ([], []) }
          return Round(due: due, timedOut: timedOut, finished: finished, held: held)
        }
        _ = monitor.wait(untilMonotonicNS: deadlines.earliest)
      }
    }
  }

  private func takeTimedOut(_ now: Int64) -> [@Sendable (Answer) -> Void] {
    var answers: [@Sendable (Answer) -> Void] = []
    while let (instance, id) = deadlines.popDue(now) {
      let key = ExactText(instance)
      guard let index = waits[key]?.firstIndex(where: { $0.id == id }) else { continue }
      if let wait = waits[key]?.remove(at: index) {
        over([wait])
        answers.append(wait.answer)
        follow(wait.condition, -1)
      }
      if waits[key]?.isEmpty == true { waits[key] = nil }
    }
    return answers
  }

  private func look(at instance: InstanceID) {
    let open = monitor.locked { waits[ExactText(instance)] ?? [] }.filter { $0.condition != .told }
    guard !open.isEmpty else { return }
    var answers: [(id: UInt64, answer: Answer)] = []
    do throws(StoreError) {
      let description = try store.describe(instance)
      for wait in open {
        if let answer = try answer(wait.condition, instance, description) {
          answers.append((wait.id, answer))
        }
      }
    } catch {
      let answer: Answer = error.code == .closed ? .closed : .failed(error)
      answers = open.map { ($0.id, answer) }
    }
    for (id, answer) in answers {
      let wait = monitor.locked { remove([id], of: instance).first }
      wait?.answer(answer)
    }
  }

  /// nil: it is to wait on.
  private func answer(
    _ condition: Condition, _ instance: InstanceID, _ description: InstanceDescription?
  ) throws(StoreError) -> Answer? {
    guard let description else { return .notFound }
    let hasEnded = description.status.isTerminal
    switch condition {
    case .told: return nil
    case .ended: return hasEnded ? .reached(description) : nil
    case .status(let version):
      return hasEnded || description.customStatusVersion > version ? .reached(description) : nil
    case .history(let execution, let after):
      let isOver = hasEnded || description.execution != execution ?? description.execution
      return isOver || description.eventCount > after ? .reached(description) : nil
    case .call(let call):
      switch try store.callState(of: instance, call: call) {
      case .answered(let outcome): return .answered(outcome)
      case .waiting: return hasEnded ? .reached(description) : nil
      // The instance that was called is gone, and another one has its id.
      case .unknown: return .notFound
      }
    }
  }

  /// Takes waits out. The monitor is locked.
  private func remove(_ ids: [UInt64], of instance: InstanceID) -> [Wait] {
    let all = waits[ExactText(instance)] ?? []
    let rest = all.filter { !ids.contains($0.id) }
    waits[ExactText(instance)] = rest.isEmpty ? nil : rest
    let removed = all.filter { ids.contains($0.id) }
    over(removed)
    for wait in removed { follow(wait.condition, -1) }
    return removed
  }

  /// Virtual time goes on no further on their behalf. The monitor is locked.
  private func over(_ waits: [Wait]) {
    guard let clock else { return }
    clock.waitsEnded(waits.count { $0.condition != .told })
  }

  private func follow(_ condition: Condition, _ change: Int) {
    guard case .history = condition else { return }
    followers.add(change, ordering: .sequentiallyConsistent)
  }
}
