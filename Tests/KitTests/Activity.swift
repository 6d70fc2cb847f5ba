import Perdure
import Synchronization

/// Marks, releases, counts and tokens. They outlive the runtimes of their scenario.
final class Board: Sendable {
  private struct State {
    var runs: [String: Int64] = [:]
    var marks: [String: Int64] = [:]
    var tokens: [String: String] = [:]
    var released: Set<String> = []
  }

  private let state: Mutex<State> = Mutex(State())

  func runs(of activity: String) -> Int64 { state.withLock { $0.runs[activity, default: 0] } }
  func marks(of name: String) -> Int64 { state.withLock { $0.marks[name, default: 0] } }
  func token(of activity: String) -> String { state.withLock { $0.tokens[activity] ?? "" } }
  func isReleased(_ name: String) -> Bool { state.withLock { $0.released.contains(name) } }
  func mark(_ name: String) { state.withLock { $0.marks[name, default: 0] += 1 } }
  func release(_ name: String) { state.withLock { _ = $0.released.insert(name) } }
  func keep(_ token: String, of activity: String) { state.withLock { $0.tokens[activity] = token } }

  func begin(_ activity: String) -> Int64 {
    state.withLock { state in
      state.runs[activity, default: 0] += 1
      return state.runs[activity, default: 0]
    }
  }
}

/// One run of the code of an activity: docs/kit.md, "Activities".
struct Activity: Sendable {
  let context: ActivityContext
  let board: Board
  let expressions = Expressions()

  func run(_ program: JSONValue, _ input: JSONValue) async throws -> JSONValue {
    let scope = Scope([
      "input": input, "attempt": .integer(context.attempt), "run": .integer(board.begin(context.activity)),
      "heartbeat": try context.lastHeartbeat() ?? .null, "key": .string(context.idempotencyKey),
      "tag": context.tag.map { .string($0) } ?? .null,
      "session": context.session.map { .string($0) } ?? .null,
    ])
    do { return try await block(program, scope) } catch let end as Return { return end.value }
  }

  private func block(_ steps: JSONValue?, _ scope: Scope) async throws -> JSONValue {
    var value = JSONValue.null
    for step in steps?.elements ?? [] {
      guard let members = step.members else { throw KitError("\(step) is no step") }
      value = try await perform(members, scope)
      if let name = members["as"]?.text { scope.set(name, value) }
    }
    return value
  }

  private func perform(_ step: Members, _ scope: Scope) async throws -> JSONValue {
    func value(_ key: String) throws -> JSONValue { try expressions.value(step[key], scope) }
    func name(_ key: String) throws -> String { try value(key).text ?? "" }

    if step["value"] != nil { return try value("value") }
    if let variable = step["let"]?.text {
      scope.set(variable, try value("be"))
    } else if step["return"] != nil {
      throw Return(value: try value("return"))
    } else if step["fail"] != nil {
      throw try Failure(kit: try value("fail"))
    } else if step["if"] != nil {
      return try await block(try value("if").truth ? step["then"] : step["else"], scope)
    } else if step["heartbeat"] != nil {
      try context.heartbeat(try value("heartbeat"))
    } else if step["mark"] != nil {
      // Who sees the mark may complete an attempt that is about to be deferred.
      board.keep(context.token, of: context.activity)
      board.mark(try name("mark"))
    } else if step["hold"] != nil {
      let name = try name("hold")
      board.mark(name)
      while !board.isReleased(name) { try await Task.sleep(for: .milliseconds(5)) }
    } else if step["untilCancelled"] != nil {
      while !Task.isCancelled { try? await Task.sleep(for: .milliseconds(5)) }
      board.mark(try name("untilCancelled"))
    } else if step["defer"] != nil {
      board.keep(context.token, of: context.activity)
      throw context.deferred()
    } else {
      throw KitError("there is no step \(step)")
    }
    return .null
  }
}
