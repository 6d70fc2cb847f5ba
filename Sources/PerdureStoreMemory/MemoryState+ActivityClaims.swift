import PerdureModel
import PerdureStore

extension MemoryState {
  mutating func claimActivities(
    node: NodeID, filter: ActivityFilter, limit: Int, now: TimestampMS
  ) -> StoreOutcome {
    var routes: Set<ActivityRoute> = []
    let names = Set(filter.names.map { ExactText($0) })
    for route in unheld.keys where names.contains(route.name) && filter.takes(tag: route.tag?.text) {
      routes.insert(route)
    }
    var desk = SessionDesk(node: node, filter: filter, now: now)
    var tasks: [ActivityTask] = []
    var taken: [(order: Int64, row: ActivityRow)] = []
    var suspects = SuspectLine<(order: Int64, row: ActivityRow)>(
      now: now, spacingMS: Limits.suspectActivitiesMS, delayMS: Limits.suspectActivitiesDelayMS)
    while taken.count < limit, let (order, row) = nextActivity(of: routes, &desk) {
      if let session = row.task.options.session { desk.give(ExactText(session)) }
      withdraw(row, of: order)
      let losses = row.isUnrun ? 0 : row.task.lossesToWaitFor
      let hasWaited = row.task.visibleAt > row.claimedAt
      guard suspects.takes((order, row), losses: losses, hasWaited: hasWaited) else { continue }
      var claimed = row
      claimed.take(node, now: now)
      tasks.append(claimed.task)
      loseUnknownClaim(&claimed)
      records[order]?.activities[row.task.key.action] = claimed
      use(row.task.options.session, by: node, now: now)
      taken.append((order, claimed))
    }
    let putOff = suspects.putOff
    for (suspect, until) in putOff {
      var row = suspect.row
      row.task.visibleAt = until
      records[suspect.order]?.activities[row.task.key.action] = row
      enter(row, of: suspect.order)
    }
    // Entered only now, so that a claim for a node that is not alive does not meet its own rows again.
    for (order, row) in taken { enter(row, of: order) }
    return .success(.activities(tasks, pausedUntil: putOff.map(\.until).min()))
  }

  private func nextActivity(
    of routes: Set<ActivityRoute>, _ desk: inout SessionDesk
  ) -> (order: Int64, row: ActivityRow)? {
    var best: (priority: Int64, element: ActivityDue)?
    for route in routes {
      let found = unheld[route]?.first(
        where: { $0.at <= desk.now },
        taking: { due in
          guard let session = records[due.order]?.activities[due.action]?.task.options.session else {
            return true
          }
          return takes(ExactText(session), &desk)
        })
      guard let found else { continue }
      let isBetter =
        best.map { best in
          found.priority != best.priority ? found.priority > best.priority : found.element < best.element
        } ?? true
      if isBetter { best = found }
    }
    guard let due = best?.element, let row = records[due.order]?.activities[due.action] else { return nil }
    return (due.order, row)
  }

  mutating func releaseActivities(of node: NodeID, except kept: Set<ClaimedActivity>) {
    var unheld: [ClaimedActivity] = []
    held[node]?.walk { due in
      guard let task = records[due.order]?.activities[due.action]?.task, let claim = task.claim else {
        return true
      }
      let activity = ClaimedActivity(key: task.key, claim: claim)
      if !kept.contains(activity) { unheld.append(activity) }
      return true
    }
    for activity in unheld { release(activity) }
  }

  mutating func release(_ activity: ClaimedActivity) {
    _ = change(activity.key, claim: activity.claim) { $0.giveBack() }
  }

  // MARK: Sessions

  /// Which sessions a claim takes work of.
  private struct SessionDesk {
    let node: NodeID
    let filter: ActivityFilter
    let now: TimestampMS
    /// Further sessions that the node may take; nil: not counted yet.
    var room: Int?
    var decided: [ExactText: Bool] = [:]

    /// Work of the session is taken: only this uses up room, in the order of the claim. (What was merely
    /// looked at lies in routes, which have no order.)
    mutating func give(_ session: ExactText) {
      guard decided[session] == nil else { return }
      decided[session] = true
      room = room.map { $0 - 1 }
    }

    init(node: NodeID, filter: ActivityFilter, now: TimestampMS) {
      self.node = node
      self.filter = filter
      self.now = now
    }
  }

  private func takes(_ name: ExactText, _ desk: inout SessionDesk) -> Bool {
    if let decided = desk.decided[name] { return decided }
    // One that was taken for dead has no session until it is known again.
    guard alive[desk.node] != nil else { return false }
    if let session = sessions[name], isInUse(name, session, desk) {
      let isOurs = session.node == desk.node
      desk.decided[name] = isOurs
      return isOurs
    }
    let room = desk.room ?? desk.filter.sessionsMax - sessionsInUse(desk)
    desk.room = room
    return room > 0
  }

  private func sessionsInUse(_ desk: SessionDesk) -> Int {
    sessions.count { $0.value.node == desk.node && isInUse($0.key, $0.value, desk) }
  }

  /// A session in which an activity runs is in use, however long that takes.
  private func isInUse(_ name: ExactText, _ session: Session, _ desk: SessionDesk) -> Bool {
    if session.usedAt &+ desk.filter.sessionIdleMS > desk.now { return true }
    var isRunning = false
    held[session.node]?.walk { due in
      let task = records[due.order]?.activities[due.action]?.task
      isRunning = task?.options.session.map { ExactText($0) } == name
      return !isRunning
    }
    return isRunning
  }

  /// The session is the node's, and was used just now.
  mutating func use(_ session: String?, by node: NodeID, now: TimestampMS) {
    guard let session, alive[node] != nil else { return }
    sessions[ExactText(session)] = Session(node: node, usedAt: now)
  }
}
