package import PerdureModel

/// Why an answer of a host cannot become a commit.
package enum TurnFault: Error, Hashable, Sendable {
  /// The code and its history differ.
  case nondeterminism(Nondeterminism)
  /// The host does not keep docs/wire-format.md. One sentence.
  case protocolViolation(String)
}

/// Where code and history part, with both sides.
package struct Nondeterminism: Hashable, Sendable {
  package enum Rule: String, Hashable, Sendable, CaseIterable {
    /// The code does something else at this place.
    case actionDiffers = "action differs"
    /// It does the same, but at another place of its run.
    case positionDiffers = "action at another place"
    /// History has an action that the code did not make.
    case actionMissing = "action missing"
    /// The code made an action that history does not have.
    case actionAdded = "action added"
    /// The code ended at an event after which history goes on.
    case endedEarly = "ended before its history"
  }

  package var rule: Rule
  package var instance: InstanceID
  package var execution: ExecutionID
  /// The event of history at which they part.
  package var event: EventID
  package var expected: String
  package var found: String

  /// Without the payloads that `message` quotes.
  package var logged: String {
    "nondeterminism in instance '\(instance)', execution \(execution), event \(event) (\(rule.rawValue)); "
      + "its description has what was expected and found"
  }

  package var message: String {
    """
    nondeterminism in instance '\(instance)', execution \(execution), event \(event) \
    (\(rule.rawValue)): expected \(expected), found \(found); \
    the code changed under a running instance: bring the old code back, \
    or register the change as a new version
    """
  }
}
