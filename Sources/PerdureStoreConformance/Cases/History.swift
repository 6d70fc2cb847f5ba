import PerdureModel
import PerdureStore

extension StoreConformance {
  static let history: [ConformanceCase] = [
    ConformanceCase("history: events come back as they were written, of every kind") { trial in
      try trial.start("a")
      let events = everyKind.enumerated().map { index, kind in
        Event(id: EventID(index) + 1, at: 5_000 + EventID(index), kind: kind, isLate: index % 3 == 1)
      }
      try trial.turn("a", events: 0) { $0.events = events }
      try expect(try trial.snapshot("a").history, events, "load")
      try expect(try trial.store.history(HistoryQuery(instance: "a"))?.events, events, "history")
    },
    ConformanceCase("history: turns append in order") { trial in
      try trial.start("a")
      for count in 1...5 { try trial.turn("a", events: count) }
      try expect(try trial.snapshot("a").history, numbered(15, after: 0), "history")
    },
    ConformanceCase("history: pages go on after an id and say whether there is more") { trial in
      try trial.start("a")
      try trial.turn("a", events: 10)
      func page(after: EventID, limit: Int) throws -> HistoryPage? {
        try trial.store.history(HistoryQuery(instance: "a", after: after, limit: limit))
      }
      let first = try page(after: 0, limit: 4)
      try expect(first?.events.map(\.id), [1, 2, 3, 4], "the first page")
      try expect(first?.hasMore, true, "more after the first")
      let last = try page(after: 6, limit: 4)
      try expect(last?.events.map(\.id), [7, 8, 9, 10], "the last page")
      try expect(last?.hasMore, false, "more after the last")
      try expect(try page(after: 10, limit: 4)?.events, [], "after the end")
      try expect(try page(after: 9_999, limit: 4)?.hasMore, false, "more after far beyond the end")
    },
    ConformanceCase("history: an instance without a turn has an empty one") { trial in
      try trial.start("a")
      let page = HistoryPage(instance: "a", execution: 1, currentExecution: 1, events: [], hasMore: false)
      try expect(try trial.store.history(HistoryQuery(instance: "a")), page, "the page")
    },
    ConformanceCase("history: an execution that never was is nil") { trial in
      try trial.run("a")
      for execution in [0, 2, -1, .max, .min] as [ExecutionID] {
        let query = HistoryQuery(instance: "a", execution: execution)
        try expect(try trial.store.history(query), nil, "execution \(execution)")
      }
    },
    ConformanceCase("history: an instance sees only its own events") { trial in
      try trial.run("a")
      try trial.start("b")
      try trial.turn("b", events: 4)
      try trial.turn("a", events: 2)
      try expect(try trial.snapshot("a").history.count, 3, "events of a")
      try expect(try trial.snapshot("b").history.count, 4, "events of b")
    },
    ConformanceCase("history: a long one loads whole, beyond any page") { trial in
      try trial.start("a")
      let count = Limits.pageRows * 3 + 7
      try trial.turn("a", events: count)
      try expect(try trial.snapshot("a").history, numbered(count, after: 0), "load")
      let page = try trial.store.history(HistoryQuery(instance: "a", limit: Limits.pageRows))
      try expect(page?.events.count, Limits.pageRows, "events of a page")
      try expect(page?.hasMore, true, "more")
    },
    ConformanceCase("history: the terminal event is kept as the last") { trial in
      try trial.run("a")
      let end = Event(id: 2, at: 9_000, kind: .orchestrationCompleted(output: Payload("1")))
      try trial.turn("a") {
        $0.events = [end]
        $0.status = .completed
      }
      try expect(try trial.snapshot("a").history.last, end, "the last event")
    },
  ]

  private static let origin = Origin(action: 4, after: 2)
  private static let link = ParentLink(instance: "p", execution: 2, action: 9)

  private static let everyKind: [EventKind] = [
    .orchestrationStarted(name: "order", version: "1.0.0", input: Payload("[1]"), parent: nil),
    .orchestrationStarted(name: "order", version: "1.0.0", input: .null, parent: link),
    .orchestrationStarted(
      name: "order", version: "1.0.0", input: .null, parent: link,
      trace: TraceContext(parent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", state: "v=1")),
    .activityCompleted(action: 1, result: Payload("\"r\"")), .activityFailed(action: 1, failure: .sample),
    .timerFired(action: 2), .messageReceived(channel: .event, name: "e", data: Payload("{}")),
    .messageReceived(channel: .queue, name: "q", data: Payload("0")),
    .messageReceived(channel: .topic, name: "t", data: Payload("\"news\"")),
    .callReceived(call: "c-1", name: "total", input: Payload("5")),
    .requestCompleted(action: 3, result: Payload("{\"value\":1}")),
    .requestFailed(action: 3, failure: .sample),
    .subOrchestrationCompleted(action: 3, result: .null),
    .subOrchestrationFailed(action: 3, failure: .sample),
    .cancellationRequested(reason: "why \"not\"", deadline: nil),
    .cancellationRequested(reason: "", deadline: 77_000),
    .activityScheduled(origin, name: "pay", input: Payload("1"), options: ActivityOptions()),
    .activityScheduled(origin, name: "pay", input: Payload("1"), options: .sample),
    .timerCreated(origin, fireAt: 99_000),
    .subscribed(origin, channel: .event, name: "e"), .subscribed(origin, channel: .queue, name: "q"),
    .subOrchestrationScheduled(
      origin, name: "ship", version: "2.0.0", instance: "a::4", input: Payload("2"),
      closePolicy: .cancel),
    .subOrchestrationScheduled(
      origin, name: "ship", version: nil, instance: "a::5", input: Payload("2"),
      closePolicy: .abandon),
    .detachedOrchestrationScheduled(
      origin, name: "audit", version: nil, instance: "log", input: Payload("3")),
    .workCancelled(origin, target: 1, work: .activity), .workCancelled(nil, target: 2, work: .timer),
    .workCancelled(origin, target: 3, work: .eventWait), .workCancelled(nil, target: 4, work: .queueWait),
    .workCancelled(nil, target: 5, work: .subOrchestration), .cancelIgnored(origin, target: 6),
    .workCancelled(nil, target: 6, work: .topicWait), .workCancelled(origin, target: 7, work: .callWait),
    .workCancelled(origin, target: 8, work: .request), .subscribed(origin, channel: .topic, name: "t"),
    .subscribed(origin, channel: .call, name: "total"),
    .kvChanged(origin, .set(key: "k", value: Payload("1.0"))), .kvChanged(origin, .clear(key: "k")),
    .kvChanged(origin, .clearAll), .kvReadRequested(origin, instance: "b", key: "k"),
    .messageSendRequested(
      origin, SentMessage(to: "b", content: .raised(channel: .event, name: "e", data: .null), isKept: true)),
    .messageSendRequested(
      origin, SentMessage(to: "b", content: .raised(channel: .queue, name: "q", data: Payload("1")))),
    .messageSendRequested(origin, SentMessage(to: "b", content: .cancel(reason: "r"))),
    .topicSubscribed(origin, topic: "t"), .topicUnsubscribed(origin, topic: "t"),
    .published(origin, topic: "t", data: Payload("1")),
    .callAnswered(origin, call: "c-1", outcome: .completed(Payload("15"))),
    .callAnswered(origin, call: "c-2", outcome: .failed(.sample)), .patchRecorded(origin, patch: "p"),
    .customStatusUpdated(origin, status: Payload("\"s\"")), .customStatusUpdated(origin, status: nil),
    .orchestrationCompleted(output: Payload("1.50")), .orchestrationFailed(failure: .sample),
    .orchestrationCancelled(reason: "r", output: nil),
    .orchestrationCancelled(reason: "r", output: Payload("1")),
    .orchestrationContinuedAsNew(version: "2.0.0", input: Payload("1")),
    .orchestrationContinuedAsNew(version: nil, input: Payload("1")),
    .orchestrationTerminated(reason: "r"),
  ]
}
