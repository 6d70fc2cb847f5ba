import PerdureModel
import PerdureStore

extension StoreConformance {
  private static let parentGone = MessageKind.cancel(reason: "the parent was terminated", graceMS: nil)

  /// "p" with a running child for each policy, named like it.
  private static func family(_ trial: Trial) throws {
    try trial.run("p")
    try trial.turn("p") {
      $0.starts = [ParentClosePolicy.cancel, .terminate, .abandon].enumerated().map { index, policy in
        .child(policy.rawValue, of: "p", action: ActionID(index) + 1) { $0.closePolicy = policy }
      }
    }
    for child in ["cancel", "terminate", "abandon"] { try trial.turn(child) }
  }

  private static func expectTerminated(_ trial: Trial, _ instance: InstanceID, _ reason: String) throws {
    try expect(try trial.row(instance).status, .terminated, "the status of \(instance)")
    try expect(try trial.row(instance).failure, .terminated(reason), "the failure of \(instance)")
    let last = try trial.snapshot(instance).history.last?.kind
    try expect(last, .orchestrationTerminated(reason: reason), "the last event of \(instance)")
  }

  static let termination: [ConformanceCase] = [
    ConformanceCase("termination: the row says so, with the reason") { trial in
      let node = try trial.store.join()
      try trial.start("a")
      try trial.turn("a") {
        $0.owner = node
        $0.wakeAt = 9_000
        $0.customStatus = .some(Payload("5"))
      }
      let receipt = try trial.control("a", .terminate, reason: "it is wrong", now: 6_000)
      try expect(receipt, ControlReceipt(status: .terminated, terminated: ["a"]), "the receipt")
      let snapshot = try trial.snapshot("a")
      try expect(snapshot.description.failure, .terminated("it is wrong"), "failure")
      try expect(snapshot.description.output, nil, "output")
      try expect(snapshot.description.endedAt, 6_000, "ended")
      try expect(snapshot.description.customStatus, Payload("5"), "custom status")
      try expect(snapshot.owner, nil, "owner")
      try expect(try trial.claim(node, now: .max), [], "due")
      try expect(try trial.store.nextDue(after: 0), nil, "the next wake-up")
    },
    ConformanceCase("termination: its event is the last of the history, wherever that was") { trial in
      try trial.start("pending")
      try trial.start("running")
      try trial.turn("running", events: 3)
      try trial.run("second execution")
      try trial.turn("second execution") { $0.nextExecution = numbered(2, after: 0) }
      for (instance, id) in [("pending", 1), ("running", 4), ("second execution", 3)] as [(String, EventID)] {
        try trial.control(instance, .terminate, reason: "r", now: 6_000)
        let event = Event(id: id, at: 6_000, kind: .orchestrationTerminated(reason: "r"))
        try expect(try trial.snapshot(instance).history.last, event, "the last event of \(instance)")
        try expect(try trial.row(instance).eventCount, id, "the event count of \(instance)")
      }
    },
    ConformanceCase("termination: its event is not before the one before it") { trial in
      try trial.start("a")
      try trial.turn("a", now: 8_000)
      try trial.control("a", .terminate, now: 6_000)
      try expect(try trial.snapshot("a").history.map(\.at), [8_000, 8_000], "times")
    },
    ConformanceCase("termination: messages and activities are gone") { trial in
      let node = try trial.store.join()
      try trial.start("a")
      try trial.turn("a") { $0.scheduled = [.sample("a", 1), .sample("a", 2)] }
      try trial.post("m", to: "a")
      let held = try trial.claimTasks(node, limit: 1)
      try trial.control("a", .terminate)
      try expect(try trial.inbox("a"), [], "the inbox")
      try expect(try trial.store.activities(of: "a"), [], "activities")
      try expect(try trial.claimTasks(node), [], "tasks")
      for task in held {
        guard let claim = task.claim else { continue }
        try trial.refuse(trial.ended(task.key, claim), .staleClaim, "the late result")
      }
      let late = OutgoingMessage(to: "a", kind: .named("late"))
      try trial.refuse(.post(late, now: 9_000), .wrongStatus(.terminated), "a message after it")
    },
    ConformanceCase("termination: a turn that was under way is void") { trial in
      try trial.run("a")
      let late = try trial.draft("a")
      try trial.control("a", .terminate)
      let before = try trial.snapshot("a")
      try trial.refuse(.turn(late), .conflict, "the late turn")
      try trial.refuse(.turn(try trial.draft("a")), .conflict, "a turn from the new revision")
      try expect(try trial.snapshot("a"), before, "the instance")
    },
    ConformanceCase("termination: the reason to suspend or quarantine is gone") { trial in
      for status in [InstanceStatus.suspended, .quarantined] {
        try trial.bring(status.rawValue, to: status)
        try trial.control(status.rawValue, .terminate, reason: "")
        try expect(try trial.row(status.rawValue).suspendReason, nil, "why it was suspended")
        try expect(try trial.row(status.rawValue).failure, .terminated(""), "failure")
      }
    },
    ConformanceCase("termination: the parent hears of the end of its child") { trial in
      let node = try trial.store.join()
      try trial.run("p")
      try trial.turn("p") {
        $0.starts = [.child("c", of: "p", action: 3)]
        $0.owner = node
      }
      let receipt = try trial.control("c", .terminate, reason: "r")
      let inbox = try trial.inbox("p")
      let kind = MessageKind.subOrchestrationEnded(
        execution: 1, action: 3, outcome: .failed(.terminated("r")))
      try expect(inbox.map(\.kind), [kind], "the inbox of the parent")
      try expect(
        receipt.deliveries, inbox.map { Delivery(instance: "p", message: $0, owner: node) }, "deliveries")
      try expect(receipt.terminated, ["c"], "terminated")
      try expect(try trial.store.dueInstances(ownedBy: node, now: 0, limit: 9), ["p"], "due")
    },
    ConformanceCase("termination: a parent that has ended is not told, one that is suspended is") { trial in
      for parent in ["ended", "suspended"] {
        try trial.run(parent)
        try trial.turn(parent) { $0.starts = [.child("child of \(parent)", of: parent)] }
      }
      try trial.end("ended")
      try trial.control("suspended", .suspend)
      try expect(try trial.control("child of ended", .terminate).deliveries, [], "deliveries")
      let receivers = try trial.control("child of suspended", .terminate).deliveries.map(\.instance)
      try expect(receivers, ["suspended"], "receivers")
      try expect(try trial.inbox("ended"), [], "the inbox of the parent that ended")
      try expect(try trial.claim(try trial.store.join(), now: .max), [], "due")
    },
    ConformanceCase("termination: children are cancelled, terminated or left alone") { trial in
      try family(trial)
      let receipt = try trial.control("p", .terminate, reason: "r")
      try expect(receipt.terminated.first, "p", "the first of the terminated")
      try expect(receipt.terminated, ["p", "terminate"], "terminated")
      try expect(receipt.deliveries.map(\.instance), ["cancel"], "receivers")
      try expect(try trial.kinds("cancel"), [parentGone], "the inbox of the cancelled child")
      try expect(try trial.row("cancel").status, .running, "the status of the cancelled child")
      try expectTerminated(trial, "terminate", "r")
      try expect(try trial.row("abandon").status, .running, "the status of the abandoned child")
      try expect(try trial.inbox("abandon"), [], "the inbox of the abandoned child")
      try expect(try trial.inbox("p"), [], "the inbox of the parent")
    },
    ConformanceCase("termination: children that have ended stay as they are") { trial in
      try family(trial)
      for child in ["cancel", "terminate", "abandon"] { try trial.end(child) }
      let receipt = try trial.control("p", .terminate)
      try expect(receipt, ControlReceipt(status: .terminated, terminated: ["p"]), "the receipt")
      for child in ["cancel", "terminate", "abandon"] {
        try expect(try trial.row(child).status, .completed, "the status of \(child)")
      }
    },
    ConformanceCase("termination: it goes down the tree as far as the policies say") { trial in
      try family(trial)
      for child in ["cancel", "terminate", "abandon"] {
        try trial.turn(child) {
          $0.starts = [.child("below \(child)", of: child) { $0.closePolicy = .terminate }]
        }
      }
      try trial.turn("below terminate") { $0.starts = [.child("leaf", of: "below terminate")] }
      let receipt = try trial.control("p", .terminate, reason: "r")
      try expect(receipt.terminated.sorted(), ["below terminate", "p", "terminate"], "terminated")
      try expect(receipt.deliveries.map(\.instance).sorted(), ["cancel", "leaf"], "receivers")
      try expectTerminated(trial, "below terminate", "r")
      try expect(try trial.kinds("leaf"), [parentGone], "the inbox below the terminated")
      for child in ["below cancel", "below abandon"] {
        try expect(try trial.row(child).status, .pending, "the status of \(child)")
      }
    },
    ConformanceCase("termination: a long line of descendants") { trial in
      try trial.run("0")
      for depth in 0..<Limits.subOrchestrationDepth {
        try trial.turn("\(depth)") {
          $0.starts = [.child("\(depth + 1)", of: "\(depth)") { $0.closePolicy = .terminate }]
        }
      }
      try expect(try trial.control("0", .terminate).terminated.count, 65, "terminated")
      try expectTerminated(trial, "64", "because")
    },
    ConformanceCase("termination: a detached instance has nothing to do with it") { trial in
      try trial.run("a")
      try trial.turn("a") { $0.starts = [.detached("d")] }
      try trial.control("a", .terminate)
      try expect(try trial.row("d").status, .pending, "the detached instance")
      try expect(try trial.inbox("d"), [], "its inbox")
    },
  ]

  static let closePolicies: [ConformanceCase] = [
    ConformanceCase("close policies: a turn terminates the children that it names") { trial in
      try family(trial)
      try trial.turn("terminate") { $0.starts = [.child("below", of: "terminate")] }
      let receipt = try trial.turn("p", now: 6_000) {
        $0.status = .completed
        $0.terminations = ["terminate"]
      }
      try expect(receipt.terminated, ["terminate"], "terminated")
      try expect(receipt.deliveries.map(\.instance), ["below"], "receivers")
      try expectTerminated(trial, "terminate", "the parent ended")
      try expect(try trial.row("terminate").endedAt, 6_000, "when it ended")
      try expect(try trial.kinds("below"), [parentGone], "the inbox below")
      for child in ["cancel", "abandon"] {
        try expect(try trial.row(child).status, .running, "the status of \(child)")
        try expect(try trial.inbox(child), [], "the inbox of \(child)")
      }
    },
    ConformanceCase("close policies: a turn that goes on as new is not told of those it terminates") {
      trial in
      try family(trial)
      let receipt = try trial.turn("p") {
        $0.nextExecution = numbered(1, after: 0)
        $0.terminations = ["terminate"]
      }
      try expect(receipt.deliveries, [], "deliveries")
      try expect(receipt.hasWaitingMessages, false, "messages wait")
      try expectTerminated(trial, "terminate", "the parent ended")
    },
    ConformanceCase("close policies: a turn terminates only children of its own that have not ended") {
      trial in
      try family(trial)
      try trial.end("cancel")
      try trial.run("other")
      try trial.turn("other") { $0.starts = [.child("somebody else's", of: "other"), .detached("d")] }
      let receipt = try trial.turn("p") {
        $0.status = .failed
        $0.terminations = ["cancel", "somebody else's", "d", "nobody", "p"]
      }
      try expect(receipt.terminated, [], "terminated")
      try expect(try trial.row("cancel").status, .completed, "the child that has ended")
      for instance in ["somebody else's", "d"] {
        try expect(try trial.row(instance).status, .pending, "the status of \(instance)")
      }
      try expect(try trial.row("p").status, .failed, "the instance itself")
    },
    ConformanceCase("close policies: a turn that conflicts terminates nobody") { trial in
      try family(trial)
      var late = try trial.draft("p")
      late.revision = 0
      late.terminations = ["terminate"]
      try trial.refuse(.turn(late), .conflict, "the late turn")
      try expect(try trial.row("terminate").status, .running, "the child")
    },
  ]
}
