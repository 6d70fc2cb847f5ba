import Perdure

extension Site {
  func run() async throws {
    for (index, command) in try scenario.elements("script").enumerated() {
      do { try await perform(command.members ?? [:]) } catch {
        throw KitError("command \(index + 1), \(try command.json): \(error)")
      }
    }
  }

  private func perform(_ command: Members) async throws {
    if try await send(command) { return }
    if try await control(command) { return }
    if try await complete(command) { return }
    if try await live(command) { return }
    if let instance = command["wait"]?.text { return try await wait(instance, command) }
    if let instance = command["expect"]?.text { return try await expect(instance, command) }
    throw KitError("there is no such command")
  }

  /// Makes a call and compares what comes of it with `gives`, `failure` or `error`. Returns true: the command
  /// was one of ours.
  @discardableResult
  private func check(
    _ command: Members, _ call: (Client) async throws -> JSONValue
  ) async throws -> Bool {
    do {
      let given = try await call(client)
      if command["failure"] ?? command["error"] != nil { throw KitError("it gave \(given)") }
      if let pattern = command["gives"], try !patterns.match(pattern, given) {
        throw KitError("it gave \(given)")
      }
    } catch let error as DXError {
      guard let code = command["error"]?.text, code == error.code.description else { throw error }
    } catch let error as KitError {
      throw error
    } catch {
      let failure = (error as? CallFailure)?.failure ?? (error as? QueryFailure)?.failure
      guard let failure, let expected = command["failure"]?.members else { throw error }
      let wrong = try differences(expected, failure, &patterns)
      if !wrong.isEmpty { throw KitError(wrong.joined(separator: "; ")) }
    }
    return true
  }

  private func send(_ command: Members) async throws -> Bool {
    let data = command["with"] ?? .null
    let keep = command["keep"]?.truth ?? false
    let timeout = command.duration("timeoutMS") ?? .seconds(20)
    if let name = command["start"]?.text {
      let options = try Self.startOptions(command)
      try await check(command) { client in
        let started = try await client.start(
          name, input: data, instance: command["instance"]?.text, version: command["version"]?.text,
          options: options, returning: JSONValue.self)
        return .string(started.instance)
      }
    } else if let name = command["raise"]?.text {
      let to = try command.text("to")
      try await check(command) { .bool(try await $0.raiseEvent(name, to: to, data: data, keep: keep)) }
    } else if let name = command["enqueue"]?.text {
      let to = try command.text("to")
      try await check(command) { .bool(try await $0.enqueue(name, to: to, data: data, keep: keep)) }
    } else if let topic = command["publish"]?.text {
      try await check(command) { .integer(Int64(try await $0.publish(topic, data: data))) }
    } else if let name = command["call"]?.text {
      let instance = try command.text("of")
      try await check(command) {
        try await $0.call(
          instance, name, input: data, timeout: timeout, callID: command["id"]?.text,
          returning: JSONValue.self)
      }
    } else if let name = command["query"]?.text {
      let instance = try command.text("of")
      try await check(command) {
        try await $0.query(instance, name, input: data, timeout: timeout, returning: JSONValue.self)
      }
    } else {
      return false
    }
    return true
  }

  private static func startOptions(_ command: Members) throws -> StartOptions {
    var options = StartOptions()
    options.policy = StartOptions.Policy(rawValue: command["policy"]?.text ?? "") ?? .fail
    options.delay = command.duration("delayMS")
    options.priority = Int(command["priority"]?.whole ?? 0)
    options.attributes = (command["attributes"]?.members ?? [:]).compactMapValues(\.text)
    options.memo = command["memo"]
    options.dedupKey = command["dedupKey"]?.text
    return options
  }

  private func control(_ command: Members) async throws -> Bool {
    let reason = command["reason"]?.text ?? ""
    func done(_ call: (Client) async throws -> InstanceStatus) async throws -> Bool {
      try await check(command) { .string(try await call($0).rawValue) }
    }
    if let id = command["cancel"]?.text {
      return try await done {
        try await $0.cancel(id, reason: reason, grace: command.duration("graceMS"))
      }
    }
    if let id = command["suspend"]?.text {
      return try await done { try await $0.suspend(id, reason: reason) }
    }
    if let id = command["resume"]?.text { return try await done { try await $0.resume(id) } }
    if let id = command["terminate"]?.text {
      return try await done { try await $0.terminate(id, reason: reason) }
    }
    if let id = command["retry"]?.text { return try await done { try await $0.retry(id) } }
    if let id = command["rewind"]?.text {
      return try await check(command) { client in
        .integer(Int64(try await client.management(actor: "kit").rewind(id).count))
      }
    }
    if let id = command["reset"]?.text {
      let event = try command.whole("toEvent")
      return try await check(command) { client in
        .integer(Int64(try await client.management(actor: "kit").reset(id, toEvent: event).count))
      }
    }
    guard let id = command["delete"]?.text else { return false }
    return try await check(command) {
      .array(try await $0.delete(id, force: command["force"]?.truth ?? false).map { .string($0) })
    }
  }

  private func complete(_ command: Members) async throws -> Bool {
    let data = command["with"] ?? .null
    if let activity = command["complete"]?.text {
      try await deferred(command, activity) { try await $0.completeActivity($1, result: data) }
    } else if let activity = command["failActivity"]?.text {
      let failure = try Failure(kit: command["failureIs"] ?? .null)
      try await deferred(command, activity) { try await $0.failActivity($1, error: failure) }
    } else if let activity = command["heartbeatActivity"]?.text {
      try await deferred(command, activity) { try await $0.heartbeatActivity($1, details: data) }
    } else {
      return false
    }
    return true
  }

  /// Tries again while the deferral is on its way to the disk.
  private func deferred(
    _ command: Members, _ activity: String, _ call: (Client, String) async throws -> Void
  ) async throws {
    let token = board.token(of: activity)
    try await check(command) { client in
      let isDone = try await eventually {
        do { try await call(client, token) } catch let error as DXError where error.code == .wrongStatus {
          return false
        }
        return true
      }
      return .bool(isDone)
    }
  }

  private func live(_ command: Members) async throws -> Bool {
    if let name = command["release"]?.text {
      board.release(name)
    } else if let name = command["waitMark"]?.text {
      let count = command["count"]?.whole ?? 1
      guard try await eventually({ board.marks(of: name) >= count }) else {
        throw KitError("there are \(board.marks(of: name)) marks")
      }
    } else if command["stop"] != nil {
      try await stop()
    } else if let how = command["begin"]?.members {
      try await begin(how)
    } else if let how = command["restart"]?.members {
      try await restart(how)
    } else if let expected = command["metrics"]?.members {
      guard try await eventually({ try measured(expected) == expected }) else {
        throw KitError("they are \(try measured(expected))")
      }
    } else if let runs = command["runs"]?.members {
      for (activity, count) in runs where .integer(board.runs(of: activity)) != count {
        throw KitError("'\(activity)' ran \(board.runs(of: activity)) times")
      }
    } else {
      return false
    }
    return true
  }
}

extension Site {
  private func measured(_ names: Members) throws -> Members {
    let metrics = try store.metrics()
    return names.reduce(into: [:]) { $0[$1.key] = .integer(Int64(metrics.value($1.key))) }
  }
}

/// Waits until something is so, for at most 20 seconds.
func eventually(_ condition: () async throws -> Bool) async throws -> Bool {
  for _ in 0..<4_000 {
    if try await condition() { return true }
    try await Task.sleep(for: .milliseconds(5))
  }
  return false
}
