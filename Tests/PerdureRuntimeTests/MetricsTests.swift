import PerdureClient
import PerdureModel
import PerdureRuntime
import PerdureStore
import Testing

/// What is counted is what landed.
@Suite struct MetricsTests {
  let bed = try! Bed()

  func value(_ name: String, _ label: String? = nil, in hub: Hub? = nil) -> Int64? {
    let family = (hub ?? bed.hub).measure().families.first { $0.name == "perdure_" + name }
    let series = family?.series.first { label == nil || $0.labels.contains { $0.value == label } }
    return switch series?.value {
    case .integer(let value): value
    case .histogram(_, let counts, _): counts.reduce(0, +)
    default: nil
    }
  }

  @Test func whatWasTriedAndFailedIsNoEvent() throws {
    bed.store.fail([StoreError(.full, "no room"), StoreError(.busy, "later")])
    #expect(throws: ClientError.self) { try bed.start("a") }
    #expect(throws: ClientError.self) { try bed.start("a") }
    #expect(value("instances_started", "order") == nil)
    #expect(value("store_errors", "full") == 1)
    #expect(value("store_errors", "busy") == 1)
    #expect(value("commits") == 0)
    try bed.start("a")
    #expect(throws: ClientError.self) { try bed.start("a") }
    #expect(value("instances_started", "order") == 1)
    #expect(value("store_refusals", "alreadyExists") == 1)
    #expect(value("commits") == 2)
    #expect(value("commit_entries") == 1)
    #expect(value("commit_duration_seconds") == 2)
  }

  @Test func aTurnThatLandsAtTheSecondTryCountsOnce() throws {
    let runtime = try bed.runtime()
    try bed.start("a")
    let ticket = try bed.turn(runtime)
    bed.store.fail([StoreError(.io, "a moment")])
    let wait = Action(id: 1, after: 1, kind: .wait("go"))
    _ = ticket.answer(.ran(TurnResult(actions: [wait], retained: true)))
    try bed.wait { value("turns", "order") == 1 }
    #expect(value("events", "OrchestrationStarted") == 1)
    #expect(value("events", "EventSubscribed") == 1)
    #expect(value("store_errors", "io") == 1)
    #expect(value("turn_duration_seconds", "order") == 1)
  }

  @Test func namesBeyondTheLimitShareOnePlace() throws {
    for number in 0..<(Limits.metricNames + 20) { try bed.start("i\(number)", "name \(number)") }
    #expect(value("instances_started", "name 0") == 1)
    #expect(value("instances_started", "name \(Limits.metricNames + 1)") == nil)
    #expect(value("instances_started", "_other") == 20)
  }

  @Test func whatTheStoreEndsIsCountedWithTheRest() throws {
    let runtime = try bed.runtime()
    try bed.start("a")
    let child = ActionKind.scheduleSubOrchestration(
      name: "order", version: nil, instance: "kid", input: .null, closePolicy: .terminate)
    try bed.runs(runtime, [child])
    try bed.runs(runtime, [.wait("go")])
    _ = try bed.client.control(ControlRequest(instance: "a", operation: .control(.terminate)))
    #expect(value("instances_terminated") == 2)
    #expect(value("events", "OrchestrationTerminated") == 2)
    #expect(value("instances_started", "order") == 2)
    _ = try bed.client.delete("a", force: false)
    #expect(value("instances_deleted") == 2)
  }

  @Test func writesThatWaitShow() throws {
    bed.store.hold()
    let started = Collected<Void>()
    let client = bed.client
    _ = startThread {
      _ = try? client.start(StartRequest(orchestration: "order", instance: "a"))
      started.add(())
    }
    func gauge(_ name: String) -> MetricValue? {
      bed.hub.measure().families.first { $0.name == "perdure_" + name }?.series.first?.value
    }
    try bed.wait { gauge("writes_waiting") == .integer(1) }
    try bed.wait { if case .real(let age)? = gauge("oldest_write_age_seconds") { age > 0 } else { false } }
    bed.store.letGo()
    started.wait(for: 1)
    try bed.wait { gauge("writes_waiting") == .integer(0) }
    #expect(gauge("oldest_write_age_seconds") == .real(0))
  }

  @Test func attemptsAndActivities() throws {
    let runtime = try bed.runtime()
    try bed.start("a")
    try bed.runs(
      runtime,
      [
        .work {
          $0.retry = RetryPolicy()
          $0.retry?.backoff = RetryPolicy.Backoff.none
        }
      ])
    let failure = Failure(type: "E", message: "m")
    _ = try bed.activity(runtime).end(.failed(failure))
    _ = try bed.activity(runtime).end(.completed(.null))
    try bed.runs(runtime, end: .completed(output: .null))
    try bed.wait { value("instances_ended", "Completed") == 1 }
    #expect(value("activity_attempts_started", "work") == 2)
    #expect(value("activity_attempts_retried") == 1)
    #expect(value("activities_scheduled", "work") == 1)
    #expect(value("activities_completed", "work") == 1)
    #expect(value("activities_failed", "work") == 0)
    #expect(value("activity_start_latency_seconds", "work") == 1)
    try bed.wait { value("activity_attempt_duration_seconds", "work") == 2 }
    #expect(value("instance_duration_seconds", "order") == 1)
  }
}
