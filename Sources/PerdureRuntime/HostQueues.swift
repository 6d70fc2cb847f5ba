import PerdureModel

/// How a registered name is run: by a call from our threads, or by `poll`.
package enum HostFunction<Ticket: Sendable>: Sendable {
  case callback(@Sendable (Ticket) -> Void)
  /// By the engine itself, on the thread of its reads.
  case engine(@Sendable (Ticket) -> Void)
  case poll
}

/// Work for hosts: threads that make callbacks, and what waits for `poll`.
final class HostQueues: @unchecked Sendable {
  private let turnCalls = WorkQueue<@Sendable () -> Void>()
  private let activityCalls = WorkQueue<@Sendable () -> Void>()
  private let engineCalls: WorkQueue<@Sendable () -> Void>
  private let turnThreads: Int
  private let activityThreads: Int

  private let monitor = Monitor()
  private var turns = FIFO<TurnTicket>()
  private var activities = FIFO<ActivityTicket>()
  /// What pollers call activities that they are to end.
  private var cancelled: [Int64] = []
  private var pollers = 0
  private var isStopped = false

  /// - engine: where the engine does its own work.
  init(turnThreads: Int, activityThreads: Int, engine: WorkQueue<@Sendable () -> Void>) {
    engineCalls = engine
    self.turnThreads = turnThreads
    self.activityThreads = activityThreads
  }

  /// Threads only where there is a callback to make. false: the system has no more threads.
  func start(turnCallbacks: Bool, activityCallbacks: Bool) -> Bool {
    var isComplete = true
    func run(_ count: Int, _ queue: WorkQueue<@Sendable () -> Void>) {
      for _ in 0..<count {
        let started = startThread {
          CallingThread.mark()
          while let calls = queue.take(1, untilMonotonicNS: nil) { for call in calls { call() } }
        }
        isComplete = isComplete && started
      }
    }
    if turnCallbacks { run(turnThreads, turnCalls) }
    if activityCallbacks { run(activityThreads, activityCalls) }
    return isComplete
  }

  /// `wake` must follow, for several additions together.
  func add(_ ticket: TurnTicket, _ function: HostFunction<TurnTicket>) {
    switch function {
    case .callback(let call): turnCalls.addQuietly { call(ticket) }
    case .engine(let call): engineCalls.add { call(ticket) }
    case .poll:
      monitor.locked {
        if !isStopped { turns.append(ticket) }
        wakePollers()
      }
    }
  }

  /// `wake` must follow.
  func add(_ ticket: ActivityTicket, _ function: HostFunction<ActivityTicket>) {
    switch function {
    case .callback(let call): activityCalls.addQuietly { call(ticket) }
    case .engine(let call): engineCalls.add { call(ticket) }
    case .poll:
      monitor.locked {
        if !isStopped { activities.append(ticket) }
        wakePollers()
      }
    }
  }

  func wake() {
    turnCalls.wake()
    activityCalls.wake()
  }

  /// An activity that was handed out by `poll` is no longer wanted.
  func addCancelled(_ name: Int64) {
    monitor.locked {
      cancelled.append(name)
      wakePollers()
    }
  }

  private func wakePollers() { if pollers > 0 { monitor.broadcast() } }

  struct Taken {
    var turns: [TurnTicket] = []
    var activities: [ActivityTicket] = []
    var cancelled: [Int64] = []
    var isStopped = false
  }

  /// Waits until there is something of what the caller takes, the deadline, or the end.
  func poll(turnsMax: Int, activitiesMax: Int, untilMonotonicNS deadline: Int64) -> Taken {
    monitor.locked {
      while true {
        var taken = Taken(isStopped: isStopped)
        while taken.turns.count < turnsMax, let ticket = turns.popFirst() { taken.turns.append(ticket) }
        while taken.activities.count < activitiesMax, let ticket = activities.popFirst() {
          taken.activities.append(ticket)
        }
        if activitiesMax > 0 {
          taken.cancelled = cancelled
          cancelled = []
        }
        let wants = turnsMax > 0 || activitiesMax > 0
        let hasAny = !taken.turns.isEmpty || !taken.activities.isEmpty || !taken.cancelled.isEmpty
        if isStopped || !wants || hasAny { return taken }
        if monotonicNowNS() >= deadline { return taken }
        pollers += 1
        _ = monitor.wait(untilMonotonicNS: deadline)
        pollers -= 1
      }
    }
  }

  func stop() {
    // Hosts are not called once they were told that the runtime has ended.
    turnCalls.close(discarding: true)
    activityCalls.close(discarding: true)
    monitor.locked {
      isStopped = true
      turns = FIFO()
      activities = FIFO()
      monitor.broadcast()
    }
  }
}
