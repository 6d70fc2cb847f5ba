import Foundation
import Perdure

extension Site {
  func wait(_ instance: String, _ state: Members) async throws {
    var wrong: [String] = []
    let isSo = try await eventually {
      // What has ended stays as it is, so that it need not be looked at again.
      let hasEnded = try await find(instance)?.status.isTerminal ?? false
      wrong = try await differences(instance, state)
      if hasEnded, !wrong.isEmpty { throw KitError(wrong.joined(separator: "; ")) }
      return wrong.isEmpty
    }
    if !isSo { throw KitError(wrong.joined(separator: "; ")) }
  }

  func expect(_ instance: String, _ state: Members) async throws {
    let wrong = try await differences(instance, state)
    if !wrong.isEmpty { throw KitError(wrong.joined(separator: "; ")) }
  }

  private func find(_ instance: String) async throws -> InstanceDescription? {
    do { return try await client.describe(instance) } catch let error as DXError where error.code == .notFound
    {
      return nil
    }
  }

  /// What is not as the members of `state` say.
  private func differences(_ instance: String, _ state: Members) async throws -> [String] {
    let isThere = state["exists"] != .bool(false)
    guard let row = try await find(instance) else {
      return isThere ? ["there is no such instance"] : []
    }
    guard isThere else { return ["it exists"] }
    var patterns = patterns
    var wrong: [String] = []
    for (key, pattern) in state where !["wait", "expect", "in", "failure"].contains(key) {
      let found = try await member(key, of: row, state)
      if try !patterns.match(pattern, found) { wrong.append("\(key) is \(try found.json)") }
    }
    if let expected = state["failure"]?.members {
      if let failure = row.failure {
        wrong += try differences(expected, failure, &patterns)
      } else {
        wrong.append("there is no failure")
      }
    }
    if wrong.isEmpty { self.patterns = patterns }
    return wrong
  }

  private func member(
    _ key: String, of row: InstanceDescription, _ state: Members
  ) async throws -> JSONValue {
    switch key {
    case "status": return .string(row.status.rawValue)
    case "output": return try JSONValue(json: row.outputJSON)
    case "customStatus": return try JSONValue(json: row.customStatusJSON)
    case "customStatusVersion": return .integer(row.customStatusVersion)
    case "execution": return .integer(row.execution)
    case "version": return row.version.map { .string($0) } ?? .null
    case "parent": return row.parent.map { .string($0) } ?? .null
    case "attributes": return .object(row.attributes.mapValues { .string($0) })
    case "memo": return try JSONValue(json: row.memoJSON)
    case "priority": return .integer(Int64(row.priority))
    case "pendingReason": return row.pendingReason.map { .string($0) } ?? .null
    case "suspendReason": return row.suspendReason.map { .string($0) } ?? .null
    case "kv":
      let entries = try await client.kv(row.instance)
      return .object(try Dictionary(uniqueKeysWithValues: entries.map { ($0.key, try $0.value()) }))
    case "children":
      return .integer(Int64(try await client.list(InstanceFilter(parent: row.instance)).instances.count))
    case "history": return .array(try await kinds(row.instance, state).map { .string($0) })
    case "counts":
      let kinds = try await kinds(row.instance, state)
      return .object(
        state["counts"]?.members?.reduce(into: [:]) { counts, expected in
          counts[expected.key] = .integer(Int64(kinds.count { $0 == expected.key }))
        } ?? [:])
    default: throw KitError("instances have no '\(key)'")
    }
  }

  private func kinds(_ instance: String, _ state: Members) async throws -> [String] {
    var kinds: [String] = []
    var after: Int64 = 0
    while true {
      let page = try await client.history(instance, execution: state["in"]?.whole, after: after)
      kinds += try page.events.map { try $0.kind }
      guard page.hasMore, let last = page.events.last else { return kinds }
      after = last.id
    }
  }

  /// What a failure has beside the members that are expected.
  func differences(_ expected: Members, _ failure: Failure, _ patterns: inout Patterns) throws -> [String] {
    let members = try failure.members
    var wrong: [String] = []
    for (key, pattern) in expected where key != "cause" {
      guard let found = members[key] else { throw KitError("failures have no '\(key)'") }
      if try !patterns.match(pattern, found) { wrong.append("failure.\(key) is \(try found.json)") }
    }
    if let cause = expected["cause"]?.members {
      guard let found = failure.cause else { return wrong + ["there is no cause"] }
      wrong += try differences(cause, found, &patterns).map { "cause: \($0)" }
    }
    return wrong
  }
}
