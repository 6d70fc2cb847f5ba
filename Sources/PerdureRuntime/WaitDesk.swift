package import PerdureModel
package import PerdureStore

/// Those who wait for the end of an instance. Answers come on a thread of its own, which starts with the first wait.
package final class WaitDesk: @unchecked Sendable {
  package enum Answer: Sendable {
    case ended(InstanceDescription)
    case timedOut
    case notFound
    case closed
    case failed(StoreError)
  }

  private struct Wait {
    var deadlineNS: Int64?
    var answer: @Sendable (Answer) -> Void
    var group: ObjectIdentifier
  }

  private let store: any Store
  private let monitor = Monitor()
  private var waits: [ExactText: [Wait]] = [:]
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
      let wait = Wait(deadlineNS: deadlineNS, answer: answer, group: ObjectIdentifier(group))
      waits[ExactText(instance), default: []].append(wait)
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
        let now = monotonicNowNS()
        let timedOut = take { $0.deadlineNS.map { $0 <= now } ?? false }
        if !due.isEmpty || !timedOut.isEmpty {
          defer { due = [] }
          return Round(due: due, timedOut: timedOut)
        }
        _ = monitor.wait(untilMonotonicNS: waits.values.joined().compactMap { $0.deadlineNS }.min())
      }
    }
  }

  private func look(at instance: InstanceID) {
    guard monitor.locked({ waits[ExactText(instance)] != nil }) else { return }
    let answer: Answer
    do throws(StoreError) {
      guard let description = try store.describe(instance) else {
        return tell(instance, .notFound)
      }
      guard description.status.isTerminal else { return }
      answer = .ended(description)
    } catch {
      answer = error.code == .closed ? .closed : .failed(error)
    }
    tell(instance, answer)
  }

  private func tell(_ instance: InstanceID, _ answer: Answer) {
    let waits = monitor.locked { self.waits.removeValue(forKey: ExactText(instance)) ?? [] }
    for wait in waits { wait.answer(answer) }
  }
}
