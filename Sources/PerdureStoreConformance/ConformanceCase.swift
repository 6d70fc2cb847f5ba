import PerdureStore

/// One rule of the contract and the story that shows whether a store keeps it.
package struct ConformanceCase: Sendable, CustomStringConvertible {
  package enum Verdict: Hashable, Sendable {
    case passed
    /// The fixture cannot do what the case needs.
    case skipped(String)
  }

  /// "topic: rule", unique in the suite.
  package let name: String
  private let story: @Sendable (Trial) throws -> Void

  package var description: String { name }

  init(_ name: String, _ story: @escaping @Sendable (Trial) throws -> Void) {
    self.name = name
    self.story = story
  }

  /// Runs the case on a fresh store of the fixture.
  ///
  /// Throws `ConformanceFailure` if the rule is broken, and whatever else the store or the fixture threw.
  package func run(_ fixture: any StoreFixture) throws -> Verdict {
    let trial = Trial(fixture: fixture, store: try fixture.makeStore())
    defer { trial.store.close() }
    do {
      try story(trial)
      return .passed
    } catch let skip as CaseSkipped {
      return .skipped(skip.reason)
    } catch var failure as ConformanceFailure {
      failure.caseName = name
      throw failure
    }
  }
}

/// A broken rule.
package struct ConformanceFailure: Error, Hashable, Sendable, CustomStringConvertible {
  package var caseName: String
  package var what: String
  package var expected: String
  package var found: String

  package var description: String { "\(caseName): \(what): expected \(expected), found \(found)" }

  init(_ what: String, expected: String, found: String) {
    caseName = ""
    self.what = what
    self.expected = expected
    self.found = found
  }
}

struct CaseSkipped: Error {
  var reason: String
}

/// Throws a failure unless the two are equal. `what` says of what the values are.
func expect<Value: Equatable>(_ found: Value, _ expected: Value, _ what: String) throws {
  guard found != expected else { return }
  throw ConformanceFailure(what, expected: clipped(expected), found: clipped(found))
}

/// Throws a failure unless the condition holds. `what` says what should be so.
func expect(_ condition: Bool, _ what: String) throws {
  guard !condition else { return }
  throw ConformanceFailure(what, expected: "so", found: "not so")
}

/// A megabyte of payload says no more than its beginning.
private func clipped(_ value: Any) -> String {
  let text = String(describing: value)
  return text.utf8.count > 2_000 ? "\(text.prefix(2_000))..." : text
}
