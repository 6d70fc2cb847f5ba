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
