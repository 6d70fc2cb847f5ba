import PerdureDispatch
import PerdureModel
import Testing

/// Attempts that are over while the host still runs them: they have their slots, whatever comes next.
@Suite struct LingeringTests {
  static let grace: Int64 = 10_000

  /// One slot, by number or by the limit of the name.
  static func node(isLimited: Bool, room: Int = 1) -> Node {
    Node.started(slots: isLimited ? 10 : room) { settings, registry in
      settings.activityGraceMS = grace
      if isLimited { registry.limit("work", ActivityLimits(concurrency: room)) }
    }
  }

  static func begins(_ node: Node) throws -> ActivityTask { try #require(node.takeActivities().first) }

  /// How the next attempt of a key comes while the host runs the one before it.
  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    /// Answers the old attempt, which has been told to end; the new one is in the queue.
    var run: @Sendable (Node) throws -> ActivityTask

    init(_ name: String, _ run: @escaping @Sendable (Node) throws -> ActivityTask) {
      testDescription = name
      self.run = run
    }
  }

  static let cases: [Case] = [
    Case("the id was deleted and started anew") { node in
      node.starts("a", createdAt: 100)
      try node.turn("a", [.work])
      let old = try begins(node)
      node.starts("a", createdAt: 200)
      try node.turn("a", [.work])
      return old
    },
    Case("the id was started anew, and nobody told us") { node in
      try node.claims([.far(1)])
      let old = try begins(node)
      try node.claims([old.again()])
      return old
    },
    Case("the code gave it up, and the id was started anew") { node in
      node.starts("a", createdAt: 100)
      try node.turn("a", [.work])
      let old = try begins(node)
      node.message("a", 1)
      try node.turn("a", [.cancel(target: 1)])
      node.starts("a", createdAt: 200)
      try node.turn("a", [.work])
      return old
    },
    Case("it ran out of time and is tried again at once") { node in
      try node.claims([
        .far(1) {
          $0.startToCloseMS = 500
          $0.retry = .fixed(1)
        }
      ])
      let old = try begins(node)
      node.wait(500)
      for write in node.takeWrites() { node.wrote(write, .done) }
      try node.claims([old.again()])
      return old
    },
  ]

  enum End: CaseIterable {
    case answer, failure, deferral, grace
  }

  static func end(_ end: End, _ old: ActivityTask, _ node: Node) {
    switch end {
    case .answer: #expect(!node.ends(old))
    case .failure: #expect(!node.ends(old, .failed(Failure(type: "T", message: "m"))))
    case .deferral: #expect(!node.deferred(old))
    case .grace: node.wait(grace)
    }
  }

  @Test(arguments: cases, End.allCases)
  func theNextAttemptWaitsForTheSlot(_ given: Case, _ end: End) throws {
    for isLimited in [false, true] {
      let node = Self.node(isLimited: isLimited)
      let old = try given.run(node)
      let told = node.effects.filter { if case .cancelActivity = $0 { true } else { false } }
      #expect(told == [.cancelActivity(old.ticket)])
      #expect(node.takeActivities().isEmpty, "the old one has it")
      #expect(!node.beats(old, "1"))
      node.wait(1)
      #expect(node.takeActivities().isEmpty)

      Self.end(end, old, node)
      let new = try Self.begins(node)
      #expect(new.key == old.key && new.claim != old.claim)
      #expect(!node.ends(old), "once more")
      #expect(node.beats(new, "1"))
      #expect(node.ends(new))
    }
  }

  @Test(arguments: cases)
  func aLateAnswerFreesItsOwnSlotOnly(_ given: Case) throws {
    for isLimited in [false, true] {
      let node = Self.node(isLimited: isLimited, room: 2)
      let old = try given.run(node)
      let new = try Self.begins(node)
      #expect(new.key == old.key)
      try node.claims([.far(2), .far(3)])
      #expect(node.takeActivities().isEmpty, "two are at the host")
      node.ends(old)
      #expect(node.takeActivities().map { $0.key.action } == [2])
      node.ends(old)
      #expect(node.takeActivities().isEmpty)
      #expect(!node.effects.contains(.cancelActivity(new.ticket)))
      #expect(node.ends(new, .completed(Payload("2"))))
    }
  }

  @Test func theNextAttemptMayEndFirst() throws {
    let node = Self.node(isLimited: false, room: 2)
    let old = try Self.cases[3].run(node)
    let new = try Self.begins(node)
    try node.claims([.far(2), .far(3)])
    node.ends(new)
    node.wrote(.claimInstance("far"), .owned)
    for write in node.takeWrites() { node.wrote(write, .done) }
    #expect(node.takeActivities().map { $0.key.action } == [2], "the old one still has its slot")
    node.ends(old)
    #expect(node.takeActivities().map { $0.key.action } == [3])
  }

  @Test func manyAttemptsOfOneKeyLinger() throws {
    let node = Self.node(isLimited: false, room: 3)
    try node.claims([.far(1)])
    var attempts = [try Self.begins(node)]
    for _ in 0..<2 {
      try node.claims([attempts[attempts.count - 1].again(failures: Int64(attempts.count))])
      attempts.append(try Self.begins(node))
    }
    try node.claims([attempts[2].again(failures: 3)])
    #expect(node.takeActivities().isEmpty)
    node.ends(attempts[1])
    #expect(try Self.begins(node).attempt == 4)
  }

  @Test func whatLingersIsAwaitedWhenTheRuntimeStops() throws {
    let node = Self.node(isLimited: false)
    let old = try Self.cases[1].run(node)
    node.stop(grace: 60_000)
    for write in node.takeWrites() { node.wrote(write, .done) }
    #expect(!node.effects.contains(.stopped))
    node.ends(old)
    #expect(node.effects.last == .stopped)
  }

  /// The first write of the old end had landed after all.
  @Test func theEndOfAnOldAttemptThatIsWrittenOnceMoreTouchesNoSlot() throws {
    let node = Self.node(isLimited: false)
    try node.claims([.far(1) { $0.retry = .fixed(1) }])
    let old = try Self.begins(node)
    node.ends(old, .failed(Failure(type: "T", message: "m")))
    let retry = try node.takeWrite()
    node.wrote(retry, .failed(message: "busy", isTransient: true))
    try node.claims([old.again(), .far(2)])
    node.ends(try Self.begins(node))
    node.wrote(.claimInstance("far"), .owned)
    let ended = try #require(node.takeWrites().last)
    node.wait(1_000)
    #expect(node.takeWrites().contains(retry))
    node.wrote(retry, .conflict)
    #expect(node.takeActivities().isEmpty, "the result of the new one is not on disk yet")
    node.wrote(ended, .done)
    #expect(node.takeActivities().map { $0.key.action } == [2])
  }
}
