import Perdure

extension Orchestration {
  func receive(_ step: Members, _ scope: Scope) async throws -> JSONValue? {
    if let name = step["event"]?.text { return try await context.waitForEvent(name, as: JSONValue.self) }
    if let name = step["queue"]?.text { return try await context.dequeue(name, as: JSONValue.self) }
    if let name = step["topic"]?.text { return try await context.waitForTopic(name, as: JSONValue.self) }
    if let name = step["nextCall"]?.text {
      let call = try await context.nextCall(name, as: JSONValue.self)
      calls.keep(call, try step.text("as"))
      return call.input
    }
    if let variable = step["answer"]?.text {
      try calls.find(variable).answer(try value(step["with"], scope))
      return .null
    }
    if let variable = step["reject"]?.text {
      try calls.find(variable).reject(try step.text("why"))
      return .null
    }
    if let name = step["serve"]?.text {
      try serve(name, step, scope)
      return .null
    }
    if let name = step["onQuery"]?.text {
      let expressions = expressions
      try context.onQuery(name) { (input: JSONValue) in
        try expressions.value(step["gives"], Scope(in: scope, ["input": input]))
      }
      return .null
    }
    return nil
  }

  private func serve(_ name: String, _ step: Members, _ scope: Scope) throws {
    try context.onCall(
      name,
      validator: { (input: JSONValue) in
        let accepted = try value(step["check"] ?? .bool(true), Scope(in: scope, ["input": input]))
        guard accepted.truth else {
          throw Failure(type: "kit.Refused", message: step["why"]?.text ?? "")
        }
      },
      handler: { (input: JSONValue) -> JSONValue in
        try await body(step["do"], Scope(in: scope, ["input": input]))
      })
  }

  func send(_ step: Members, _ scope: Scope) async throws -> JSONValue? {
    let keep = step["keep"]?.truth ?? false
    if let topic = step["subscribe"]?.text {
      try context.subscribe(topic)
    } else if let topic = step["unsubscribe"]?.text {
      try context.unsubscribe(topic)
    } else if let topic = step["publish"]?.text {
      try context.publish(topic, data: try value(step["with"], scope))
    } else if let name = step["raise"]?.text {
      let to = try text(step["to"], scope)
      try await context.raiseEvent(name, to: to, data: try value(step["with"], scope), keep: keep)
    } else if let name = step["enqueue"]?.text {
      let to = try text(step["to"], scope)
      try await context.enqueue(name, to: to, data: try value(step["with"], scope), keep: keep)
    } else if let instance = step["cancelInstance"] {
      let reason = step["reason"]?.text ?? ""
      try await context.cancelInstance(try text(instance, scope), reason: reason)
    } else if let key = step["readKV"]?.text {
      return try await context.readKV(try text(step["of"], scope), key, as: JSONValue.self) ?? .null
    } else {
      return nil
    }
    return .null
  }
}
