import PerdureDispatch
import PerdureModel
import PerdureStore

/// Those outside who start instances and send them messages. They know whether what they did has landed: what
/// was lost with a process is done again by the next one, what landed is not.
extension Rehearsal {
  /// Messages may be late. Starts come when the scenario says: before them there is nothing to send to.
  func due(_ number: Int) {
    guard script.indices.contains(number) else { return }
    let deed = script[number].deed
    if case .start = deed { return act(number) }
    let later = decider.delay("\(deed.text(number)) comes later by", untilNext: untilNext())
    if later > 0 { after(later, .act(number), anyProcess: true) } else { act(number) }
  }

  func act(_ number: Int) {
    guard let process else { return parked.append(number) }
    guard script.indices.contains(number) else { return }
    let deed = script[number].deed
    note("act", "", Int64(number))
    submit(
      Process.Job(
        entry: entry(for: deed, process), origin: .script(number), name: "commit of \(deed.text(number))"),
      process)
    settle()
  }

  private func entry(for deed: ScriptLine.Deed, _ process: Process) -> StoreEntry {
    switch deed {
    case .start(let request):
      var options = request.options
      if let delay = request.delayMS { options.startAt = now &+ delay }
      let start = InstanceStart(
        instance: request.instance ?? "", orchestration: request.orchestration, version: request.version,
        input: request.input, options: options)
      let isHeld =
        options.startAt <= now && process.dispatcher.hasRoom && process.registry.resolve(start) != nil
      return .start(start, owner: isHeld ? process.node : nil, now: now)
    case .send(let request):
      let kind = MessageKind.raised(channel: request.channel, name: request.name, data: request.data)
      return .post(OutgoingMessage(to: request.instance, kind: kind, isKept: request.isKept), now: now)
    case .control(let request):
      switch request.operation {
      case .cancel(let graceMS):
        let kind = MessageKind.cancel(reason: request.reason, graceMS: graceMS)
        return .post(OutgoingMessage(to: request.instance, kind: kind), now: now)
      case .control(let verb): return .control(request.instance, verb, reason: request.reason, now: now)
      }
    case .publish(let publication): return .publish(publication, now: now)
    case .call(let request):
      let kind = MessageKind.call(id: request.call ?? "", name: request.name, input: request.input)
      return .post(OutgoingMessage(to: request.instance, kind: kind), now: now)
    case .complete(let token, let outcome): return .completeActivity(token, outcome: outcome, now: now)
    }
  }

  func refuse(_ line: Int, _ refusal: StoreRefusal) {
    let why =
      switch refusal {
      case .alreadyExists(let status): "the instance exists already and is \(status.rawValue)"
      case .notFound: "there is no such instance"
      case .wrongStatus(let status): "the instance is \(status.rawValue)"
      case .staleClaim: "the attempt is over"
      case .inboxFull: "the inbox is full"
      case .isChild(let parent): "the instance is a child of '\(parent)'"
      case .conflict, .owned, .failed: "the store refused it"
      }
    report.refused.append(.init(line: line, why: why))
  }
}

extension ScriptLine.Deed {
  /// For readers, and as the name of its decisions.
  func text(_ number: Int) -> String {
    switch self {
    case .start(let request): "start of \(request.instance ?? "")"
    case .send(let request):
      "\(request.channel.rawValue) '\(request.name)' to \(request.instance) (line \(number))"
    case .control(let request):
      switch request.operation {
      case .cancel: "cancel of \(request.instance) (line \(number))"
      case .control(let verb): "\(verb.rawValue) of \(request.instance) (line \(number))"
      }
    case .publish(let publication): "publication to '\(publication.topic)' (line \(number))"
    case .call(let request): "call '\(request.name)' to \(request.instance) (line \(number))"
    case .complete(let token, _):
      "completion of action \(token.key.action) of \(token.key.instance) (line \(number))"
    }
  }
}
