import PerdureModel

/// Why an instance does not go on: the one place that knows, for the reason in a description and for `why`.
struct Diagnosis {
  /// Those that are alive.
  let nodes: [RuntimeNode]
  let now: TimestampMS

  /// In a few words: what it waits for that no living runtime does. nil: nothing of that kind.
  func pendingReason(_ row: InstanceDescription, _ activities: [PendingActivity]) -> String? {
    if row.status.isTerminal { return nil }
    if let obstacle = obstacle(row) { return obstacle.reason }
    return activities.lazy.compactMap { unserved($0.task) }.first?.reason
  }

  /// A reason in a few words, and the same in full.
  typealias Obstacle = (reason: String, cause: Why.Cause)

  // MARK: The instance as a whole

  /// What keeps every turn of it from running.
  func obstacle(_ row: InstanceDescription) -> Obstacle? {
    switch row.status {
    case .suspended: suspended(row)
    case .quarantined: quarantined(row)
    case .pending where row.startAt > now: startsLater(row)
    case .pending, .running: noRuntime(row)
    default: nil
    }
  }

  private func suspended(_ row: InstanceDescription) -> Obstacle {
    let reason = row.suspendReason.map { $0.isEmpty ? "" : ": \($0)" } ?? ""
    var cause = Why.Cause(
      .suspended, phrase: "somebody to resume it (suspended\(reason))",
      releasedBy: "A resume lets it go on; messages and results are kept until then.",
      advice: "Resume it when the reason for suspending it is gone.")
    cause.since = row.updatedAt
    return ("suspended\(reason)", cause)
  }

  private func quarantined(_ row: InstanceDescription) -> Obstacle {
    let what = row.failure.map { ": \($0.message)" } ?? ""
    var cause = Why.Cause(
      .quarantined, phrase: "somebody to remove the cause of its quarantine and retry it",
      releasedBy: "A retry puts it back to work; it was quarantined because of \(Self.text(row.failure)).",
      advice: "Remove the cause, usually by running code that agrees with its history, then retry it.")
    cause.since = row.updatedAt
    return ("quarantined\(what)", cause)
  }

  private func startsLater(_ row: InstanceDescription) -> Obstacle {
    var cause = Why.Cause(
      .startsLater, phrase: "its start at \(Moment.text(row.startAt))",
      releasedBy: "It starts at that time, or when it is cancelled.", advice: "Nothing needs to be done.")
    cause.since = row.createdAt
    cause.until = row.startAt
    cause.servedBy = serving(row)
    return ("starts at \(row.startAt)", cause)
  }

  private func noRuntime(_ row: InstanceDescription) -> Obstacle? {
    guard serving(row).isEmpty else { return nil }
    let version = row.version.map { " \($0)" } ?? ""
    let others = nodes.filter { $0.service.runs(row.orchestration, nil) }
    let advice: String
    if nodes.isEmpty {
      advice = "No runtime is alive on this store: start one that registers '\(row.orchestration)'."
    } else if others.isEmpty {
      advice = "Start a runtime that registers '\(row.orchestration)': none of those alive does."
    } else {
      let served = others.flatMap { $0.service.orchestrations }
        .filter { ExactText($0.name) == ExactText(row.orchestration) }.flatMap { $0.versions ?? [] }
      let versions = Set(served).sorted().joined(separator: ", ")
      advice =
        "Start a runtime that registers version\(version) of it: \(Self.list(others.map(\.id))) "
        + "serve\(others.count == 1 ? "s" : "") \(versions) only."
    }
    var cause = Why.Cause(
      .noRuntime, phrase: "a runtime that serves '\(row.orchestration)'\(version)",
      releasedBy: "It goes on as soon as a runtime registers '\(row.orchestration)'\(version).",
      advice: advice)
    cause.name = row.orchestration
    cause.since = row.updatedAt
    return ("no living runtime serves '\(row.orchestration)'\(version); it goes on when one does", cause)
  }

  /// Those that can run its turns.
  func serving(_ row: InstanceDescription) -> [NodeID] {
    nodes.filter { $0.service.runs(row.orchestration, row.version) }.map(\.id)
  }

  // MARK: Activities

  /// No living runtime takes it.
  func unserved(_ task: ActivityTask) -> Obstacle? {
    let tag = task.options.tag
    guard task.claim == nil, !nodes.contains(where: { $0.service.takes(task.name, tag: tag) }) else {
      return nil
    }
    let tagged = tag.map { " with tag '\($0)'" } ?? ""
    let sameName = nodes.filter { node in
      node.service.activities.contains { ExactText($0) == ExactText(task.name) }
    }
    let advice =
      sameName.isEmpty
      ? "Start a runtime that registers activity '\(task.name)': none of those alive does."
      : "Start a runtime that takes work\(tag == nil ? " without a tag" : tagged): "
        + "\(Self.list(sameName.map(\.id))) has the activity but not that tag."
    var cause = Why.Cause(
      .activityUnserved, phrase: "a runtime that takes activity '\(task.name)'\(tagged)",
      releasedBy: "It is run as soon as a runtime takes activity '\(task.name)'\(tagged).", advice: advice)
    cause.name = task.name
    cause.action = task.key.action
    cause.since = task.scheduledAt
    cause.until = task.startBy ?? task.closeBy
    return ("no living runtime takes activity '\(task.name)'\(tagged); it is run when one does", cause)
  }

  // MARK: Words

  static func text(_ failure: Failure?) -> String {
    failure.map { "\($0.type): \($0.message)" } ?? "an unknown failure"
  }

  func text(_ node: NodeID) -> String {
    guard let pid = nodes.first(where: { $0.id == node })?.pid else { return "runtime \(node)" }
    let host = nodes.first { $0.id == node }?.host.map { " on \($0)" } ?? ""
    return "runtime \(node) (process \(pid)\(host))"
  }

  static func list(_ ids: [NodeID]) -> String {
    let names = ids.map { "\($0)" }
    guard let last = names.last, names.count > 1 else { return "runtime \(names.first ?? "")" }
    return "runtimes \(names.dropLast().joined(separator: ", ")) and \(last)"
  }
}
