import PerdureModel
import Testing

@testable import Perdure

@Suite struct ActivityOptionTests {
  static let full = Perdure.ActivityOptions(
    retry: Perdure.RetryPolicy(
      maxAttempts: 7, backoff: .linear, initialInterval: .milliseconds(50), coefficient: 1.5,
      maxInterval: .seconds(9), jitter: 0.25, nonRetryable: ["Declined"]),
    scheduleToStart: .seconds(1), startToClose: .seconds(2), scheduleToClose: .seconds(3),
    heartbeat: .milliseconds(400), tag: "gpu", session: "s-1", priority: 5)

  private func scheduled(_ rig: Rig) -> PerdureModel.ActivityOptions? {
    guard case .scheduleActivity(_, _, let options) = rig.actions.first?.kind else { return nil }
    return options
  }

  @Test func theyTravelWithTheAction() throws {
    let rig = Rig { context in try await context.activity("A", options: Self.full) }
    rig.start()
    let options = try #require(scheduled(rig))
    #expect(options.scheduleToStartMS == 1_000)
    #expect(options.startToCloseMS == 2_000)
    #expect(options.scheduleToCloseMS == 3_000)
    #expect(options.heartbeatMS == 400)
    #expect(options.tag == "gpu")
    #expect(options.session == "s-1")
    #expect(options.priority == 5)
    var retry = PerdureModel.RetryPolicy()
    retry.maxAttempts = 7
    retry.backoff = .linear
    retry.initialIntervalMS = 50
    retry.coefficientPercent = 150
    retry.maxIntervalMS = 9_000
    retry.jitterPercent = 25
    retry.nonRetryableTypes = ["Declined"]
    #expect(options.retry == retry)
  }

  @Test func withoutThemTheyAreTheEnginesDefaults() throws {
    let rig = Rig { context in try await context.activity("A") }
    rig.start()
    #expect(scheduled(rig)?.isDefault == true)
    #expect(try Perdure.RetryPolicy().model(of: "A") == PerdureModel.RetryPolicy())
  }

  @Test(arguments: [true, false])
  func thoseOfTheDefinitionHoldUnlessTheCallHasOthers(overridden: Bool) {
    let definition = ActivityDefinition("A", options: Self.full) { (_) in }
    let other = Perdure.ActivityOptions(tag: "other")
    let rig = Rig { context in try await context.call(definition, options: overridden ? other : nil) }
    rig.start()
    #expect(scheduled(rig)?.tag == (overridden ? "other" : "gpu"))
    #expect((scheduled(rig)?.retry == nil) == overridden)
  }

  static let wrong: [(name: String, options: Perdure.ActivityOptions)] = [
    ("priority", .init(priority: 1_001)),
    ("scheduleToStart", .init(scheduleToStart: .zero)),
    ("startToClose", .init(startToClose: .seconds(-1))),
    ("scheduleToClose", .init(scheduleToClose: .seconds(1 << 40))),
    ("heartbeat", .init(heartbeat: .zero)),
    ("retry.maxAttempts", .init(retry: .init(maxAttempts: -1))),
    ("retry.initialInterval", .init(retry: .init(initialInterval: .seconds(-1)))),
    ("retry.coefficient", .init(retry: .init(coefficient: 0.5))),
    ("retry.coefficient", .init(retry: .init(coefficient: .nan))),
    ("retry.maxInterval", .init(retry: .init(maxInterval: .seconds(-1)))),
    ("retry.jitter", .init(retry: .init(jitter: 1.5))),
    ("retry.jitter", .init(retry: .init(jitter: .infinity))),
  ]

  @Test(arguments: wrong.indices)
  func whatIsOutsideItsRangeIsRefusedAtTheCall(index: Int) {
    let (name, options) = Self.wrong[index]
    let rig = Rig { context in
      do {
        try await context.activity("A", options: options)
      } catch let error as DXError {
        return "\(error.code) \(error.message)"
      }
      return "taken"
    }
    rig.start()
    #expect(rig.actions.isEmpty, "\(name)")
    #expect(rig.output?.contains("invalidArgument The option '\(name)' of activity 'A'") == true, "\(name)")
  }

  @Test(arguments: ClosePolicy.allCases)
  func childrenCarryTheirClosePolicy(policy: ClosePolicy) {
    let rig = Rig { context in try await context.subOrchestration("kid", closePolicy: policy) }
    rig.start()
    guard case .scheduleSubOrchestration(_, _, _, _, let carried, _) = rig.actions.first?.kind else {
      Issue.record("no child")
      return
    }
    #expect(carried.rawValue == policy.rawValue)
  }

  struct Busy: RetryAdvice {
    var retryAfter: Duration? { .milliseconds(1_500) }
  }

  struct Hopeless: RetryAdvice {
    var isNonRetryable: Bool { true }
  }

  @Test func errorsSayWhetherAndWhenToTryAgain() {
    #expect(PerdureModel.Failure(Busy()).retryAfterMS == 1_500)
    #expect(!PerdureModel.Failure(Busy()).isNonRetryable)
    #expect(PerdureModel.Failure(Hopeless()).isNonRetryable)
    let failure = Perdure.Failure(type: "T", message: "m", isNonRetryable: true, retryAfter: .seconds(2))
    #expect(PerdureModel.Failure(failure).retryAfterMS == 2_000)
    #expect(Perdure.Failure(PerdureModel.Failure(failure)) == failure)
  }

  @Test(arguments: ActivityTimeout.allCases)
  func timeLimitsAreToldApart(limit: ActivityTimeout) {
    let task = ActivityTask(
      key: ActivityKey(instance: "i", execution: 1, action: 1), orchestration: "o", name: "A", input: .null,
      attempt: 1, visibleAt: 0, claim: nil)
    let failure = Perdure.Failure(.timeout(limit, of: task))
    #expect(failure.engineType == .timeout)
    #expect(failure.timeout?.rawValue == limit.rawValue)
  }
}
