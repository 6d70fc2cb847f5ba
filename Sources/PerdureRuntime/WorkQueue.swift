internal import PerdureModel

/// A queue between threads. Closing lets takers drain what is left.
package final class WorkQueue<Item: Sendable>: @unchecked Sendable {
  private let monitor = Monitor()
  private var items = FIFO<Item>()
  private var sleepers = 0
  private var isClosed = false
  private var isNudged = false
  /// Holds a virtual clock for each item, until `done`.
  private let account: ClockAccount?

  package init(account: ClockAccount? = nil) { self.account = account }

  /// So many of the items that were taken are done with. For a queue with an account.
  package func done(_ count: Int) { account?.release(count) }

  /// false when the queue is closed; the item is not taken then.
  @discardableResult
  package func add(_ item: Item) -> Bool { add(contentsOf: CollectionOfOne(item)) }

  /// The same for an item for which the clock is held already.
  package func addHeld(_ item: Item) {
    monitor.locked { if !isClosed { items.append(item) } }
    wake()
  }

  @discardableResult
  package func add(contentsOf new: some Collection<Item>) -> Bool {
    let isOpen = addQuietly(contentsOf: new)
    if isOpen { wake() }
    return isOpen
  }

  /// Adds without waking a taker: `wake` must follow, for several additions together.
  @discardableResult
  package func addQuietly(contentsOf new: some Collection<Item>) -> Bool {
    monitor.locked {
      guard !isClosed else { return false }
      if let account { account.hold(new.count) }
      for item in new { items.append(item) }
      return true
    }
  }

  @discardableResult
  package func addQuietly(_ item: Item) -> Bool { addQuietly(contentsOf: CollectionOfOne(item)) }

  /// Wakes takers for what was added.
  package func wake() {
    let (sleeping, waiting) = monitor.locked { (sleepers, items.count) }
    // Outside the lock, which the woken need at once.
    if waiting >= sleeping, sleeping > 1 { return monitor.broadcast() }
    for _ in 0..<min(waiting, sleeping) { monitor.signal() }
  }

  /// Takes up to `limit` items; waits for the first until the deadline. nil: closed and empty.
  package func take(_ limit: Int = .max, untilMonotonicNS deadline: Int64?) -> [Item]? {
    monitor.locked {
      while items.isEmpty {
        if isClosed { return nil }
        sleepers += 1
        let isInTime = monitor.wait(untilMonotonicNS: deadline)
        sleepers -= 1
        if !isInTime && items.isEmpty { return isClosed ? nil : [] }
      }
      return items.take(limit)
    }
  }

  /// What there is now.
  package func takeNow() -> [Item] { monitor.locked { items.take(.max) } }

  /// There are items, and somebody who sleeps would have to be woken for them.
  package var hasSleeper: Bool { monitor.locked { sleepers > 0 && !items.isEmpty } }

  /// Waits until there are items, without taking any, until `nudge` or the deadline. false: closed and empty.
  package func sleep(untilMonotonicNS deadline: Int64?) -> Bool {
    monitor.locked {
      defer { isNudged = false }
      while items.isEmpty, !isNudged {
        if isClosed { return false }
        sleepers += 1
        let isInTime = monitor.wait(untilMonotonicNS: deadline)
        sleepers -= 1
        if !isInTime { return !isClosed || !items.isEmpty }
      }
      return true
    }
  }

  /// Ends a `sleep`, the next one if there is none now.
  package func nudge() {
    monitor.locked { isNudged = true }
    monitor.broadcast()
  }

  /// - discarding: takers get nothing more, not even what waits.
  package func close(discarding: Bool = false) {
    let dropped = monitor.locked {
      isClosed = true
      monitor.broadcast()
      return discarding ? items.take(.max) : []
    }
    // They end outside the lock.
    withExtendedLifetime(dropped) {}
  }
}
