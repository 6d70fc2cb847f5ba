package import PerdureModel
import PerdureRuntime
import PerdureStore

/// Why an instance does not go on.
extension Client {
  /// Of more causes than this only the first ones are told.
  private static var causesMax: Int { 100 }

  /// What the instance waits for, since when, what would release it, and what to do.
  package func why(_ instance: InstanceID) throws(ClientError) -> Why {
    try why(details(of: instance), withChildren: true)
  }

  /// The short form, in descriptions.
  package func pendingReason(_ row: InstanceDescription) -> String? {
    guard !row.status.isTerminal, let diagnosis = diagnosis(hub.clock.now()) else { return nil }
    if let obstacle = diagnosis.obstacle(row) { return obstacle.reason }
    let tasks = (try? hub.store.activities(of: row.instance)) ?? []
    return diagnosis.pendingReason(row, tasks.map { PendingActivity(task: $0) })
  }

  private func why(_ given: InstanceDetails, withChildren: Bool) throws(ClientError) -> Why {
    var details = given
    let row = details.description
    if row.status.isTerminal {
      return Why(summary: "Instance '\(row.instance)' has ended: it is \(row.status.rawValue).")
    }
    let now = hub.clock.now()
    let diagnosis = Diagnosis(nodes: try read { () throws(StoreError) in try hub.store.nodes() }, now: now)
    let folded = OpenWorkFold(&details)
    let obstacle = diagnosis.obstacle(row)?.cause
    let count = details.activities.count + folded.work.count
    var causes = obstacle.map { [$0] } ?? []
    let ahead = try waitingAhead(details.activities, diagnosis)
    for activity in details.activities.prefix(Self.causesMax) {
      let route = Route(
        name: ExactText(activity.task.name), tag: activity.task.options.tag.map(ExactText.init))
      causes.append(diagnosis.cause(activity, ahead: ahead[route]))
    }
    let work = Array(folded.work.prefix(max(0, Self.causesMax - causes.count)))
    for each in try withStatuses(work, of: row.instance) {
      causes.append(diagnosis.cause(each, of: row, inner: withChildren ? try why(ofChild: each) : nil))
    }
    if obstacle == nil, details.inboxCount > 0 || count == 0 { causes.insert(diagnosis.turn(details), at: 0) }
    let all = count + causes.count(where: { $0.kind == .turn || $0.kind == obstacle?.kind })
    return Why(summary: Self.summary(row.instance, causes, all: all), waitingFor: causes)
  }

  private func why(ofChild work: PendingWork) throws(ClientError) -> Why? {
    guard case .child(let child, _, _?) = work.kind,
      let details = try read({ () throws(StoreError) in try hub.store.details(of: child) })
    else { return nil }
    return try why(details, withChildren: false)
  }

  private struct Route: Hashable {
    var name: ExactText
    var tag: ExactText?
  }

  /// How many wait for the same runtimes as one of these; only looked up if one waits for a slot.
  private func waitingAhead(
    _ activities: [PendingActivity], _ diagnosis: Diagnosis
  ) throws(ClientError) -> [Route: Int64] {
    let isWaiting = activities.contains {
      $0.state(at: diagnosis.now) == .waiting && diagnosis.unserved($0.task) == nil
    }
    guard isWaiting else { return [:] }
    let workload = try read { () throws(StoreError) in try hub.store.workload(now: diagnosis.now) }
    return Dictionary(
      workload.activities.map {
        (Route(name: ExactText($0.name), tag: $0.tag.map(ExactText.init)), $0.waiting)
      }, uniquingKeysWith: max)
  }

  /// One sentence.
  private static func summary(_ instance: InstanceID, _ causes: [Why.Cause], all: Int) -> String {
    let named = causes.prefix(3).map(\.phrase)
    let more = max(0, all - named.count)
    var list = named
    if more > 0 { list.append("\(more) more") }
    let last = list.popLast() ?? "nothing that is known"
    let joined = list.isEmpty ? last : "\(list.joined(separator: ", ")) and \(last)"
    return "Instance '\(instance)' waits for \(joined)."
  }
}
