import PerdureModel
import PerdureStore

/// What is shown of the counts: names, labels, help. The names are on docs/operations.md.
extension Tally {
  func families(_ gauges: Gauges) -> [MetricFamily] {
    instanceFamilies + eventFamilies + activityFamilies + storeFamilies + Self.gaugeFamilies(gauges)
      + [
        counter(
          "user_metrics_dropped", "Measurements of orchestrations that could not be counted.", user.dropped)
      ]
      + user.shown
  }

  private var instanceFamilies: [MetricFamily] {
    var ended = MetricFamily(
      "perdure_instances_ended", .counter, help: "Instances whose code ended, by status.")
    for (name, tally) in orchestrations.all {
      let label = MetricLabel("orchestration", name)
      for (status, count) in [
        (InstanceStatus.completed, tally.completed), (.failed, tally.failed), (.cancelled, tally.cancelled),
      ] where count > 0 {
        ended.series.append(
          MetricSeries([label, MetricLabel("status", status.rawValue)], .integer(count)))
      }
    }
    return [
      ofOrchestrations("instances_started", "Instances that were created.") { $0.started },
      ended,
      counter("instances_terminated", "Instances that were terminated.", terminated),
      counter("instances_quarantined", "Instances that were quarantined.", quarantined),
      counter("instances_reset", "Instances that were rewound or reset.", reset),
      counter("instances_imported", "Instances that were imported.", imported),
      counter("instances_deleted", "Instances that were deleted.", deleted),
      ofOrchestrations("executions_continued", "Executions that continued as new.") { $0.continued },
      ofOrchestrations("turns", "Turns that were committed.") { $0.turns },
      histograms(
        "turn_duration", "How long turns took at the host.", "orchestration", orchestrations.all, .moments
      ) { $0.turnTime },
      histograms(
        "instance_duration", "From the start of instances to their end.", "orchestration",
        orchestrations.all, .spans
      ) { $0.lifeTime },
    ]
  }

  private var eventFamilies: [MetricFamily] {
    var kinds = MetricFamily("perdure_events", .counter, help: "Events that histories got, by kind.")
    for name in EventName.allCases where events[name.rawValue] > 0 {
      kinds.series.append(
        MetricSeries([MetricLabel("kind", name.text)], .integer(events[name.rawValue])))
    }
    var received = MetricFamily("perdure_messages", .counter, help: "Messages that inboxes got, by kind.")
    for name in MessageName.allCases where messages[name.rawValue] > 0 {
      received.series.append(
        MetricSeries([MetricLabel("kind", "\(name)")], .integer(messages[name.rawValue])))
    }
    return [
      kinds, received,
      counter("timers_fired", "Timers that fired.", events[EventName.timerFired.rawValue]),
    ]
  }

  private var activityFamilies: [MetricFamily] {
    [
      ofActivities("activities_scheduled", "Activities that were scheduled.") { $0.scheduled },
      ofActivities("activities_completed", "Activities that completed.") { $0.completed },
      ofActivities("activities_failed", "Activities that failed.") { $0.failed },
      ofActivities("activities_cancelled", "Activities that were given up.") { $0.cancelled },
      ofActivities("activity_attempts_started", "Attempts that were handed to a host.") { $0.attempts },
      counter("activity_attempts_retried", "Attempts that failed and were followed by another.", retries),
      counter("activity_timeouts", "Attempts that ran over a time limit.", timeouts),
      histograms(
        "activity_attempt_duration", "How long attempts took at the host.", "activity", activities.all, .spans
      ) { $0.attemptTime },
      histograms(
        "activity_start_latency", "From the schedule of activities to their first attempt.", "activity",
        activities.all, .spans
      ) { $0.startLatency },
    ]
  }

  private var storeFamilies: [MetricFamily] {
    var refused = MetricFamily(
      "perdure_store_refusals", .counter, help: "Entries that the store refused, by reason.")
    refused.series = refusals.sorted { $0.key < $1.key }.map {
      MetricSeries([MetricLabel("reason", $0.key)], .integer($0.value))
    }
    var failed = MetricFamily("perdure_store_errors", .counter, help: "Group commits that failed, by code.")
    failed.series = errors.sorted { $0.key.rawValue < $1.key.rawValue }.map {
      MetricSeries([MetricLabel("code", $0.key.rawValue)], .integer($0.value))
    }
    return [
      counter("commits", "Group commits.", commits),
      counter("commit_entries", "Entries that group commits made durable.", entries),
      refused, failed,
      histogram("commit_duration", unit: "seconds", "How long group commits took.", commitTime, .moments),
      histogram("commit_size", unit: "entries", "Entries of group commits.", commitSize, .numbers),
    ]
  }

  private static func gaugeFamilies(_ gauges: Gauges) -> [MetricFamily] {
    var all: [MetricFamily] = []
    func gauge(_ name: String, _ help: String, _ value: MetricValue, unit: String? = nil) {
      var family = MetricFamily("perdure_" + name, .gauge, unit: unit, help: help)
      family.series = [MetricSeries([], value)]
      all.append(family)
    }
    gauge(
      "instances_in_memory", "Instances that runtimes hold in memory.", .integer(Int64(gauges.instancesHeld)))
    gauge("turns_at_hosts", "Turns that hosts have.", .integer(Int64(gauges.turnsAtHosts)))
    gauge("activities_running", "Attempts that hosts have.", .integer(Int64(gauges.activitiesRunning)))
    gauge("activities_queued", "Activities that wait for a slot.", .integer(Int64(gauges.activitiesQueued)))
    gauge("writes_waiting", "Entries that wait to be durable.", .integer(Int64(gauges.writesWaiting)))
    gauge(
      "oldest_write_age_seconds", "How long the oldest of them has waited, about.",
      .real(Double(gauges.oldestWriteNS) / 1e9), unit: "seconds")
    return all
  }

  // MARK: Shapes

  private func counter(_ name: String, _ help: String, _ value: Int64) -> MetricFamily {
    var family = MetricFamily("perdure_" + name, .counter, help: help)
    family.series = [MetricSeries([], .integer(value))]
    return family
  }

  private func ofOrchestrations(
    _ name: String, _ help: String, _ value: (Orchestration) -> Int64
  ) -> MetricFamily {
    counters(name, help, "orchestration", orchestrations.all, value)
  }

  private func ofActivities(_ name: String, _ help: String, _ value: (Activity) -> Int64) -> MetricFamily {
    counters(name, help, "activity", activities.all, value)
  }

  private func counters<Each>(
    _ name: String, _ help: String, _ label: String, _ all: [(name: String, tally: Each)],
    _ value: (Each) -> Int64
  ) -> MetricFamily {
    var family = MetricFamily("perdure_" + name, .counter, help: help)
    family.series = all.map { MetricSeries([MetricLabel(label, $0.name)], .integer(value($0.tally))) }
    return family
  }

  private func histograms<Each>(
    _ name: String, _ help: String, _ label: String, _ all: [(name: String, tally: Each)],
    _ scale: Histogram.Scale, _ value: (Each) -> Histogram
  ) -> MetricFamily {
    var family = MetricFamily("perdure_\(name)_seconds", .histogram, unit: "seconds", help: help)
    for (name, tally) in all where value(tally).count > 0 {
      family.series.append(MetricSeries([MetricLabel(label, name)], value(tally).shown(scale)))
    }
    return family
  }

  private func histogram(
    _ name: String, unit: String, _ help: String, _ value: Histogram, _ scale: Histogram.Scale
  ) -> MetricFamily {
    var family = MetricFamily("perdure_\(name)_\(unit)", .histogram, unit: unit, help: help)
    family.series = [MetricSeries([], value.shown(scale))]
    return family
  }
}

extension Histogram {
  fileprivate func shown(_ scale: Scale) -> MetricValue {
    .histogram(
      bounds: scale.bounds, counts: (0...scale.count).map { counts[$0] }, sum: Double(sum) / scale.unit)
  }
}
