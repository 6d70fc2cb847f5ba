import Foundation
import Perdure

/// An interpreter as an orchestration: what it does stands in a YAML file, and is durable all the same.
///
/// A file has variables and a tree of statements: `sequence`, `parallel`, `activity` and `wait`. The program
/// is the input of the instance, so that a changed file is for new instances only. Two files, two results;
/// the worker is restarted while both wait for an event.
enum Interpreter: Scenario {
  // MARK: The activities of the language, called by name

  static let add = ActivityDefinition("add") { (context, arguments: [Int]) -> Int in
    try Journal.note(context.instance, "add")
    return arguments.reduce(0, +)
  }

  static let join = ActivityDefinition("join") { (context, arguments: [YAML]) -> String in
    try Journal.note(context.instance, "join")
    return arguments.map(\.description).joined(separator: " ")
  }

  static let upper = ActivityDefinition("upper") { (context, arguments: [String]) -> String in
    try Journal.note(context.instance, "upper")
    return arguments[0].uppercased()
  }

  // MARK: The interpreter

  /// What the branches of a program share.
  actor Bindings {
    private(set) var values: [String: YAML]

    init(_ values: [String: YAML]) { self.values = values }

    func bind(_ name: YAML?, _ value: YAML) throws {
      guard case .text(let name) = name else { throw syntax("no name for a result") }
      values[name] = value
    }

    func arguments(_ names: YAML?) throws -> [YAML] {
      try (names?.elements ?? []).map { name in
        guard let value = values[name.description] else { throw syntax("no variable '\(name)'") }
        return value
      }
    }
  }

  static func syntax(_ message: String) -> Failure { Failure(type: "SyntaxWrong", message: message) }

  static let interpret = OrchestrationDefinition("interpret") {
    (context, program: YAML) -> [String: YAML] in
    let bindings = Bindings(program.members["variables"]?.members ?? [:])
    guard let body = program.members["do"] else { throw syntax("nothing to do") }
    try await execute(context, body, bindings)
    return await bindings.values
  }

  /// Each statement is an object with one member: its kind, and what belongs to it.
  static func execute(
    _ context: OrchestrationContext, _ statement: YAML, _ bindings: Bindings
  ) async throws {
    guard let (kind, body) = statement.members.first, statement.members.count == 1 else {
      throw syntax("no statement: \(statement)")
    }
    let parts = body.members
    switch kind {
    case "sequence":
      for each in body.elements { try await execute(context, each, bindings) }
    case "parallel":
      try await context.all(body.elements) { try await execute(context, $0, bindings) }
    case "activity":
      let name = parts["name"]?.description ?? ""
      let arguments = try await bindings.arguments(parts["arguments"])
      let result = try await context.activity(name, with: arguments, returning: YAML.self)
      try await bindings.bind(parts["result"], result)
    case "wait":
      let data = try await context.waitForEvent(parts["event"]?.description ?? "", as: YAML.self)
      try await bindings.bind(parts["result"], data)
    default: throw syntax("unknown statement '\(kind)'")
    }
  }

  static let definitions: [any Definition] = [interpret, add, join, upper]

  static func story(_ scene: Scene) async throws {
    let client = scene.client
    let folder = URL(filePath: #filePath).deletingLastPathComponent()
    for file in ["sequence", "parallel"] {
      let text = try String(contentsOf: folder.appending(path: "\(file).yaml"), encoding: .utf8)
      try await client.start(interpret, input: try YAML(parsing: text), instance: file)
    }
    let wrong = YAML.members(["variables": .members([:]), "do": .members(["jump": .number(10)])])
    try await client.start(interpret, input: wrong, instance: "wrong")
    try await scene.run {
      try await Journal.wait("sequence", "add")
      // The two branches of the other file that need no event.
      try await Journal.wait("parallel", count: 3)
      try expect("\(try await scene.failure(of: "wrong"))", is: "SyntaxWrong: unknown statement 'jump'")
    }
    say("both programs wait; the worker is restarted")
    try await client.raiseEvent("paid", to: "sequence", data: "Grace")
    try await client.raiseEvent("surname", to: "parallel", data: "Lovelace")
    let (sequence, parallel) = try await scene.run {
      (
        try await scene.result(of: "sequence", as: [String: YAML].self),
        try await scene.result(of: "parallel", as: [String: YAML].self)
      )
    }

    say("sequence: \(YAML.members(sequence))\nparallel: \(YAML.members(parallel))")
    try expect(
      sequence,
      is: [
        "item": .text("globe"), "price": .number(70), "shipping": .number(5), "total": .number(75),
        "payer": .text("Grace"), "label": .text("globe Grace"),
      ])
    try expect(
      parallel,
      is: [
        "name": .text("Ada"), "one": .number(1), "two": .number(2), "three": .number(3), "sum": .number(6),
        "surname": .text("Lovelace"), "full": .text("Ada Lovelace"), "loud": .text("ADA"),
        "line": .text("ADA Ada Lovelace 6"),
      ])
    try expect(try Journal.notes("sequence").map { $0[1] }, is: ["add", "join"], "the steps")
    // The branches were begun together: the third did not wait for the first.
    let kinds = try await scene.events(
      "parallel", "ActivityScheduled", "ActivityCompleted", "EventSubscribed"
    ).map(\.kind)
    try expect(
      kinds.prefix(3).sorted(), is: ["ActivityScheduled", "ActivityScheduled", "EventSubscribed"],
      "the beginning")
  }
}
