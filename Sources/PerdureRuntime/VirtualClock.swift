package import PerdureModel
import Synchronization

/// Time that stands still while anything is at work, and is moved by who waits for it.
///
/// Whatever is under way in this process on one store holds the clock, from before it begins until what
/// follows from it holds the clock itself: an input of a runtime until its effects are out, a write until
/// those whom it concerns have it in their queues, a turn or an activity until its answer is. So at the
/// moment at which nothing is held, nothing can happen but by somebody from outside, or by time. Then, if
/// somebody waits, time moves to the next moment at which a runtime has something to do, and no further.
///
///     held > 0                              -> time stands still
///     held = 0, nobody waits                -> time stands still
///     held = 0, a wait is open              -> on to the earliest deadline; its runtimes hold the clock
///     held = 0, time is to be advanced to T -> the same, at most to T; at T the advance is over
///
/// All of it is under one lock, which is the last to be taken: `hold` may be called with any other held,
/// while what may move time (`release`, `rest`, `begin`) is called with none.
package final class VirtualClock: Sendable {
  /// Time is not moved beyond the year 9999, whatever is due then.
  package static let latest = ClockSettings.startRange.upperBound

  private struct State {
    var held = 0
    /// Those who wait for something to happen, however long it takes.
    var waiting = 0
    var accounts: [ClockAccount] = []
    var advances: [ClockAdvance] = []
  }

  /// To be called after the lock is given back.
  private struct Moves {
    var woken: [ClockAccount] = []
    var over: [ClockAdvance] = []

    func tell() {
      for account in woken { account.wake() }
      for advance in over { advance.over(advance.target) }
    }
  }

  private let time: Atomic<TimestampMS>
  private let state = Mutex(State())

  package init(at start: TimestampMS) { time = Atomic(start) }

  package var now: TimestampMS { time.load(ordering: .acquiring) }

  // MARK: Those who wait

  func waitBegan() { change { $0.waiting += 1 } }
  func waitsEnded(_ count: Int) { if count > 0 { change { $0.waiting -= count } } }

  private func change(_ body: (inout State) -> Void) {
    state.withLock { body(&$0) }
  }

  /// Moves time, and ends the advance when all that was due on the way is done. Nothing happens if it was
  /// ended before.
  ///
  /// - byMS: at most `ClockSettings.advanceMax`.
  /// - over: called at most once, with the time, from any thread; must not block.
  func begin(_ advance: ClockAdvance, byMS: Int64, over: @escaping @Sendable (TimestampMS) -> Void) {
    move { state in
      guard !advance.isOver else { return }
      advance.over = over
      let now = time.load(ordering: .relaxed)
      advance.target = min(now &+ max(0, min(byMS, ClockSettings.advanceMax)), max(now, Self.latest))
      state.advances.append(advance)
    }
  }

  /// Time moves no further on its behalf.
  func end(_ advance: ClockAdvance) {
    change { state in
      advance.isOver = true
      state.advances.removeAll { $0 === advance }
    }
  }

  // MARK: Those who are at work

  fileprivate func hold(_ account: ClockAccount, _ count: Int) {
    state.withLock { state in
      guard !account.isClosed else { return }
      account.held += count
      state.held += count
    }
  }

  fileprivate func release(_ account: ClockAccount, _ count: Int) {
    move { release(account, count, &$0) }
  }

  private func release(_ account: ClockAccount, _ count: Int, _ state: inout State) {
    guard !account.isClosed else { return }
    // A host that answers twice is told so elsewhere; here it must not let go of what others hold.
    let count = min(count, account.held)
    account.held -= count
    state.held -= count
  }

  fileprivate func rest(_ account: ClockAccount, until deadline: TimestampMS?, releasing count: Int) -> Bool {
    var isResting = false
    move { state in
      if let deadline, deadline <= time.load(ordering: .relaxed) { return }
      isResting = true
      account.deadline = deadline
      if !account.isListed, !account.isClosed {
        account.isListed = true
        state.accounts.append(account)
      }
      release(account, count, &state)
    }
    return isResting
  }

  fileprivate func close(_ account: ClockAccount) {
    move { state in
      release(account, account.held, &state)
      account.isClosed = true
      account.deadline = nil
      state.accounts.removeAll { $0 === account }
    }
  }

  // MARK: Moving

  private func move(_ body: (inout State) -> Void) {
    let moves = state.withLock { state in
      body(&state)
      return state.held == 0 ? move(&state) : nil
    }
    moves?.tell()
  }

  /// Nothing is held.
  private func move(_ state: inout State) -> Moves? {
    var moves = Moves()
    while true {
      let due = state.accounts.lazy.compactMap { $0.deadline }.min()
      let target = state.advances.lazy.map { $0.target }.min()
      if let target, due.map({ $0 > target }) ?? true {
        // What was due up to here is done.
        time.store(max(target, time.load(ordering: .relaxed)), ordering: .releasing)
        moves.over += state.advances.filter { $0.target <= target }
        state.advances.removeAll { $0.target <= target }
      } else if let due, due <= Self.latest, target != nil || state.waiting > 0 {
        time.store(due, ordering: .releasing)
        for account in state.accounts where account.deadline.map({ $0 <= due }) ?? false {
          // Its wake-up is under way from now on.
          account.deadline = nil
          account.held += 1
          state.held += 1
          moves.woken.append(account)
        }
        return moves
      } else {
        return moves
      }
    }
  }
}

/// What one part of the process has under way that time must not run away from. The clock's lock guards it.
package final class ClockAccount: @unchecked Sendable {
  private let clock: VirtualClock
  fileprivate var held = 0
  /// When it has something to do, while it rests.
  fileprivate var deadline: TimestampMS?
  fileprivate var isListed = false
  fileprivate var isClosed = false
  fileprivate let wake: @Sendable () -> Void

  /// - wake: called when the deadline has come, holding the clock once.
  init(_ clock: VirtualClock, wake: @escaping @Sendable () -> Void = {}) {
    self.clock = clock
    self.wake = wake
  }

  func hold(_ count: Int = 1) { clock.hold(self, count) }
  func release(_ count: Int = 1) { clock.release(self, count) }

  /// Gives back `count`, and asks to be woken at the deadline.
  ///
  /// false: that has come already, so nothing was given back.
  func rest(until deadline: TimestampMS?, releasing count: Int) -> Bool {
    clock.rest(self, until: deadline, releasing: count)
  }

  /// Gives everything back, for good.
  func close() { clock.close(self) }
}

/// A wish that time moves. The clock's lock guards it.
final class ClockAdvance: @unchecked Sendable {
  fileprivate var target: TimestampMS = 0
  fileprivate var isOver = false
  fileprivate var over: @Sendable (TimestampMS) -> Void = { _ in }

  init() {}
}
