import PerdureModel

@testable import Perdure

/// The sample orchestrations of docs/wire-format.md, which every language has.
enum Samples {
  static let all = basic.merging(others) { one, _ in one }

  private static let basic: [String: OrchestrationBody] = [
    "sequence": text("sequence") { context, input in
      let first = try await context.activity("A", with: input, returning: AnyJSON.self)
      return try await context.activity("B", with: first, returning: AnyJSON.self)
    },
    "fan-out": text("fan-out") { context, _ in
      async let one = context.activity("work", with: 0, returning: AnyJSON.self)
      async let two = context.activity("work", with: 1, returning: AnyJSON.self)
      async let three = context.activity("work", with: 2, returning: AnyJSON.self)
      return .array([try await one, try await two, try await three])
    },
    "race": text("race") { context, _ in
      try await context.race(
        {
          .object([
            "winner": .string("event"), "data": try await context.waitForEvent("go", as: AnyJSON.self),
          ])
        },
        {
          try await context.sleep(for: .milliseconds(1_000))
          return .object(["winner": .string("timer")])
        })
    },
    "timer": text("timer") { context, _ in
      try await context.sleep(for: .milliseconds(500))
      return .string("done")
    },
    "early-event": text("early-event") { context, _ in
      try await context.sleep(for: .milliseconds(1_000))
      return try await context.waitForEvent("go", as: AnyJSON.self)
    },
    "queue": text("queue") { context, _ in
      let one = try await context.dequeue("q", as: AnyJSON.self)
      return .array([one, try await context.dequeue("q", as: AnyJSON.self)])
    },
    "child": text("child") { context, _ in
      do {
        return try await context.subOrchestration("kid", with: ["n": 1], returning: AnyJSON.self)
      } catch let error as OrchestrationFailure {
        return .object(["failed": .string(error.failure.type)])
      }
    },
    "retry": text("retry") { context, input in
      for _ in 1..<3 {
        do {
          return try await context.activity("flaky", with: input, returning: AnyJSON.self)
        } catch is ActivityFailure {}
      }
      return try await context.activity("flaky", with: input, returning: AnyJSON.self)
    },
    "continue-as-new": OrchestrationDefinition<Int, Int>("continue-as-new") { context, number in
      if number < 3 { try context.continueAsNew(number + 1) }
      return number
    }.body,
    "cancel-cleanup": text("cancel-cleanup") { context, input in
      do {
        try await context.activity("step", with: input, returning: AnyJSON.self)
        return try await context.waitForEvent("never", as: AnyJSON.self)
      } catch is CancellationError {
        try await context.activity("undo", returning: AnyJSON.self)
        throw CancellationError()
      }
    },
  ]

  static func text(
    _ name: String, _ run: @escaping @Sendable (OrchestrationContext, AnyJSON) async throws -> AnyJSON
  ) -> OrchestrationBody {
    OrchestrationDefinition(name, run: run).body
  }
}

/// Any JSON value, compared as one: 1.0 equals 1, and members may stand in any order.
enum AnyJSON: Codable, Hashable, Sendable {
  case null
  case bool(Bool)
  case number(Double)
  case string(String)
  case array([AnyJSON])
  case object([String: AnyJSON])

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .string(value)
    } else if let value = try? container.decode([AnyJSON].self) {
      self = .array(value)
    } else {
      self = .object(try container.decode([String: AnyJSON].self))
    }
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .null: try container.encodeNil()
    case .bool(let value): try container.encode(value)
    case .number(let value): try container.encode(value)
    case .string(let value): try container.encode(value)
    case .array(let value): try container.encode(value)
    case .object(let value): try container.encode(value)
    }
  }

  subscript(_ member: String) -> AnyJSON? {
    get {
      if case .object(let members) = self { return members[member] }
      return nil
    }
    set {
      guard case .object(var members) = self else { return }
      members[member] = newValue
      self = .object(members)
    }
  }

  var elements: [AnyJSON] {
    if case .array(let elements) = self { return elements }
    return []
  }

  var text: String? {
    if case .string(let text) = self { return text }
    return nil
  }
}
