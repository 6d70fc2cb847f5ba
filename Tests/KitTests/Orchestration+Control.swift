import Perdure

extension Orchestration {
  // MARK: Composition

  func compose(_ step: Members, _ scope: Scope) async throws -> JSONValue? {
    if let branches = step["all"]?.elements {
      return .array(try await context.all(branches) { try await block($0, Scope(in: scope)) })
    }
    if let list = step["each"] {
      let name = try step.text("item")
      let elements = try value(list, scope).elements ?? []
      return .array(
        try await context.all(elements) { try await block(step["do"], Scope(in: scope, [name: $0])) })
    }
    if let branches = step["race"]?.elements {
      return try await context.race(
        branches.enumerated().map { index, branch in
          {
            let value = try await block(branch, Scope(in: scope))
            return .object(["index": .integer(Int64(index)), "value": value])
          }
        })
    }
    if step["timeout"] != nil {
      return try await context.withTimeout(.milliseconds(try step.whole("timeout"))) {
        try await block(step["do"], Scope(in: scope))
      }
    }
    if let background = step["during"] {
      // Cancelled, and awaited, where this scope ends.
      async let _ = block(background, Scope(in: scope))
      return try await block(step["do"], Scope(in: scope))
    }
    return nil
  }

  // MARK: Control

  func control(_ step: Members, _ scope: Scope) async throws -> JSONValue? {
    if let expression = step["value"] { return try value(expression, scope) }
    if let name = step["let"]?.text {
      let value = try value(step["be"], scope)
      scope.set(name, value)
      return value
    }
    if let expression = step["return"] { throw Return(value: try value(expression, scope)) }
    if let failure = step["fail"] { throw try Failure(kit: try value(failure, scope)) }
    if let condition = step["if"] {
      return try await block(try value(condition, scope).truth ? step["then"] : step["else"], scope)
    }
    if let count = step["repeat"] {
      for index in 0..<(try value(count, scope).whole ?? 0) {
        if let name = step["item"]?.text { scope.set(name, .integer(index)) }
        _ = try await block(step["do"], scope)
      }
      return .null
    }
    if let condition = step["while"] {
      while try value(condition, scope).truth { _ = try await block(step["do"], scope) }
      return .null
    }
    if let expression = step["continueAsNew"] {
      try context.continueAsNew(try value(expression, scope), version: step["version"]?.text)
    }
    if step["try"] != nil { return try await attempt(step, scope) }
    return nil
  }

  private func attempt(_ step: Members, _ scope: Scope) async throws -> JSONValue {
    let value: JSONValue
    do { value = try await caught(step, scope) } catch {
      _ = try await block(step["finally"], scope)
      throw error
    }
    _ = try await block(step["finally"], scope)
    return value
  }

  private func caught(_ step: Members, _ scope: Scope) async throws -> JSONValue {
    do { return try await block(step["try"], scope) } catch let error as CancellationError {
      guard let cancelled = step["cancelled"] else { throw error }
      let value = try await block(cancelled, scope)
      guard step["survives"]?.truth == true else { throw error }
      return value
    } catch {
      guard let failure = Failure.caught(error), let handler = step["catch"]?.members else { throw error }
      if let types = handler["types"]?.elements, !types.contains(.string(failure.type)) { throw error }
      if let name = handler["error"]?.text { scope.set(name, .object(try failure.members)) }
      return try await block(handler["do"], scope)
    }
  }

  // MARK: State

  func state(_ step: Members, _ scope: Scope) throws -> JSONValue? {
    if let expression = step["status"] {
      try context.setCustomStatus(try value(expression, scope))
    } else if let key = step["kvSet"] {
      try context.kv.set(try text(key, scope), try value(step["to"], scope))
    } else if let key = step["kvClear"] {
      try context.kv.clear(try text(key, scope))
    } else if step["kvClearAll"] != nil {
      try context.kv.clearAll()
    } else if let moment = step["kvPruneBefore"] {
      let before = Timestamp(millisecondsSince1970: try value(moment, scope).whole ?? 0)
      return .integer(Int64(try context.kv.prune(before: before)))
    } else if let patch = step["patched"]?.text {
      return .bool(try context.patched(patch))
    } else if let patch = step["deprecatePatch"]?.text {
      try context.deprecatePatch(patch)
    } else if step["random"] != nil {
      return .number(context.random())
    } else if step["guid"] != nil {
      return .string(context.newGUID())
    } else if let line = step["log"]?.text {
      context.log(line)
    } else if let name = step["metric"]?.text {
      try context.metric(name, Double(try step.whole("by")))
    } else {
      return nil
    }
    return .null
  }
}
