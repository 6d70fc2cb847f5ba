package import PerdureModel

/// What a runtime serves.
package struct Registry: Hashable, Sendable {
  private var versions: [String: [SemanticVersion]] = [:]
  package private(set) var activities: Set<String> = []

  package init() {}

  /// Sorted, so that every use of it comes in one order.
  package var orchestrations: [String] { versions.keys.sorted() }

  /// Answers false when that version of the name is there already.
  package mutating func addOrchestration(_ name: String, version: SemanticVersion) -> Bool {
    if versions[name]?.contains(version) == true { return false }
    versions[name, default: []].append(version)
    versions[name]?.sort()
    return true
  }

  package mutating func addActivity(_ name: String) -> Bool { activities.insert(name).inserted }

  package func serves(_ orchestration: String) -> Bool { versions[orchestration] != nil }

  /// The version to run: the one asked for if it is registered, without one the highest.
  package func resolve(_ orchestration: String, _ version: String?) -> String? {
    guard let known = versions[orchestration] else { return nil }
    guard let version else { return known.last?.text }
    return known.contains { $0.text == version } ? version : nil
  }
}
