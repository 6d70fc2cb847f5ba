import Perdure

/// Fan-out and fan-in: many greetings are made at once and joined in the order of the names.
///
/// The later a name stands in the list, the less time its greeting takes, and a worker makes three at a time;
/// the result has them in order all the same. The worker is restarted when some are ready and some are not
/// begun: none is made a second time.
enum Greetings: Scenario {
  static let names = ["Gabbar", "Samba", "Kaalia", "Jai", "Veeru", "Basanti", "Radha", "Thakur"]

  static let greet = ActivityDefinition("greet") { (_, name: String) -> String in
    let place = names.firstIndex(of: name) ?? 0
    try await Task.sleep(for: .milliseconds(25 * (names.count - place)))
    try Journal.note("greeted", name)
    return "Hello, \(name)!"
  }

  static let greetAll = OrchestrationDefinition("greetAll") { (context, names: [String]) -> String in
    let greetings = try await context.all(names) { try await context.call(greet, with: $0) }
    return greetings.joined(separator: " ")
  }

  static let definitions: [any Definition] = [greetAll, greet]

  static var options: RuntimeOptions {
    var options = RuntimeOptions()
    options.activitySlots = 3
    return options
  }

  static func story(_ scene: Scene) async throws {
    try await scene.client.start(greetAll, input: names, instance: "village")
    try await scene.run { _ = try await Journal.wait("greeted", count: 3) }
    let ready = try Journal.notes("greeted").map { $0[1] }
    try expect((3..<names.count).contains(ready.count), "at the restart these are greeted: \(ready)")
    say("at the restart these are greeted: \(ready.joined(separator: ", "))")
    let result = try await scene.run { try await scene.result(of: "village", as: String.self) }
    say(result)

    try expect(result, is: names.map { "Hello, \($0)!" }.joined(separator: " "))
    let order = try Journal.notes("greeted").map { $0[1] }
    try expect(order.first, is: "Kaalia", "the shortest of the first three")
    try expect(order.sorted(), is: names.sorted(), "somebody was greeted twice or never: this")
    // All were scheduled before any was ready: one after the other would look otherwise.
    let kinds = try await scene.events("village", "ActivityScheduled", "ActivityCompleted").map(\.kind)
    let (scheduled, completed) = (
      [String](repeating: "ActivityScheduled", count: names.count),
      [String](repeating: "ActivityCompleted", count: names.count)
    )
    try expect(kinds, is: scheduled + completed)
  }
}
