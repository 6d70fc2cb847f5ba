import Perdure

/// The control plane of a database service: make what a database needs, watch over it, take it all away
/// again.
///
/// Whatever goes wrong half-way (a step fails, a machine never gets healthy, a person cancels), what was made
/// is destroyed in reverse order. A database that is ready has a watcher, a child that continues as new for
/// as long as the database is there and is cancelled at the end. The worker is restarted in between.
enum Provisioning: Scenario {
  static let parts = ["network", "volume", "machine"]

  struct Plan: Codable {
    /// "good", "broken" (cannot be started) or "sick" (starts, and never gets healthy).
    var image: String
    /// Milliseconds in which it has to be healthy.
    var patience: Int
  }

  struct Part: Codable {
    var kind: String
    var image: String
  }

  // MARK: The cloud

  static let make = ActivityDefinition(
    "make", options: ActivityOptions(retry: RetryPolicy(initialInterval: .milliseconds(20)))
  ) { (context, part: Part) in
    if part.kind == "machine", part.image == "broken" {
      throw Failure(type: "NoSuchImage", message: "there is no image 'broken'", isNonRetryable: true)
    }
    try Journal.note(context.instance, "+", part.kind)
  }

  /// Harmless for what is not there.
  static let destroy = ActivityDefinition(
    "destroy",
    options: ActivityOptions(retry: RetryPolicy(maxAttempts: 0, initialInterval: .milliseconds(20)))
  ) { (context, part: Part) in
    try Journal.note(context.instance, "-", part.kind)
  }

  static let isHealthy = ActivityDefinition("isHealthy") { (_, image: String) -> Bool in
    try Journal.note("probe", image)
    return image == "good"
  }

  // MARK: The control plane

  static let watch = OrchestrationDefinition("watch") { (context, image: String) -> Void in
    for _ in 0..<3 {
      try context.setCustomStatus(["healthy": try await context.call(isHealthy, with: image)])
      try await context.sleep(for: .milliseconds(20))
    }
    try context.continueAsNew(image)
  }

  static let database = OrchestrationDefinition("database") { (context, plan: Plan) -> String in
    var made: [Part] = []
    let end: Result<String, any Error>
    do {
      try context.setCustomStatus("provisioning")
      for kind in parts {
        // Before, not after: a step that is cut off may have had its effect.
        made.append(Part(kind: kind, image: plan.image))
        try await context.call(make, with: Part(kind: kind, image: plan.image))
      }
      try context.setCustomStatus("starting")
      try await context.withTimeout(.milliseconds(plan.patience)) {
        while !(try await context.call(isHealthy, with: plan.image)) {
          try await context.sleep(for: .milliseconds(50))
        }
      }
      try context.setCustomStatus("ready")
      // The watcher never ends of itself; it loses the race, and is cancelled.
      try await context.race(
        { try await context.call(watch, with: plan.image, instance: "\(context.instance)/watch") },
        { try await context.waitForEvent("delete") })
      end = .success("deleted")
    } catch let error as ActivityFailure {
      end = .failure(
        Failure(type: "ProvisioningFailed", message: error.failure.type, cause: error.failure))
    } catch is TimedOut {
      end = .failure(Failure(type: "ProvisioningFailed", message: "not healthy in time"))
    } catch {
      // Also after a cancellation: what cleans up may do durable work.
      end = .failure(error)
    }
    try context.setCustomStatus("removing")
    for part in made.reversed() { try await context.call(destroy, with: part) }
    return try end.get()
  }

  static let definitions: [any Definition] = [database, watch, make, destroy, isHealthy]

  static func story(_ scene: Scene) async throws {
    let client = scene.client
    let plans = [
      ("orders", Plan(image: "good", patience: 30_000)), ("broken", Plan(image: "broken", patience: 30_000)),
      ("sick", Plan(image: "sick", patience: 400)), ("unwanted", Plan(image: "sick", patience: 600_000)),
    ]
    for (name, plan) in plans { try await client.start(database, input: plan, instance: name) }
    try await scene.run {
      try await scene.status(of: "orders", is: "ready")
      try await scene.status(of: "orders/watch", is: ["healthy": true])
      try await scene.status(of: "unwanted", is: "starting")
    }
    say("orders is ready, unwanted is starting; the worker is restarted")
    try await scene.run {
      try expect(try await scene.failure(of: "broken").message, is: "NoSuchImage")
      try expect(try await scene.failure(of: "sick").message, is: "not healthy in time")
      say("broken: no such image; sick: not healthy in time")
      try await client.cancel("unwanted", reason: "too expensive")
      try expect(try await scene.failure(of: "unwanted").engineType, is: .cancelled)
      // It goes on watching: another execution than before, and no end.
      let before = try await client.describe("orders/watch").execution
      try await Journal.wait("probe", "good", count: try Journal.notes("probe", "good").count + 4)
      let watcher = try await client.describe("orders/watch")
      try expect(watcher.status == .running && watcher.execution > before, "\(watcher)")
      try await client.raiseEvent("delete", to: "orders")
      try expect(try await scene.result(of: "orders"), is: "deleted")
      try expect(try await scene.failure(of: "orders/watch").engineType, is: .cancelled, "its watcher")
    }
    say("unwanted is cancelled, orders is deleted and its watcher with it")

    let (made, removed) = (parts.map { "+ \($0)" }, parts.reversed().map { "- \($0)" })
    func done(_ name: String) throws -> [String] { try Journal.notes(name).map { "\($0[1]) \($0[2])" } }
    for name in ["orders", "sick", "unwanted"] { try expect(try done(name), is: made + removed, name) }
    // Its machine was never made; it is destroyed all the same, to be sure.
    try expect(try done("broken"), is: made.dropLast() + removed, "broken")
  }
}
