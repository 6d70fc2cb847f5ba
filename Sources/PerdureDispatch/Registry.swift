package import PerdureModel

/// What a runtime serves.
package struct Registry: Hashable, Sendable {
  private var versions: [ExactText: [SemanticVersion]] = [:]
  private var activityNames: Set<ExactText> = []
  /// Activities without a function of their own are run, too.
  package private(set) var takesAnyActivity = false
  private(set) var limits: [ExactText: ActivityLimits] = [:]

  package init() {}

  /// Sorted, so that every use of it comes in one order.
  package var orchestrations: [ServedOrchestration] {
    versions.map { name, versions in ServedOrchestration(name: name.text, versions: versions.map { $0.text })
    }
    .sorted { $0.name < $1.name }
  }
  package var activities: [String] { activityNames.map { $0.text }.sorted() }

  /// Answers false when that version of the name is there already.
  package mutating func addOrchestration(_ name: String, version: SemanticVersion) -> Bool {
    let key = ExactText(name)
    if versions[key]?.contains(version) == true { return false }
    versions[key, default: []].append(version)
    versions[key]?.sort()
    return true
  }

  /// - name: empty for all that have no function of their own.
  package mutating func addActivity(_ name: String) -> Bool {
    if name.isEmpty {
      defer { takesAnyActivity = true }
      return !takesAnyActivity
    }
    return activityNames.insert(ExactText(name)).inserted
  }

  package mutating func limit(_ activity: String, _ limits: ActivityLimits) {
    self.limits[ExactText(activity)] = limits
  }

  package func resolve(_ start: InstanceStart) -> String? { resolve(start.orchestration, start.version) }

  package func runs(_ activity: String) -> Bool {
    takesAnyActivity || activityNames.contains(ExactText(activity))
  }

  /// The version to run: the one asked for if it is registered, without one the highest.
  package func resolve(_ orchestration: String, _ version: String?) -> String? {
    guard let known = versions[ExactText(orchestration)] else { return nil }
    guard let version else { return known.last?.text }
    return known.contains { $0.text == version } ? version : nil
  }
}
