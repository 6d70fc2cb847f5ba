import Perdure
import PerdureModel
import PerdureWire

/// What came of a simulation.
public struct SimulationReport: Sendable, CustomStringConvertible {
  /// All runs, those that made a failing schedule short among them.
  public let runs: Int
  /// Places in the quiet run where a process can die or an attempt can get lost.
  public let points: Int
  /// Random schedules that were run.
  public let seeds: Int
  /// By the clock of the system.
  public let took: Duration
  /// nil: all is well.
  public let failure: SimulationFailure?
  /// Of the last run: two runs of one seed or schedule agree on it.
  public let trace: String

  /// Everything held under all schedules.
  public var isOK: Bool { failure == nil }

  /// - Throws: `SimulationFailed`.
  public func throwIfFailed() throws {
    if failure != nil { throw SimulationFailed(report: self) }
  }

  public var description: String {
    let what = "\(runs) runs (\(points) points of failure, \(seeds) seeds) in \(took)"
    return failure.map { "\(what): \($0)" } ?? "\(what): all is well"
  }
}

/// An invariant does not hold under some schedule.
public struct SimulationFailed: Error, CustomStringConvertible {
  /// What came of it.
  public let report: SimulationReport
  public var description: String { report.description }
}

/// What may be decided at a point of a run: see docs/guides/simulation.md.
public enum SimulationChoice: Hashable, Sendable {
  /// Of a commit: the process dies before it lands.
  case crashBefore
  /// Of a commit: the process dies after it landed and before anybody heard of it.
  case crashAfter
  /// Of an attempt: it runs, and the process dies before its result is recorded.
  case lost
  /// Of an attempt: it fails, and has done nothing.
  case fails
  /// Of an attempt: it fails, and has done its work all the same.
  case failsLate
  /// Of an attempt: it does its work at the end of its time, not at the begin.
  case late
  /// How much later than else, or how long.
  case delay(Duration)

  init(_ choice: RehearsalChoice) {
    self =
      switch choice {
      case .crashBefore: .crashBefore
      case .crashAfter: .crashAfter
      case .lost: .lost
      case .fails: .fails
      case .failsLate: .failsLate
      case .late: .late
      case .delay(let length): .delay(.milliseconds(length))
      }
  }

  var model: RehearsalChoice {
    switch self {
    case .crashBefore: .crashBefore
    case .crashAfter: .crashAfter
    case .lost: .lost
    case .fails: .fails
    case .failsLate: .failsLate
    case .late: .late
    case .delay(let length): .delay(max(0, length.millisecondsRoundedUp))
    }
  }

  /// As code.
  fileprivate var code: String {
    if case .delay(let length) = model { ".delay(.milliseconds(\(length)))" } else { ".\(self)" }
  }
}

/// The shortest schedule that was found under which an invariant does not hold.
public struct SimulationFailure: Sendable, CustomStringConvertible {
  static let shownInstances = 5
  static let shownEvents = 60

  /// The name of what does not hold.
  public let invariant: String
  /// In which way.
  public let message: String
  /// That found it; nil: no chance was needed.
  public let seed: Int?
  /// What goes wrong, by name: for `simulate(schedule:)`.
  public let schedule: [String: SimulationChoice]
  /// The same for a reader.
  public let lines: [String]
  /// The events of each instance, for a reader.
  public let histories: [(instance: String, events: [String])]

  init(_ run: RehearsalHost.Run, _ broken: RehearsalHost.Broken, _ seed: Int?) {
    invariant = broken.invariant
    message = broken.message
    self.seed = seed
    schedule = run.schedule.mapValues { SimulationChoice($0) }
    lines = run.end.decisions.map(\.line)
    histories = run.end.instances.prefix(Self.shownInstances).map { instance in
      let first = instance.history.first?.at ?? 0
      return (
        instance.description.instance,
        instance.history.suffix(Self.shownEvents).map { event in
          let json = String(decoding: EventWire.encode(event), as: UTF8.self)
          return "+\(Duration.milliseconds(event.at - first)) \(json.prefix(160))"
        }
      )
    }
  }

  /// The call that runs this schedule again.
  public var reproduce: String {
    let members = schedule.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \($0.value.code)" }
    return "simulate(schedule: [\(members.isEmpty ? ":" : members.joined(separator: ", "))]) { run in ... }"
  }

  public var description: String {
    let found = seed.map { "with seed \($0)" } ?? "without any chance"
    var parts = ["\(invariant): \(message)", "Found \(found). The shortest schedule:"]
    parts += lines.isEmpty ? ["  (nothing goes wrong)"] : lines.map { "  \($0)" }
    parts += ["Again:", "  \(reproduce)"]
    for (instance, events) in histories {
      parts.append("History of '\(instance)':")
      parts += events.map { "  \($0)" }
    }
    return parts.joined(separator: "\n")
  }
}
