import Glibc
import PerdureSimulation

/// What dx-sim is asked to do.
struct Options {
  static let usage = """
    usage: dx-sim [--seed N] [--seeds COUNT] [--jobs N] [--only FAULTS] [--without KINDS] [--force FAULT]
                  [--trace] [--no-minimize]
           dx-sim --sweep KIND [--seed N] [--seeds COUNT] [--stride N] [--jobs N]
           dx-sim --mutations [--mutation NAME] [--seeds COUNT] [--jobs N]

      --seed N         the first seed (default 1)
      --seeds COUNT    how many seeds from there on (default 1; with --mutations 20000 at most)
      --jobs N         worlds at one time (default: as many as there are processors)
      --trace          prints everything that happens
      --steps MAX      a world that takes more steps fails (default \(Simulation.stepLimit))
      --only FAULTS    of the faults of the seed only these, as a failure lists them: 'kill#0 failAfter#3';
                       'none' for no faults
      --without KINDS  these kinds of fault do not happen: 'partition kill'
      --force FAULT    one fault at a place, and no others: 'killAtEffect#17'
      --no-minimize    does not look for the faults that a failure needs
      --mutation NAME  puts a deliberate bug in: \(Mutation.allCases.map(\.rawValue).joined(separator: ", "))
      --mutations      runs every deliberate bug, or that of --mutation, until a seed shows it
      --sweep KIND     runs each seed with one fault at the first place, the second, and so on. KIND is one of
                       \(ForcedFault.Kind.allCases.map(\.rawValue).joined(separator: ", ")),
                       'kill' (the three that end a process) or 'store' (those of the store)
      --stride N       with --sweep: every Nth place only (default 1)
    """

  enum Command {
    case seeds, mutations
    case sweep([ForcedFault.Kind])
  }

  var command = Command.seeds
  var first: UInt64 = 1
  var count: UInt64?
  var jobs = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
  var isTracing = false
  var isMinimizing = true
  var stride = 1
  var simulation = Simulation.Options(seed: 1)

  init?(_ arguments: [String]) {
    var rest = arguments[...]
    while let option = rest.popFirst() {
      switch option {
      case "--trace": isTracing = true
      case "--no-minimize": isMinimizing = false
      case "--mutations": command = .mutations
      default:
        guard let value = rest.popFirst(), set(option, value) else { return nil }
      }
    }
    simulation.seed = first
  }

  private mutating func set(_ option: String, _ value: String) -> Bool {
    switch option {
    case "--seed":
      guard let number = UInt64(value) else { return false }
      first = number
    case "--seeds":
      guard let number = UInt64(value), number > 0 else { return false }
      count = number
    case "--jobs":
      guard let number = Int(value), (1...1_024).contains(number) else { return false }
      jobs = number
    case "--steps":
      guard let number = Int(value), number > 0 else { return false }
      simulation.stepLimit = number
    case "--stride":
      guard let number = Int(value), number > 0 else { return false }
      stride = number
    case "--mutation":
      guard let known = Mutation(rawValue: value) else { return false }
      simulation.mutation = known
    case "--only":
      let words = value == "none" ? [] : value.split(whereSeparator: { " ,".contains($0) })
      let faults = words.compactMap { Fault($0) }
      guard faults.count == words.count else { return false }
      simulation.only = faults
    case "--without":
      let words = value.split(whereSeparator: { " ,".contains($0) })
      let kinds = words.compactMap { FaultKind(rawValue: String($0)) }
      guard kinds.count == words.count else { return false }
      simulation.without = Set(kinds)
    case "--force":
      let parts = value.split(separator: "#")
      guard parts.count == 2, let kind = ForcedFault.Kind(rawValue: String(parts[0])),
        let number = Int(parts[1]), number > 0
      else { return false }
      simulation.forced = ForcedFault(kind, number)
      simulation.only = []
    case "--sweep": return setSweep(value)
    default: return false
    }
    return true
  }

  private mutating func setSweep(_ value: String) -> Bool {
    let all = ForcedFault.Kind.allCases
    let kinds: [ForcedFault.Kind] =
      switch value {
      case "kill": [.killBefore, .killAfter, .killAtEffect]
      case "store": [.failBefore, .failAfter, .slowCommit, .tornCommit, .failedRead, .partition]
      default: all.filter { $0.rawValue == value }
      }
    command = .sweep(kinds)
    return !kinds.isEmpty
  }
}
