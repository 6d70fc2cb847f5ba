import Perdure

/// Three versions of one orchestration, deployed one after the other, living side by side in one worker.
///
/// An instance stays with the version that it began with; a new one takes the highest. One that continues as
/// new begins again, and takes the highest as well: that is how an orchestration that never ends comes to new
/// code.
enum Versioning: Scenario {
  static let step = ActivityDefinition("step") { (context, name: String) -> String in
    try Journal.note(context.instance, name)
    return name
  }

  // MARK: Onboarding: each version does more

  static let onboard1 = OrchestrationDefinition("onboard", version: "1.0.0") { (context) -> [String] in
    let steps = [try await context.call(step, with: "account")]
    try await context.waitForEvent("first day")
    return steps + [try await context.call(step, with: "welcome")]
  }

  static let onboard2 = OrchestrationDefinition("onboard", version: "2.0.0") { (context) -> [String] in
    // The laptop comes before the account: under an instance of version 1 this would be another history.
    let laptop = try await context.call(step, with: "laptop")
    let account = try await context.call(step, with: "account")
    try await context.waitForEvent("first day")
    return [laptop, account, try await context.call(step, with: "welcome")]
  }

  static let onboard3 = OrchestrationDefinition("onboard", version: "3.0.0") { (context) -> [String] in
    var steps: [String] = []
    for name in ["laptop", "account", "badge"] { steps.append(try await context.call(step, with: name)) }
    try await context.waitForEvent("first day")
    for name in ["welcome", "lunch"] { steps.append(try await context.call(step, with: name)) }
    return steps
  }

  // MARK: A report every month, by whichever version is the newest then

  static func report(_ version: String) -> OrchestrationDefinition<[String], [String]> {
    OrchestrationDefinition("report", version: version) { (context, before: [String]) -> [String] in
      try context.setCustomStatus(context.version)
      let writtenBy = before + [context.version]
      if try await context.waitForEvent("month ends", as: Bool.self) { return writtenBy }
      try context.continueAsNew(writtenBy)
    }
  }

  static let version1: [any Definition] = [step, onboard1, report("1.0.0")]
  static let version2: [any Definition] = version1 + [onboard2, report("2.0.0")]
  static let definitions: [any Definition] = version2 + [onboard3, report("3.0.0")]

  static func story(_ scene: Scene) async throws {
    let client = scene.client
    /// Started by its name: who starts it need not know the versions.
    func onboard(_ name: String, version: String? = nil) async throws {
      try await client.start("onboard", instance: name, version: version, returning: [String].self)
    }

    try await scene.run(version1) {
      try await onboard("Ada")
      try await client.start("report", input: [String](), instance: "report")
      try await Journal.wait("Ada", "account")
      try await scene.status(of: "report", is: "1.0.0")
    }
    try await scene.run(version2) {
      try await onboard("Grace")
      try await Journal.wait("Grace", "account")
      let version = try await client.describe("report").version
      try expect(version, is: "1.0.0", "an execution changed its version, it")
      try await client.raiseEvent("month ends", to: "report", data: false)
      try await scene.status(of: "report", is: "2.0.0")
    }
    let names = ["Ada", "Grace", "Alan", "Kurt"]
    var steps: [String: [String]] = [:]
    try await scene.run {
      try await onboard("Alan")
      try await onboard("Kurt", version: "1.0.0")
      try await client.raiseEvent("month ends", to: "report", data: false)
      try await scene.status(of: "report", is: "3.0.0")
      try await client.raiseEvent("month ends", to: "report", data: true)
      for name in names { try await client.raiseEvent("first day", to: name) }
      for name in names { steps[name] = try await scene.result(of: name) }
      let writers = try await scene.result(of: "report", as: [String].self)
      try expect(writers, is: ["1.0.0", "2.0.0", "3.0.0"], "the writers of the reports")
      say("the reports were written by \(writers.joined(separator: ", "))")
    }

    let expected = [
      ("Ada", "1.0.0", ["account", "welcome"]), ("Grace", "2.0.0", ["laptop", "account", "welcome"]),
      ("Alan", "3.0.0", ["laptop", "account", "badge", "welcome", "lunch"]),
      // Began last, and asked for the first version.
      ("Kurt", "1.0.0", ["account", "welcome"]),
    ]
    for (name, version, wanted) in expected {
      let taken = steps[name, default: []]
      try expect(taken, is: wanted, "the steps of \(name)")
      try expect(try await client.describe(name).version, is: version, "the version of \(name)")
      // Nothing was done twice on the way through three workers.
      try expect(try Journal.notes(name).map { $0[1] }, is: wanted, "what was done for \(name)")
      say("\(name), version \(version): \(taken.joined(separator: ", "))")
    }
  }
}
