import PerdureDispatch
import PerdureModel
import Testing

/// Work that nobody holds, and whose time is over: the store looks after it when a runtime asks.
@Suite struct ExpiryTests {
  static let expire = Write.expireActivities(limit: Limits.expiriesPerWrite)

  static func worker() -> Node {
    let node = Node(versions: [])
    node.dispatcher.start(now: node.now)
    return node
  }

  @Test func itIsAskedForWhenSomethingIsDueOrChanged() throws {
    let node = Node()
    node.dispatcher.start(now: node.now)
    for write in node.takeWrites() {
      switch write {
      case .claimInstances: node.wrote(write, .instances([]))
      case .claimActivities: node.wrote(write, .activities([]))
      default:
        #expect(write == Self.expire)
        node.wrote(write, .expired(0))
      }
    }
    #expect(node.take() == [.findNextDue])
    node.dispatcher.nextDueFound(4_000, now: node.now)
    node.wait(2_999)
    #expect(node.takeWrites().isEmpty)
    node.wait(1)
    #expect(node.takeWrites().filter { $0 == Self.expire }.count == 1)
    node.dispatcher.storeChanged(now: node.now, byOthers: true)
    #expect(!node.takeWrites().contains(Self.expire), "one at a time")
    node.wrote(Self.expire, .expired(0))
    #expect(node.takeWrites().contains(Self.expire), "once more, for the change that came meanwhile")
  }

  /// A commit may take longer than a time limit, and then no tick falls between the two.
  @Test func itIsAskedForWhatBecameDueUnderAClaim() throws {
    let node = Node.started()
    node.dispatcher.storeChanged(now: node.now, byOthers: false)
    let writes = node.takeWrites()
    node.wrote(Self.expire, .expired(0))
    node.dispatcher.nextDueFound(4_000, now: node.now)
    #expect(node.dispatcher.nextDeadline == 4_000)
    node.now = 5_000
    for case .claimInstances(let names, let limit) in writes {
      node.wrote(.claimInstances(orchestrations: names, limit: limit), .instances([]))
    }
    #expect(node.takeWrites().contains(Self.expire))
  }

  @Test func aFullAnswerMayNotBeAll() throws {
    let node = Node.started()
    node.dispatcher.storeChanged(now: node.now, byOthers: false)
    for write in node.takeWrites() {
      switch write {
      case .claimInstances: node.wrote(write, .instances([]))
      case .claimActivities: node.wrote(write, .activities([]))
      default: node.wrote(write, .expired(Limits.expiriesPerWrite))
      }
    }
    let writes = node.takeWrites()
    #expect(writes.contains(Self.expire))
    #expect(
      writes.contains { if case .claimActivities = $0 { true } else { false } }, "some may be open again")
    node.wrote(Self.expire, .expired(1))
    #expect(!node.takeWrites().contains(Self.expire))
  }

  @Test func aFailureIsTriedAgain() throws {
    let node = Node.started()
    node.dispatcher.storeChanged(now: node.now, byOthers: false)
    for write in node.takeWrites() {
      switch write {
      case .claimInstances: node.wrote(write, .instances([]))
      case .claimActivities: node.wrote(write, .activities([]))
      default: node.wrote(write, RetryFlowTests.busy)
      }
    }
    #expect(!node.takeWrites().contains(Self.expire))
    node.wait(1_000)
    #expect(node.takeWrites().contains(Self.expire))
  }

  /// It claims no instances, which is when others learn what is due next.
  @Test func aRuntimeWithoutOrchestrationsKnowsWhatIsDueNext() throws {
    let node = Self.worker()
    for write in node.takeWrites() {
      switch write {
      case .claimActivities: node.wrote(write, .activities([]))
      default: node.wrote(write, .expired(0))
      }
    }
    #expect(node.take() == [.findNextDue])
    node.dispatcher.nextDueFound(4_000, now: node.now)
    #expect(node.dispatcher.nextDeadline == 4_000, "a retry of a process that died, perhaps")
    node.wait(3_000)
    let writes = node.takeWrites()
    #expect(writes.contains(Self.expire))
    #expect(writes.contains { if case .claimActivities = $0 { true } else { false } })
    for write in writes where write == Self.expire { node.wrote(write, .expired(0)) }
    #expect(node.take().contains(.findNextDue), "and what comes after that")
  }

  @Test func aRuntimeThatStopsLooksAfterNothing() throws {
    let node = Self.worker()
    let writes = node.takeWrites()
    node.stop(grace: 1_000)
    for write in writes {
      if write == Self.expire {
        node.wrote(write, .expired(Limits.expiriesPerWrite))
      } else {
        node.wrote(write, .activities([]))
      }
    }
    #expect(node.take() == [.stopped])
  }
}
