import Glibc
import PerdureSimulation

/// dx-sim: runs simulated worlds and says whether a promise was broken. Exit status 1 if one was, 2 for wrong
/// usage.
struct Options {
  static let usage = """
    usage: dx-sim [--seed N] [--seeds COUNT] [--trace] [--steps MAX] [--mutation NAME]

      --seed N         the first seed (default 1)
      --seeds COUNT    how many seeds from there on (default 1)
      --trace          prints everything that happens
      --steps MAX      a world that takes more steps fails (default \(Simulation.stepLimit))
      --mutation NAME  puts a deliberate bug in: \(Mutation.allCases.map(\.rawValue).joined(separator: ", "))
    """

  var seed: UInt64 = 1
  var seeds: UInt64 = 1
  var isTracing = false
  var steps = Simulation.stepLimit
  var mutation: Mutation?

  init?(_ arguments: [String]) {
    var rest = arguments[...]
    while let option = rest.popFirst() {
      if option == "--trace" {
        isTracing = true
        continue
      }
      guard let value = rest.popFirst() else { return nil }
      switch option {
      case "--seed": guard let number = UInt64(value) else { return nil }; seed = number
      case "--seeds": guard let number = UInt64(value), number > 0 else { return nil }; seeds = number
      case "--steps": guard let number = Int(value), number > 0 else { return nil }; steps = number
      case "--mutation": guard let known = Mutation(rawValue: value) else { return nil }; mutation = known
      default: return nil
      }
    }
  }

  func run() -> Int32 {
    let printer: ((String) -> Void)? = isTracing ? { print($0) } : nil
    var (failed, steps, turns) = (0, 0, 0)
    for offset in 0..<seeds {
      let seed = seed &+ offset
      let report = Simulation.run(seed: seed, mutation: mutation, stepLimit: self.steps, printer: printer)
      steps += report.steps
      turns += report.turns
      var violation = report.violation
      // Now and then a world is run twice: what differs between the runs is not fixed by the seed.
      if violation == nil, offset % 50 == 0 {
        let again = Simulation.run(seed: seed, mutation: mutation, stepLimit: self.steps)
        if again.hash != report.hash { violation = "Two runs of the seed differ." }
      }
      if seeds == 1 { print("seed \(seed) trace \(String(report.hash, radix: 16)) (\(report.faults))") }
      guard let violation else { continue }
      failed += 1
      print("FAIL seed \(seed): \(violation)")
      print("  faults: \(report.faults)")
      let mutated = mutation.map { " --mutation \($0.rawValue)" } ?? ""
      print("  again: swift run -c release dx-sim --seed \(seed)\(mutated) --trace")
    }
    print("\(seeds) seeds, \(failed) failed, \(turns) turns, \(steps) steps")
    return failed == 0 ? 0 : 1
  }
}

guard let options = Options(Array(CommandLine.arguments.dropFirst())) else {
  print(Options.usage)
  exit(2)
}
exit(options.run())
