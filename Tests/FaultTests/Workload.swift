import PerdureModel

@testable import PerdureSimulation

/// Programs, what clients do while they run, and what must come of it, worked out by hand.
struct Workload: Sendable, CustomStringConvertible {
  enum Step: Hashable, Sendable {
    /// Instance `i<index>` of program `<program>`.
    case start(program: Int, index: Int)
    /// To `i<index>`; kept for a later start if there is none.
    case send(Channel, name: Int, index: Int)
    case publish(topic: Int)
    /// Answered when the step is over.
    case call(String, name: Int, index: Int)
    case cancel(index: Int)
    /// Until all is at rest, and far beyond every pause before another try.
    case rest
  }

  struct Ending: Hashable, Sendable {
    var status = InstanceStatus.completed
    var output: Payload?
    var values: [String: String] = [:]

    static func value(_ number: Int, _ values: [String: String] = [:]) -> Ending {
      Ending(output: Payload(String(number)), values: values)
    }
  }

  var name: String
  var programs: [Program]
  var steps: [Step]
  /// Of `i<index>`, and how many instances there are in all.
  var endings: [Int: Ending]
  var instances: Int

  var description: String { name }
}

extension Workload {
  static let all = [
    chain, fanOut, timers, events, children, continueAsNew, retries, state,
  ]

  private static func activity(
    _ number: Int, _ kind: Work.Kind = .add, _ change: (inout ActivityOptions) -> Void = { _ in }
  ) -> PerdureSimulation.Step {
    var options = ActivityOptions()
    change(&options)
    return .activity(Work(kind: kind, number: number, options: options))
  }

  private static func program(
    _ body: PerdureSimulation.Step, rounds: Int = 1, onCancel: CancelPolicy = .pass
  ) -> Program {
    Program(body: body, rounds: rounds, onCancel: onCancel)
  }

  private static let chain = Workload(
    name: "a chain of activities",
    programs: [program(.sequence((0..<5).map { activity($0) }))],
    steps: [.start(program: 0, index: 0), .start(program: 0, index: 1), .rest],
    endings: [0: .value(15), 1: .value(15)], instances: 2)

  private static let fanOut = Workload(
    name: "activities side by side",
    programs: [program(.all((0..<8).map { activity($0) }))],
    steps: [.start(program: 0, index: 0), .rest],
    endings: [0: .value(36)], instances: 1)

  private static let timers = Workload(
    name: "timers",
    programs: [
      program(
        .sequence([
          .timer(milliseconds: 1_000),
          .race([.timer(milliseconds: 5_000), .timer(milliseconds: 70_000)]),
          .all([.timer(milliseconds: 1), .timer(milliseconds: 30_000)]), activity(1),
        ]))
    ],
    steps: [.start(program: 0, index: 0), .start(program: 0, index: 1), .rest],
    endings: [0: .value(2), 1: .value(2)], instances: 2)

  private static let events = Workload(
    name: "events, queues and topics",
    programs: [
      program(
        .sequence([
          .message(.event, name: 0), .all([.message(.queue, name: 1), .message(.event, name: 2)]),
          .message(.topic, name: 1),
        ]))
    ],
    steps: [
      .send(.event, name: 0, index: 0), .start(program: 0, index: 0), .send(.event, name: 2, index: 0),
      .rest, .send(.queue, name: 1, index: 0), .rest, .publish(topic: 1), .rest,
    ],
    endings: [0: .value(4)], instances: 1)

  private static let children = Workload(
    name: "children",
    programs: [
      program(
        .sequence([
          .all([.child(1, .cancel), .child(1, .terminate), .sequence([.child(2, .abandon), activity(1)])]),
          .race([.child(4, .cancel), .timer(milliseconds: 1_000)]), .detached(1),
        ])),
      program(activity(2)),
      program(.attempt(.child(3, .cancel))),
      program(.fail),
      program(.message(.event, name: 9)),
    ],
    steps: [.start(program: 0, index: 0), .rest],
    endings: [0: .value(3 + 3 + 1_000 + 2)], instances: 7)

  private static let continueAsNew = Workload(
    name: "continue-as-new",
    programs: [
      program(
        .sequence([
          activity(1), .message(.queue, name: 0), .timer(milliseconds: 10), .count(key: 0),
        ]), rounds: 4)
    ],
    steps: [.start(program: 0, index: 0)] + Array(repeating: .send(.queue, name: 0, index: 0), count: 4)
      + [.rest],
    endings: [0: .value(18, ["k0": "4"])], instances: 1)

  private static let retries = Workload(
    name: "activities that fail",
    programs: [
      program(
        .sequence([
          activity(2, .flaky) { $0.retry = .pause(500) }, .attempt(activity(9, .refuse)),
          activity(4, .beat) {
            $0.heartbeatMS = 60_000
            $0.retry = .pause(100)
          }, activity(3, .later),
        ]))
    ],
    steps: [.start(program: 0, index: 0), .rest, .rest],
    endings: [0: .value(3 + 1_000 + 5 + 4)], instances: 1)

  private static let state = Workload(
    name: "state, messages between instances and cancels",
    programs: [
      program(
        .sequence([
          .status(7), .count(key: 0), .count(key: 0), .message(.event, name: 0), .count(key: 1),
          .send(Program.root(1), .event, name: 1, isKept: false), .readKV(Program.root(1), key: 0),
          .cancelOther(Program.root(2)), .publish(2), .message(.call, name: 3),
        ])),
      program(
        .all([
          .message(.topic, name: 2), .message(.event, name: 1),
          .sequence([.count(key: 0), .send(Program.root(0), .event, name: 0, isKept: true)]),
        ])),
      program(.message(.event, name: 5), onCancel: .complete),
      program(.message(.event, name: 5)),
    ],
    steps: [
      .start(program: 3, index: 3), .start(program: 2, index: 2), .start(program: 1, index: 1), .rest,
      .start(program: 0, index: 0), .cancel(index: 3), .rest, .call("c-2", name: 3, index: 0), .rest,
    ],
    endings: [
      0: .value(2, ["k0": "2", "k1": "1"]), 1: .value(2, ["k0": "1"]),
      2: Ending(status: .cancelled, output: Payload("-1")),
      3: Ending(status: .cancelled),
    ], instances: 4)
}

extension RetryPolicy {
  static func pause(_ milliseconds: Int64) -> RetryPolicy {
    var policy = RetryPolicy()
    policy.maxAttempts = 6
    policy.backoff = .fixed
    policy.initialIntervalMS = milliseconds
    return policy
  }
}
