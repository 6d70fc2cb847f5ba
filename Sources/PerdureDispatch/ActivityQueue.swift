import PerdureModel

/// Activities that wait for a slot: the highest priority first, then the longest waiting. Names with limits
/// have queues of their own, so that they hold up nobody else.
struct ActivityQueue {
  private struct Place {
    var task: ActivityTask
    var order: UInt64
  }

  private struct Limited {
    let limits: ActivityLimits
    var queue = PriorityFIFO<Place>()
    var waiting = 0
    var running = 0
    /// When the last ones were begun, as many as the rate has.
    var begun = FIFO<TimestampMS>()

    /// When one more may begin; nil: not before one has ended.
    func permit() -> TimestampMS? {
      if let concurrency = limits.concurrency, running >= concurrency { return nil }
      guard let rate = limits.rate, begun.elements.count >= rate, let first = begun.elements.first else {
        return .min
      }
      return first &+ limits.ratePeriodMS
    }
  }

  private var free = PriorityFIFO<Place>()
  private var limited: [ExactText: Limited] = [:]
  private var order: UInt64 = 0
  /// In all queues.
  private var waiting = 0

  func count(of name: String) -> Int { limited[ExactText(name)]?.waiting ?? 0 }
  /// All that wait under a limit.
  private(set) var limitedCount = 0

  /// When a rate lets the next one begin; nil: none waits for a rate.
  var nextPermit: TimestampMS? {
    if limited.isEmpty { return nil }
    return limited.values.filter { !$0.queue.isEmpty }.compactMap { $0.permit() }.min()
  }

  mutating func append(_ task: ActivityTask, _ limits: ActivityLimits?) {
    order &+= 1
    waiting += 1
    let place = Place(task: task, order: order)
    let priority = task.options.priority
    guard let limits else { return free.append(place, priority: priority) }
    let name = ExactText(task.name)
    limited[name, default: Limited(limits: limits)].queue.append(place, priority: priority)
    limited[name]?.waiting += 1
    limitedCount += 1
  }

  /// Takes the next one that may begin; it counts as running until `finished`. Those that nobody wants any
  /// more are dropped on the way, and count for no limit.
  mutating func popFirst(_ now: TimestampMS, isWanted: (ActivityTask) -> Bool) -> ActivityTask? {
    while waiting > 0, let (task, isLimited) = takeBest(now) {
      waiting -= 1
      guard isWanted(task) else { continue }
      if isLimited { begin(task.name, now) }
      return task
    }
    return nil
  }

  private mutating func takeBest(_ now: TimestampMS) -> (ActivityTask, isLimited: Bool)? {
    if limited.isEmpty { return free.popFirst().map { ($0.task, false) } }
    var best = free.first.map { (priority: $0.priority, order: $0.element.order, name: ExactText?.none) }
    for (name, line) in limited {
      guard let next = line.queue.first, let permit = line.permit(), permit <= now else { continue }
      if let found = best, (-found.priority, found.order) < (-next.priority, next.element.order) { continue }
      best = (next.priority, next.element.order, name)
    }
    guard let best else { return nil }
    guard let name = best.name else { return free.popFirst().map { ($0.task, false) } }
    return limited[name]?.queue.popFirst().map { ($0.task, true) }
  }

  private mutating func begin(_ name: String, _ now: TimestampMS) {
    forget(name)
    let name = ExactText(name)
    limited[name]?.running += 1
    if let rate = limited[name]?.limits.rate {
      limited[name]?.begun.append(now)
      if (limited[name]?.begun.elements.count ?? 0) > rate { _ = limited[name]?.begun.popFirst() }
    }
  }

  /// One that waits is not wanted any more; it leaves the queue when its turn comes.
  mutating func forget(_ name: String) {
    guard !limited.isEmpty, let waiting = limited[ExactText(name)]?.waiting, waiting > 0 else { return }
    limited[ExactText(name)]?.waiting = waiting - 1
    limitedCount -= 1
  }

  mutating func finished(_ name: String) {
    guard !limited.isEmpty, let running = limited[ExactText(name)]?.running, running > 0 else { return }
    limited[ExactText(name)]?.running = running - 1
  }

  mutating func takeAll() -> [ActivityTask] {
    var places: [Place] = []
    while let place = free.popFirst() { places.append(place) }
    for name in limited.keys {
      while let place = limited[name]?.queue.popFirst() { places.append(place) }
      limited[name]?.waiting = 0
    }
    waiting = 0
    limitedCount = 0
    return places.sorted { $0.order < $1.order }.map { $0.task }
  }
}
