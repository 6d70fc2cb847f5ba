import Perdure

/// A lock that is an orchestration: wishes come by a queue, one holder at a time is granted the resource.
///
/// Who holds it gives it back, also when its work fails. A holder that cannot give it back any more, because
/// it was terminated, loses it when its lease ends; one that has ended before its turn is passed over. The
/// worker is restarted while the lock is held.
///
/// Expect: the critical sections never overlap, and everybody who still can gets in, in the order of the
/// wishes.
enum PrinterLock: Scenario {
  static let lease = 1_000

  struct Wish: Codable {
    var holder: String
    var ticket: String
    /// Milliseconds.
    var lease: Int
  }

  // MARK: The lock

  static let mutex = OrchestrationDefinition("mutex") { (context, before: Int) -> Void in
    var granted = before
    for _ in 0..<3 {
      let wish = try await context.dequeue("wishes", as: Wish.self)
      do {
        try await context.raiseEvent("granted \(wish.ticket)", to: wish.holder)
      } catch is MessageRefused {
        continue  // It has ended while it waited.
      }
      granted += 1
      do {
        try await context.withTimeout(.milliseconds(wish.lease)) {
          // Others come from holders whose lease had ended before.
          while try await context.dequeue("given back", as: String.self) != wish.ticket {}
        }
      } catch is TimedOut {}
      try context.setCustomStatus(["granted": granted])
    }
    // The wishes that wait go along.
    try context.continueAsNew(granted)
  }

  static func locked<Value>(
    _ context: OrchestrationContext, by lock: String, _ body: () async throws -> Value
  ) async throws -> Value {
    let wish = Wish(holder: context.instance, ticket: context.newGUID(), lease: lease)
    try await context.enqueue("wishes", to: lock, data: wish)
    try context.setCustomStatus("waiting")
    try await context.waitForEvent("granted \(wish.ticket)")
    let value: Value
    do {
      value = try await body()
    } catch {
      try await context.enqueue("given back", to: lock, data: wish.ticket)
      throw error
    }
    try await context.enqueue("given back", to: lock, data: wish.ticket)
    return value
  }

  // MARK: Who uses it

  static let usePrinter = ActivityDefinition("usePrinter") { (context, works: Bool) in
    try Journal.note("enters", context.instance)
    try await Task.sleep(for: .milliseconds(30))
    try Journal.note("leaves", context.instance)
    if !works { throw Failure(type: "PrinterError", message: "paper jam") }
  }

  static let printPage = OrchestrationDefinition("printPage") { (context, page: String) -> String in
    try await locked(context, by: "printer") {
      try context.setCustomStatus("printing")
      if page == "endless" { try await context.waitForEvent("never") }
      try await context.call(usePrinter, with: page == "good")
    }
    return "\(page) page printed"
  }

  static let definitions: [any Definition] = [mutex, printPage, usePrinter]

  static func story(_ scene: Scene) async throws {
    let client = scene.client
    try await client.start(mutex, input: 0, instance: "printer")
    try await scene.run {
      try await client.start(printPage, input: "endless", instance: "Edsger")
      try await scene.status(of: "Edsger", is: "printing")
      for (name, page) in [("Grace", "bad"), ("Barbara", "good"), ("Alan", "good"), ("Ada", "good")] {
        try await client.start(printPage, input: page, instance: name)
        try await scene.status(of: name, is: "waiting")
      }
      // Both end without any code of theirs: one has the lock, the other waits for it.
      try await client.terminate("Edsger", reason: "switched off")
      try await client.terminate("Barbara", reason: "switched off")
    }
    say("Edsger is terminated with the lock in his hands; the worker is restarted")
    try await scene.run {
      try expect(try await scene.failure(of: "Grace").message, is: "paper jam")
      for name in ["Alan", "Ada"] { try expect(try await scene.result(of: name), is: "good page printed") }
      // Edsger, Grace, Alan and Ada; the last grant is over.
      try await scene.status(of: "printer", is: ["granted": 4])
    }

    let passages = try Journal.notes().map { $0.joined(separator: " ") }
    let order = ["Grace", "Alan", "Ada"].flatMap { ["enters \($0)", "leaves \($0)"] }
    try expect(passages, is: order, "they overlap, or not in the order of the wishes: this")
    say("then in: Grace, who fails and gives it back, Alan, Ada")

    func grantedAt(_ name: String) async throws -> Int64 {
      let events = try await scene.events(name, "EventRaised")
      try expect(events.count, is: 1, "the number of grants to \(name)")
      return events[0].at
    }
    // The first three wishes were served by the first execution of the lock; one lease ended with a timer.
    let timers = try await scene.events("printer", "TimerCreated", execution: 1)
    let ended = try await scene.events("printer", "TimerFired", execution: 1)
    try expect(ended.map(\.action), is: [timers[0].action], "the leases that ended")
    try expect(ended[0].at >= timers[0].fireAt ?? .max, "Edsger's lease ended early")
    let grace = try await grantedAt("Grace")
    try expect(grace >= ended[0].at, "Grace was let in while Edsger's lease ran")
    try expect(try await grantedAt("Alan") - grace < lease, "Grace did not give it back herself")
    let toBarbara = try await scene.events("Barbara", "EventRaised")
    try expect(toBarbara.isEmpty, "Barbara had ended, she cannot be granted anything")
  }
}
