package import PerdureModel

/// The answers about runtimes, and about many instances.
extension ManageWire {
  /// {"nodes": [{"id", node-service...}]}
  package static func encodeNodes(_ nodes: [(node: RuntimeNode, holdings: NodeHoldings)]) -> [UInt8] {
    var writer = JSONWriter(capacity: 512)
    writer.beginObject()
    writer.key("nodes")
    writer.list(nodes) { each, writer in
      writer.beginObject()
      writer.member("id", each.node.id)
      writer.member("pid", optional: each.node.pid)
      writer.member("host", optional: each.node.host)
      writer.member("ownedInstances", each.holdings.instances)
      writer.member("heldActivities", each.holdings.activities)
      StoreWire.writeMembers(each.node.service, to: &writer)
      writer.endObject()
    }
    writer.endObject()
    return writer.finish()
  }

  // MARK: Statistics

  /// Of the system, or of one orchestration.
  package static func encode(_ counts: [StatusCount]) -> [UInt8] {
    var writer = JSONWriter(capacity: 1_024)
    writer.beginObject()
    writeSums(of: counts, to: &writer)
    writer.key("orchestrations")
    writer.list(groups(counts)) { group, writer in
      writer.beginObject()
      writer.member("name", group.first?.orchestration ?? "")
      writer.member("version", optional: group.first?.version)
      writeSums(of: group, to: &writer)
      writer.endObject()
    }
    writer.endObject()
    return writer.finish()
  }

  /// Those of the same name and version, which stand together.
  private static func groups(_ counts: [StatusCount]) -> [[StatusCount]] {
    var groups: [[StatusCount]] = []
    for count in counts {
      let last = groups.last?.first
      if let last, ExactText(last.orchestration) == ExactText(count.orchestration),
        ExactText(last.version ?? "") == ExactText(count.version ?? "")
      {
        groups[groups.count - 1].append(count)
      } else {
        groups.append([count])
      }
    }
    return groups
  }

  private static func writeSums(of counts: [StatusCount], to writer: inout JSONWriter) {
    var byStatus: [InstanceStatus: Int64] = [:]
    var lives = StatusCount.Lives()
    for count in counts {
      byStatus[count.status, default: 0] &+= count.count
      lives.add(count.lives)
    }
    let total = byStatus.values.reduce(0, &+)
    let ended = byStatus.reduce(0) { $1.key.isTerminal ? $0 &+ $1.value : $0 }
    writer.member("total", total)
    writer.member("open", total &- ended)
    writer.member("ended", ended)
    write(byStatus, to: &writer)
    guard lives.count > 0 else { return }
    writer.key("durations")
    writer.beginObject()
    writer.member("count", lives.count)
    writer.member("averageMS", lives.totalMS / lives.count)
    writer.member("leastMS", lives.leastMS)
    writer.member("mostMS", lives.mostMS)
    writer.endObject()
  }

  private static func write(_ byStatus: [InstanceStatus: Int64], to writer: inout JSONWriter) {
    writer.key("byStatus")
    writer.beginObject()
    for (name, status) in statusNames {
      if let count = byStatus[status], count != 0 { writer.member(name, count) }
    }
    writer.endObject()
  }

  private static let statusNames: [(StaticString, InstanceStatus)] = [
    ("Pending", .pending), ("Running", .running), ("Suspended", .suspended), ("Quarantined", .quarantined),
    ("Completed", .completed), ("Failed", .failed), ("Cancelled", .cancelled), ("Terminated", .terminated),
  ]

  package static func encode(_ statistics: InstanceStatistics) -> [UInt8] {
    var writer = JSONWriter(capacity: 512)
    writer.beginObject()
    writer.member("instance", statistics.instance)
    writer.member("status", statistics.status.rawValue)
    writer.member("ageMS", statistics.ageMS)
    writer.member("executions", statistics.executions)
    writer.member("commits", statistics.revision)
    writer.member("events", statistics.events)
    writer.member("activitiesScheduled", statistics.activitiesScheduled)
    writer.member("activitiesCompleted", statistics.activitiesCompleted)
    writer.member("activitiesFailed", statistics.activitiesFailed)
    writer.member("timersCreated", statistics.timersCreated)
    writer.member("messagesReceived", statistics.messagesReceived)
    writer.member("childrenScheduled", statistics.childrenScheduled)
    writer.key("children")
    writer.beginObject()
    write(statistics.childrenByStatus, to: &writer)
    writer.endObject()
    writer.endObject()
    return writer.finish()
  }

  // MARK: Queues

  /// - isClaimable: whether some living runtime takes activities of a name and tag.
  package static func encode(
    _ workload: Workload, now: TimestampMS, isClaimable: (String, String?) -> Bool
  ) -> [UInt8] {
    var writer = JSONWriter(capacity: 512)
    writer.beginObject()
    writer.key("instances")
    writer.beginObject()
    writer.member("ready", workload.readyInstances)
    writer.member("oldestWaitingMS", optional: workload.readySince.map { max(0, now &- $0) })
    writer.endObject()
    writer.key("activities")
    writer.list(workload.activities) { each, writer in
      writer.beginObject()
      writer.member("name", each.name)
      writer.member("tag", optional: each.tag)
      writer.member("waiting", each.waiting)
      writer.member("oldestWaitingMS", optional: each.waitingSince.map { max(0, now &- $0) })
      writer.member("running", each.running)
      writer.member("deferred", each.deferred)
      writer.member("backoff", each.backoff)
      writer.member("claimable", isClaimable(each.name, each.tag))
      writer.endObject()
    }
    writer.member("inboxMessages", workload.inboxMessages)
    writer.member("keptMessages", workload.keptMessages)
    writer.endObject()
    return writer.finish()
  }
}
