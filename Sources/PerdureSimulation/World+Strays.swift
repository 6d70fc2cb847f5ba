import PerdureDispatch
import PerdureModel

/// What a host says that it must not, or once more.
enum StrayAnswer {
  /// A turn that was answered, or that never was.
  case turn(number: Int64, InstanceID, TurnAnswer)
  case failedTurn(number: Int64, InstanceID)
  /// An attempt that has ended, or that never was.
  case activity(ClaimedActivity, Outcome)
  case beat(ClaimedActivity)
  case deferred(ClaimedActivity)
}

/// Hosts that answer wrongly, twice, or what nobody asked.
extension World {
  /// The answer of a host to a turn, and what comes with it.
  func answerTurn(_ request: TurnRequest, _ answer: TurnAnswer, of node: SimNode) {
    if fails(.wrongAnswer) {
      node.host.forget(request.instance)
      return add(.turnAnswered(request, wrong(answer, to: request)), to: node)
    }
    add(.turnAnswered(request, answer), to: node)
    if fails(.doubleAnswer) {
      let stray = StrayAnswer.turn(number: request.turn, request.instance, answer)
      after(random.delay(0...900), .answered(node, .stray(stray)))
    }
    guard fails(.strayAnswer) else { return }
    after(random.delay(0...300), .answered(node, .stray(stray(about: request))))
  }

  /// Breaks one of the rules of `docs/wire-format.md`.
  private func wrong(_ answer: TurnAnswer, to request: TurnRequest) -> TurnAnswer {
    guard case .ran(var result) = answer else { return .query(.completed(.null)) }
    let last = (request.events.last?.id ?? 0) + 1
    switch random.below(5) {
    case 0 where request.from == 0: return .miss
    case 1 where !result.actions.isEmpty: result.actions[0].id += 1
    case 2 where !result.actions.isEmpty: result.actions[result.actions.count - 1].after = last
    case 3:
      let next = (result.actions.last?.id ?? request.firstAction - 1) + 1
      result.actions.append(Action(id: next, after: last - 1, kind: .cancel(target: next + 5)))
    default: result.end = TurnEnd(after: last, kind: .completed(output: .null))
    }
    return .ran(result)
  }

  private func stray(about request: TurnRequest) -> StrayAnswer {
    let result = TurnResult(
      actions: [], end: TurnEnd(after: request.events.last?.id ?? 1, kind: .completed(output: .null)),
      retained: false)
    let key = ActivityKey(
      instance: request.instance, execution: request.execution, action: random.delay(1...4))
    let claim = ActivityClaim(node: nodes[random.below(nodes.count)].id, token: random.delay(1...1_000))
    let attempt = ClaimedActivity(key: key, claim: claim)
    switch random.below(5) {
    case 0: return .turn(number: 0, request.instance, .ran(result))
    case 1: return .turn(number: request.turn + 1_000_000, request.instance, .ran(result))
    case 2: return .failedTurn(number: 0, request.instance)
    case 3: return random.chance(500) ? .beat(attempt) : .deferred(attempt)
    default: return .activity(attempt, .completed(Payload("-77")))
    }
  }

  /// An activity is answered once more, with something else.
  func answerAgain(_ attempt: Attempt, of node: SimNode) {
    guard fails(.doubleAnswer), let claimed = attempt.task.claimed else { return }
    let stray = StrayAnswer.activity(claimed, .completed(Payload("-78")))
    after(random.delay(0...900), .answered(node, .stray(stray)))
  }

  func take(_ stray: StrayAnswer, _ node: SimNode, _ now: TimestampMS) {
    switch stray {
    case .turn(let number, let instance, let answer):
      node.dispatcher.turnAnswered(number, instance, answer, now: now)
    case .failedTurn(let number, let instance):
      let failure = Failure(type: "HostError", message: "a failure of a turn that is over")
      node.dispatcher.turnFailed(number, instance, failure, now: now)
    // Another attempt may have been given the same claim; its own answers are looked at elsewhere.
    case .activity(let claimed, let outcome) where node.running[claimed] == nil:
      let isTaken = node.dispatcher.activityEnded(claimed, outcome, now: now)
      watch.require(!isTaken, "\(Watch.name(claimed.key)) was answered twice, and both answers were taken.")
    case .beat(let claimed) where node.running[claimed] == nil:
      let isTaken = node.dispatcher.activityBeat(claimed, .null, now: now)
      watch.require(!isTaken, "A heartbeat of \(Watch.name(claimed.key)) was taken, which does not run.")
    case .deferred(let claimed) where node.running[claimed] == nil:
      let isTaken = node.dispatcher.activityDeferred(claimed, now: now)
      watch.require(!isTaken, "\(Watch.name(claimed.key)) was deferred, which does not run.")
    default: break
    }
  }
}
