/// A name that a runtime runs, and the versions of it.
package struct ServedOrchestration: Hashable, Sendable, ExpressibleByStringLiteral {
  package var name: String
  /// nil: any.
  package var versions: [String]?

  package init(name: String, versions: [String]? = nil) {
    self.name = name
    self.versions = versions
  }

  package init(stringLiteral name: String) { self.init(name: name) }

  /// Whether an instance of this name goes on here that is pinned to `version`, or started without one (nil).
  package func runs(_ version: String?) -> Bool {
    guard let version, let versions else { return true }
    return versions.contains(version)
  }
}

/// What a runtime serves, as others can read it in the store.
package struct NodeService: Hashable, Sendable {
  package var orchestrations: [ServedOrchestration]
  package var activities: [String]
  /// nil: all tags.
  package var tags: [String]?
  package var takesUntagged: Bool
  /// Of the engine that serves it.
  package var format: EngineFormat

  package init(
    orchestrations: [ServedOrchestration] = [], activities: [String] = [], tags: [String]? = [],
    takesUntagged: Bool = true, format: EngineFormat = .current
  ) {
    self.format = format
    self.orchestrations = orchestrations
    self.activities = activities
    self.tags = tags
    self.takesUntagged = takesUntagged
  }

  package func runs(_ orchestration: String, _ version: String?) -> Bool {
    orchestrations.contains { ExactText($0.name) == ExactText(orchestration) && $0.runs(version) }
  }

  package func takes(_ activity: String, tag: String?) -> Bool {
    // The empty name stands for all that are not registered.
    guard activities.contains(where: { $0.isEmpty || ExactText($0) == ExactText(activity) }) else {
      return false
    }
    return ActivityFilter(names: activities, tags: tags, takesUntagged: takesUntagged).takes(tag: tag)
  }
}
