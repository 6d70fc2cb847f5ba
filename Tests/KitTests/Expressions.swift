import Perdure
import Synchronization

/// The scenario has something that this runner does not know, or something is not as it says.
struct KitError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// A step, command or expression: an object.
typealias Members = [String: JSONValue]

extension JSONValue {
  var members: Members? { if case .object(let members) = self { members } else { nil } }
  var elements: [JSONValue]? { if case .array(let elements) = self { elements } else { nil } }
  var text: String? { if case .string(let text) = self { text } else { nil } }
  var whole: Int64? { if case .integer(let whole) = self { whole } else { nil } }
  var truth: Bool { self == .bool(true) }

  /// An element or member; null for what is not there.
  func at(_ key: JSONValue) -> JSONValue {
    switch (self, key) {
    case (.array(let elements), .integer(let index)) where elements.indices.contains(Int(index)):
      elements[Int(index)]
    case (.object(let members), .string(let name)): members[name] ?? .null
    default: .null
    }
  }
}

extension Members {
  func text(_ key: String) throws -> String {
    guard let text = self[key]?.text else { throw KitError("there is no text '\(key)' in \(self)") }
    return text
  }

  func whole(_ key: String) throws -> Int64 {
    guard let whole = self[key]?.whole else { throw KitError("there is no number '\(key)' in \(self)") }
    return whole
  }

  func elements(_ key: String) throws -> [JSONValue] {
    guard let elements = self[key]?.elements else { throw KitError("there is no list '\(key)' in \(self)") }
    return elements
  }

  func duration(_ key: String) -> Duration? { self[key]?.whole.map { .milliseconds($0) } }
}

/// Variables, and those of the scope around them.
final class Scope: Sendable {
  private let outer: Scope?
  private let variables: Mutex<Members>

  init(in outer: Scope? = nil, _ variables: Members = [:]) {
    self.outer = outer
    self.variables = Mutex(variables)
  }

  private func knows(_ name: String) -> Bool { variables.withLock { $0[name] != nil } }

  private func find(_ name: String) -> Scope? { knows(name) ? self : outer?.find(name) }

  func set(_ name: String, _ value: JSONValue) {
    (find(name) ?? self).variables.withLock { $0[name] = value }
  }

  /// `name`, `name.member.0`.
  func get(_ path: String) -> JSONValue {
    var parts = path.split(separator: ".").map(String.init)[...]
    guard let name = parts.popFirst() else { return .null }
    let value = find(name)?.variables.withLock { $0[name] } ?? .null
    return parts.reduce(value) { value, part in
      value.elements == nil ? value.at(.string(part)) : value.at(Int64(part).map { .integer($0) } ?? .null)
    }
  }
}

/// Expressions of docs/kit.md.
struct Expressions: Sendable {
  /// What only some programs have; nil for what they do not have either.
  var more: @Sendable (String, JSONValue) throws -> JSONValue? = { _, _ in nil }

  func value(_ expression: JSONValue?, _ scope: Scope) throws -> JSONValue {
    switch expression {
    case .string(let text) where text.hasPrefix("$"): return scope.get(String(text.dropFirst()))
    case .array(let elements): return .array(try elements.map { try value($0, scope) })
    case .object(let members):
      if members.count == 1, let (name, argument) = members.first, name.hasPrefix("$") {
        if name == "$literal" { return argument }
        return try function(name, try value(argument, scope))
      }
      return .object(try members.mapValues { try value($0, scope) })
    default: return expression ?? .null
    }
  }

  private func function(_ name: String, _ argument: JSONValue) throws -> JSONValue {
    if let value = try more(name, argument) { return value }
    let parts = argument.elements ?? []
    switch name {
    case "$add": return .integer(parts.reduce(0) { $0 + ($1.whole ?? 0) })
    case "$concat": return .string(try parts.map(Self.text).joined())
    case "$repeat" where parts.count == 2:
      return .string(String(repeating: parts[0].text ?? "", count: Int(parts[1].whole ?? 0)))
    case "$append": return .array((parts.first?.elements ?? []) + parts.dropFirst())
    case "$at" where parts.count == 2: return parts[0].at(parts[1])
    case "$size": return .integer(Int64(argument.text?.count ?? argument.members?.count ?? parts.count))
    case "$eq" where parts.count == 2: return .bool(parts[0] == parts[1])
    case "$lt" where parts.count == 2: return .bool((parts[0].whole ?? 0) < (parts[1].whole ?? 0))
    case "$not": return .bool(!argument.truth)
    case "$and": return .bool(parts.allSatisfy(\.truth))
    default: throw KitError("there is no expression '\(name)' of \(argument)")
    }
  }

  private static func text(_ part: JSONValue) throws -> String {
    guard let text = part.text ?? part.whole.map(String.init) else {
      throw KitError("$concat takes texts and whole numbers, not \(part)")
    }
    return text
  }
}
