import PerdureModel

/// Orchestration code as data, so that a host can run it, and a checker can tell what it may answer, without
/// each other.
indirect enum Step: Hashable, Sendable {
  /// Result: the number, the round and 1.
  case activity(Work)
  case timer(milliseconds: Int64)
  /// Result: 1, whatever the message says. A topic is subscribed to first, a call is answered.
  case message(Channel, name: Int)
  case child(Int, ParentClosePolicy)
  /// A child under an id that others use too.
  case namedChild(Int, id: Int)
  case detached(Int)
  /// Begun, and not waited for.
  case loose(Step)
  case status(Int)
  /// To another instance, or itself.
  case send(InstanceID, Channel, name: Int, isKept: Bool)
  case cancelOther(InstanceID)
  case readKV(InstanceID, key: Int)
  /// Adds 1 to the value of a key.
  case count(key: Int)
  /// nil: all keys.
  case clear(key: Int?)
  case unsubscribe(Int)
  case publish(Int)
  /// New code counts once more; old code, and instances that began with it, do not.
  case patch(Int)
  case fail
  case sequence([Step])
  case all([Step])
  /// The first to settle decides; the others are cancelled.
  case race([Step])
  /// A failure inside is worth `Program.rescued`.
  case attempt(Step)
}

/// What the code does when it is asked to cancel itself. Its open work is cancelled in any case.
enum CancelPolicy: Hashable, Sendable, CaseIterable {
  /// Lets the cancellation pass.
  case pass
  /// Runs one more activity first.
  case cleanUp
  /// Answers a value all the same.
  case complete
  /// Waits for an event.
  case linger
  /// Continues as new, once, and then lingers.
  case renew
}

struct Program: Hashable, Sendable {
  static let rescued = 1_000

  var body: Step
  /// Executions until it ends: continue-as-new between them.
  var rounds: Int
  var onCancel: CancelPolicy

  static func name(_ index: Int) -> String { "p\(index)" }
  static func index(of name: String) -> Int? { Int(name.dropFirst()) }
  static func messageName(_ index: Int) -> String { "m\(index)" }
  static func sharedInstance(_ index: Int) -> InstanceID { "shared-\(index)" }
  static func root(_ index: Int) -> InstanceID { "i\(index)" }
  static func key(_ index: Int) -> String { "k\(index)" }

  /// What the code answers to a call: by its id, now and then twice, of which the first counts.
  static func answers(to call: String) -> [Outcome] {
    let number = Int(call.split(separator: "-").last ?? "") ?? 0
    let first: Outcome =
      number % 4 == 1
      ? .failed(Failure(type: FailureType.callRejected, message: "no")) : .completed(Payload("\(number)"))
    return number % 3 == 0 ? [first, .completed(Payload("\"again\""))] : [first]
  }
}

/// Where a program stands between executions: its input.
struct ProgramInput: Hashable, Sendable {
  var round: Int
  var sum: Int
  /// It continued as new because it was asked to cancel itself.
  var isRenewed: Bool

  var payload: Payload { Payload("[\(round),\(sum),\(isRenewed ? 1 : 0)]") }

  init(round: Int = 0, sum: Int = 0, isRenewed: Bool = false) {
    self.round = round
    self.sum = sum
    self.isRenewed = isRenewed
  }

  init?(_ payload: Payload) {
    let parts = payload.text.dropFirst().dropLast().split(separator: ",").compactMap { Int($0) }
    guard parts.count == 3 else { return nil }
    self.init(round: parts[0], sum: parts[1], isRenewed: parts[2] == 1)
  }
}
