package import PerdureModel
package import PerdureStore

/// Those who wait for the end of an instance. Answers come on a thread of its own, which starts with the
/// first wait.
package final class WaitDesk: @unchecked Sendable {
  package enum Answer: Sendable {
    case ended(InstanceDescription)
    case timedOut
    case notFound
    case closed
    case failed(StoreError)
  }

  private struct Wait {
    var id: UInt64
    var answer: @Sendable (Answer) -> Void
    var group: ObjectIdentifier
  }

  private let store: any Store
  private let monitor = Monitor()
  private var waits: [ExactText: [Wait]] = [:]
  /// Of waits that may be over already.
  private var deadlines = TimerQueue<(instance: InstanceID, id: UInt64)>()
  private var waitCount: UInt64 = 0
  /// Instances to look at: new waits, and those that ended.
  private var due: [InstanceID] = []
  private var mustRecheck = false
  private var hasThread = false
  private var isClosed = false

  init(store: any Store) { self.store = store }

  /// Calls `answer` exactly once, on the desk's thread.
  ///
  /// - group: whose wait it is; `abandon` ends all waits of one group.
  /// - deadlineNS: monotonic; nil for none.
  package func wait(
    for instance: InstanceID, untilMonotonicNS deadlineNS: Int64?, group: AnyObject,
    answer: @escaping @Sendable (Answer) -> Void
  ) -> Bool {
    monitor.locked {
      if isClosed { return false }
      if !hasThread {
        hasThread = startThread { [self] in run() }
        if !hasThread { return false }
      }
      waitCount += 1
      let wait = Wait(id: waitCount, answer: answer, group: ObjectIdentifier(group))
      waits[ExactText(instance), default: []].append(wait)
      if let deadlineNS { deadlines.insert((instance, wait.id), at: deadlineNS) }
      due.append(instance)
      monitor.signal()
      return true
    }
  }

  func ended(_ instance: InstanceID) {
    monitor.locked {
      guard waits[ExactText(instance)] != nil else { return }
      due.append(instance)
      monitor.signal()
    }
  }

  /// Another process wrote: any instance may have ended.
  func recheck() {
    monitor.locked {
      guard !waits.isEmpty else { return }
      mustRecheck = true
      monitor.signal()
    }
  }

  /// Ends the waits of a group with `.closed`.
  package func abandon(_ group: AnyObject) {
    let id = ObjectIdentifier(group)
    let answers = monitor.locked { take { $0.group == id } }
    for answer in answers { answer(.closed) }
  }

  func close() {
    let answers = monitor.locked {
      isClosed = true
      monitor.signal()
      return take { _ in true }
    }
    for answer in answers { answer(.closed) }
  }

  private func take(_ matches: (Wait) -> Bool) -> [@Sendable (Answer) -> Void] {
    var answers: [@Sendable (Answer) -> Void] = []
    for (instance, list) in waits {
      let taken = list.filter(matches)
      guard !taken.isEmpty else { continue }
      answers += taken.map { $0.answer }
      let rest = list.filter { !matches($0) }
      waits[instance] = rest.isEmpty ? nil : rest
    }
    return answers
  }

  // MARK: The thread

  private func run() {
    while let round = nextRound() {
      for answer in round.timedOut { answer(.timedOut) }
      for instance in round.due { look(at: instance) }
    }
  }

  private struct Round {
    var due: [InstanceID]
    var timedOut: [@Sendable (Answer) -> Void]
  }

  private func nextRound() -> Round? {
    monitor.locked {
      while true {
        if isClosed { return nil }
        if mustRecheck {
          mustRecheck = false
          due = waits.keys.map { $0.text }
        }
        let timedOut = takeTimedOut(monotonicNowNS())
        if !due.isEmpty || !timedOut.isEmpty {
          defer { due = [] }
          return Round(due: due, timedOut: timedOut)
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
      if let wait = waits[key]?.remove(at: index) { answers.append(wait.answer) }
      if waits[key]?.isEmpty == true { waits[key] = nil }
    }
    return answers
  }

  private func look(at instance: InstanceID) {
    let known = monitor.locked { waits[ExactText(instance)] == nil ? nil : waitCount }
    guard let known else { return }
    let answer: Answer
    do throws(StoreError) {
      guard let description = try store.describe(instance) else {
        return tell(instance, .notFound, upTo: known)
      }
      guard description.status.isTerminal else { return }
      answer = .ended(description)
    } catch {
      answer = error.code == .closed ? .closed : .failed(error)
    }
    tell(instance, answer, upTo: known)
  }

  /// A wait that began after the look may be for an instance that was started in between: it gets a look of
  /// its own.
  private func tell(_ instance: InstanceID, _ answer: Answer, upTo known: UInt64) {
    let told = monitor.locked {
      let all = waits.removeValue(forKey: ExactText(instance)) ?? []
      let later = all.filter { $0.id > known }
      if !later.isEmpty { waits[ExactText(instance)] = later }
      return all.filter { $0.id <= known }
    }
    for wait in told { wait.answer(answer) }
  }
}
