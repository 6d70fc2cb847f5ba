import PerdureModel
import PerdureStore

extension StoreConformance {
  private static func news(_ data: String = "1") -> MessageKind {
    .raised(channel: .topic, name: "news", data: Payload(data))
  }

  private static func publishing(_ data: String = "1") -> Publication {
    Publication(topic: "news", data: Payload(data))
  }

  static let topics: [ConformanceCase] = [
    ConformanceCase("topics: what is published reaches each subscriber once, in the order of creation") {
      trial in
      let node = try trial.store.join()
      for instance in ["c", "a", "b"] { try trial.subscribed(instance, "news") }
      try trial.subscribed("x", "other")
      try trial.run("y")
      try trial.land(.claimInstance(node: node, instance: "a"))
      let deliveries = try trial.publish("news", Payload("{\"n\": 1}"))
      try expect(deliveries.map(\.instance), ["c", "a", "b"], "receivers")
      try expect(deliveries.map(\.owner), [nil, node, nil], "owners")
      for delivery in deliveries {
        try expect(
          try trial.inbox(delivery.instance), [delivery.message], "the inbox of \(delivery.instance)")
        try expect(delivery.message.kind, news("{\"n\": 1}"), "the message")
      }
      for instance in ["x", "y"] { try expect(try trial.inbox(instance), [], "the inbox of \(instance)") }
      try expect(try trial.claim(node, now: 0), ["c", "b"], "due and open")
    },
    ConformanceCase("topics: what nobody waits for is published to nobody") { trial in
      try trial.run("a")
      try expect(try trial.publish("news"), [], "deliveries")
      try trial.subscribe("a", to: "news")
      try expect(try trial.inbox("a"), [], "what was published before the subscription")
    },
    ConformanceCase("topics: topics are told apart by their bytes") { trial in
      for topic in ["é", "e\u{301}", "É"] { try trial.subscribed(topic, topic) }
      for topic in ["é", "e\u{301}", "É"] {
        try expect(try trial.publish(topic).map(\.instance), [topic], "the receivers of '\(topic)'")
      }
    },
    ConformanceCase("topics: the last change of a turn counts, and twice is once") { trial in
      try trial.subscribed("a", "news", "news")
      try expect(try trial.publish("news").map(\.instance), ["a"], "after two subscriptions")
      let changes = [true, false].map { TopicChange(topic: "news", isSubscribed: $0) }
      try trial.turn("a") { $0.topicChanges = changes }
      try expect(try trial.publish("news"), [], "after a turn that ended it")
      try trial.turn("a") { $0.topicChanges = changes.reversed() }
      try expect(try trial.publish("news").map(\.instance), ["a"], "after a turn that began it again")
      try trial.turn("a") { $0.topicChanges = [TopicChange(topic: "unknown", isSubscribed: false)] }
    },
    ConformanceCase("topics: publications of a turn come after its subscriptions, to itself as well") {
      trial in
      try trial.subscribed("a", "news")
      try trial.run("b")
      let receipt = try trial.turn("b") {
        $0.topicChanges = [TopicChange(topic: "news", isSubscribed: true)]
        $0.publications = [publishing("1"), publishing("2")]
        $0.wakeAt = 90_000
      }
      try expect(receipt.deliveries.map(\.instance), ["a", "b", "a", "b"], "receivers")
      try expect(receipt.hasWaitingMessages, true, "messages wait")
      try expect(try trial.kinds("b"), [news("1"), news("2")], "its own inbox")
      try expect(try trial.claim(try trial.store.join(), now: 0), ["a", "b"], "due")
      let silent = try trial.turn("b") {
        $0.topicChanges = [TopicChange(topic: "news", isSubscribed: false)]
        $0.publications = [publishing("3")]
      }
      try expect(silent.deliveries.map(\.instance), ["a"], "receivers after it unsubscribed")
    },
    ConformanceCase("topics: the last words of an instance reach the others") { trial in
      try trial.subscribed("a", "news")
      try trial.subscribed("b", "news")
      let receipt = try trial.turn("b") {
        $0.status = .completed
        $0.publications = [publishing()]
      }
      try expect(receipt.deliveries.map(\.instance), ["a"], "receivers")
      try expect(try trial.inbox("b"), [], "the inbox of the one that ended")
    },
    ConformanceCase("topics: subscriptions end with the instance, whichever way") { trial in
      for instance in ["completed", "terminated", "deleted", "alive"] {
        try trial.subscribed(instance, "news")
      }
      try trial.end("completed")
      try trial.control("terminated", .terminate)
      try trial.land(.delete("deleted", force: true))
      try expect(try trial.publish("news").map(\.instance), ["alive"], "receivers")
      try trial.run("deleted")
      try expect(
        try trial.publish("news").map(\.instance), ["alive"], "receivers after the id was used again")
    },
    ConformanceCase("topics: subscriptions are kept by continue-as-new") { trial in
      try trial.subscribed("a", "news")
      let receipt = try trial.turn("a") {
        $0.nextExecution = numbered(1, after: 0)
        $0.topicChanges = [TopicChange(topic: "more", isSubscribed: true)]
        $0.publications = [publishing()]
      }
      try expect(receipt.deliveries.map(\.instance), ["a"], "receivers of what the turn published")
      for topic in ["news", "more"] {
        try expect(try trial.publish(topic).map(\.instance), ["a"], "the receivers of \(topic)")
      }
    },
    ConformanceCase("topics: suspended and quarantined subscribers get messages, and sleep on") { trial in
      let node = try trial.store.join()
      for instance in ["s", "q"] { try trial.subscribed(instance, "news") }
      try trial.control("s", .suspend)
      try trial.land(.quarantine("q", revision: 2, failure: .sample, now: 3_000))
      try expect(try trial.publish("news").map(\.instance), ["s", "q"], "receivers")
      try expect(try trial.claim(node, now: .max), [], "due")
    },
    ConformanceCase("topics: a full inbox is passed over") { trial in
      try trial.withFullInboxes { trial, limit in
        for instance in ["a", "b", "c"] { try trial.subscribed(instance, "news") }
        try trial.fill("b", upTo: limit)
        try expect(try trial.publish("news").map(\.instance), ["a", "c"], "receivers")
        try trial.run("d")
        let receipt = try trial.turn("d") { $0.publications = [publishing()] }
        try expect(receipt.deliveries.map(\.instance), ["a", "c"], "receivers of a turn")
        try expect(try trial.inbox("b").count, limit, "messages in the full inbox")
      }
    },
    ConformanceCase("topics: a turn that conflicts neither subscribes nor publishes") { trial in
      try trial.subscribed("a", "news")
      try trial.run("b")
      var late = try trial.draft("b")
      late.revision = 0
      late.topicChanges = [TopicChange(topic: "news", isSubscribed: true)]
      late.publications = [publishing()]
      try trial.refuse(.turn(late), .conflict, "the late turn")
      try expect(try trial.inbox("a"), [], "the inbox")
      try expect(try trial.publish("news").map(\.instance), ["a"], "receivers")
    },
  ]
}
