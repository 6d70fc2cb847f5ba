import Perdure

/// What `$same` and `$other` have compared, and the comparing.
struct Patterns {
  private var known: Members = [:]

  mutating func match(_ pattern: JSONValue, _ found: JSONValue) throws -> Bool {
    switch (pattern, found) {
    case (.array(let patterns), .array(let elements)):
      guard patterns.count == elements.count else { return false }
      for (pattern, element) in zip(patterns, elements) where try !match(pattern, element) { return false }
      return true
    case (.object(let members), _) where members.count == 1 && members.keys.first?.hasPrefix("$") == true:
      for (name, argument) in members { return try special(name, argument, found) }
      return false
    case (.object(let patterns), .object(let members)):
      return patterns.count == members.count ? try has(patterns, members) : false
    default: return pattern == found
    }
  }

  private mutating func has(_ patterns: Members, _ members: Members) throws -> Bool {
    for (key, pattern) in patterns {
      guard let member = members[key], try match(pattern, member) else { return false }
    }
    return true
  }

  private mutating func special(_ name: String, _ argument: JSONValue, _ found: JSONValue) throws -> Bool {
    switch name {
    case "$any": return found != .null
    case "$has":
      guard let patterns = argument.members, let members = found.members else { return false }
      return try has(patterns, members)
    case "$contains": return found.text?.contains(argument.text ?? "") ?? false
    case "$oneOf":
      for pattern in argument.elements ?? [] where try match(pattern, found) { return true }
      return false
    case "$same":
      guard found != .null else { return false }
      let first = known[argument.text ?? ""] ?? found
      known[argument.text ?? ""] = first
      return first == found
    case "$other": return found != .null && known[argument.text ?? ""] != found
    default: throw KitError("there is no pattern '\(name)'")
    }
  }
}
