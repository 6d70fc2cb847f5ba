import PerdureModel
import Synchronization

@testable import Perdure

// The samples of docs/wire-format.md about options, state, messages and patches.
extension Samples {
  static let others: [String: OrchestrationBody] = [
    "retry-policy": text("retry-policy") { context, input in
      let options = Perdure.ActivityOptions(
        retry: Perdure.RetryPolicy(
          maxAttempts: 5, backoff: .linear, initialInterval: .milliseconds(200), coefficient: 1.5,
          maxInterval: .seconds(5), jitter: 0.1, nonRetryable: ["Declined"]),
        scheduleToStart: .seconds(60), startToClose: .seconds(10), scheduleToClose: .seconds(120),
        heartbeat: .milliseconds(2_500), tag: "gpu", session: "s-1", priority: 5)
      return try await context.activity("flaky", with: input, options: options, returning: AnyJSON.self)
    },
    "kv": text("kv") { context, input in
      try context.kv.set("n", try context.kv.get("n", default: 0) + 1)
      try context.kv.set("tmp", input)
      try context.kv.clear("tmp")
      try await context.sleep(for: .milliseconds(1_000))
      try context.kv.set("late", true)
      let pruned = try context.kv.prune(before: context.now.advanced(by: .milliseconds(-500)))
      let other = try await context.readKV("other", "n", as: AnyJSON.self)
      return .object([
        "pruned": .number(Double(pruned)), "keys": .array(try context.kv.keys.map { .string($0) }),
        "other": other ?? .null,
      ])
    },
    "topic": text("topic") { context, _ in
      try context.subscribe("news")
      let news = try await context.waitForTopic("news", as: AnyJSON.self)
      try context.publish("echo", data: news)
      try context.unsubscribe("news")
      return news
    },
    "calls": text("calls") { context, _ in
      let total = Total()
      try context.onCall("add") { (input: AnyJSON) in
        guard case .number = input else { throw Perdure.Failure(type: "Type", message: "not a number") }
      } handler: { (input: AnyJSON) in
        if case .number(let number) = input { return total.add(Int(number)) }
        return total.add(0)
      }
      try context.onCall("work") { (input: AnyJSON) in
        try await context.activity("work", with: input, returning: AnyJSON.self)
      }
      try context.onQuery("total") { total.add(0) }
      try await context.waitForEvent("stop")
      return .number(Double(total.add(0)))
    },
    "requests": text("requests") { context, input in
      do {
        try await context.raiseEvent("go", to: "a", data: input, keep: true)
        try await context.enqueue("q", to: "b", data: 1)
        try await context.cancelInstance("c", reason: "enough")
        return .string("sent")
      } catch let error as MessageRefused {
        return .object(["refused": .string(error.failure.type)])
      }
    },
    "patch": text("patch") { context, input in
      try context.deprecatePatch("p0")
      let name = try context.patched("p1") ? "new" : "old"
      let result = try await context.activity(name, with: input, returning: AnyJSON.self)
      guard try context.patched("p1") else { return result }
      return try await context.activity("more", with: result, returning: AnyJSON.self)
    },
    "late": OrchestrationDefinition<Int, Int>("late") { context, begun in
      var count = begun
      while true {
        let message = try await context.dequeue("q", as: AnyJSON.self)
        if message == .string("stop") { return count }
        count += 1
        if context.shouldContinueAsNew { try context.continueAsNew(count) }
      }
    }.body,
    "trace": text("trace") { context, _ in
      func json(_ text: String?) -> AnyJSON { text.map { .string($0) } ?? .null }
      let trace: AnyJSON = .array([json(context.traceparent), json(context.tracestate)])
      let result = try await context.activity("call", with: trace, returning: AnyJSON.self)
      return .array([json(context.traceparent), result])
    },
    "limit": text("limit") { context, _ in
      let large = String(repeating: "x", count: 262_144)
      var types: [AnyJSON] = []
      let tries: [@Sendable () async throws -> Void] = [
        { try await context.activity("") }, { try context.setCustomStatus(large) },
        { try context.kv.set("k", large) },
      ]
      for attempt in tries {
        do { try await attempt() } catch { types.append(.string(PerdureModel.Failure(error).type)) }
      }
      return .array(types)
    },
  ]

  /// State that handlers share with the code, of one run of it.
  private final class Total: Sendable {
    private let value = Mutex(0)

    func add(_ number: Int) -> Int {
      value.withLock { value in
        value += number
        return value
      }
    }
  }
}
