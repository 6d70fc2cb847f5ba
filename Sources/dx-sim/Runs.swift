import PerdureSimulation

/// The options with which a world is run again.
private func again(_ simulation: Simulation.Options) -> String {
  let mutation = simulation.mutation.map { " --mutation \($0.rawValue)" } ?? ""
  let only = simulation.only.map { faults in
    " --only '\(faults.isEmpty ? "none" : faults.map(\.description).joined(separator: " "))'"
  }
  let without = simulation.without.map(\.rawValue).sorted().joined(separator: " ")
  let left = without.isEmpty ? "" : " --without '\(without)'"
  let forced = simulation.forced.map { " --force '\($0.kind.rawValue)#\($0.number)'" }
  return
    "swift run -c release dx-sim --seed \(simulation.seed)\(mutation)\(left)\(forced ?? only ?? "") --trace"
}

/// Runs seeds one after the other.
func runSeeds(_ options: Options) async -> Int32 {
  let count = options.count ?? 1
  if options.isTracing { return trace(options, count) }
  var (failed, steps, turns) = (0, 0, 0)
  var progress = Progress()
  await Pool.run(count, jobs: options.jobs) { number in
    var simulation = options.simulation
    simulation.seed = options.first &+ number
    return checked(simulation, isTwice: number % 50 == 0)
  } take: { number, report in
    steps += report.steps
    turns += report.turns
    if count == 1 { print("seed \(report.seed) trace \(String(report.hash, radix: 16)) (\(report.faults))") }
    if let violation = report.violation {
      failed += 1
      tell(report, violation, options)
    }
    progress.say("\(number + 1) of \(count) seeds, \(failed) failed")
    return true
  }
  print("\(count) seeds, \(failed) failed, \(turns) turns, \(steps) steps")
  return failed == 0 ? 0 : 1
}

private struct Checked: Sendable {
  var seed: UInt64
  var hash: UInt64
  var steps: Int
  var turns: Int
  var faults: String
  var violation: String?
  var report: Simulation.Report
}

/// - isTwice: what differs between two runs is not fixed by the seed.
private func checked(_ simulation: Simulation.Options, isTwice: Bool) -> Checked {
  let report = Simulation.run(simulation)
  var violation = report.violation
  if violation == nil, isTwice, Simulation.run(simulation).hash != report.hash {
    violation = "Two runs of the seed differ."
  }
  return Checked(
    seed: report.seed, hash: report.hash, steps: report.steps, turns: report.turns, faults: report.faults,
    violation: violation, report: report)
}

private func tell(_ checked: Checked, _ violation: String, _ options: Options) {
  var simulation = options.simulation
  simulation.seed = checked.seed
  print("FAIL seed \(checked.seed): \(violation)")
  print("  version: \(Version.text)")
  print("  faults: \(checked.faults)")
  print("  happened: \(checked.report.happened.map(\.description).joined(separator: " "))")
  print("  again: \(again(simulation))")
  guard options.isMinimizing, checked.report.violation != nil, simulation.forced == nil else { return }
  let least = Minimizer.minimize(simulation, checked.report)
  simulation.only = least.faults
  let enough = least.faults.map(\.description).joined(separator: " ")
  print("  enough: \(enough.isEmpty ? "no fault at all" : enough)")
  print("  then: \(least.violation)")
  print("  again: \(again(simulation))")
}

private func trace(_ options: Options, _ count: UInt64) -> Int32 {
  var failed = 0
  for number in 0..<count {
    var simulation = options.simulation
    simulation.seed = options.first &+ number
    let report = Simulation.run(simulation) { print($0) }
    print("seed \(report.seed) trace \(String(report.hash, radix: 16)) (\(report.faults))")
    guard let violation = report.violation else { continue }
    failed += 1
    print("FAIL seed \(report.seed): \(violation)")
  }
  return failed == 0 ? 0 : 1
}

// MARK: Deliberate bugs

/// Each deliberate bug must be seen within so many seeds.
func runMutations(_ options: Options) async -> Int32 {
  let limit = options.count ?? 20_000
  var (passed, failed) = (0, 0)
  for mutation in options.simulation.mutation.map({ [$0] }) ?? Mutation.allCases {
    var found: (number: UInt64, violation: String)?
    await Pool.run(limit, jobs: options.jobs) { number in
      Simulation.run(seed: options.first &+ number, mutation: mutation).violation
    } take: { number, violation in
      found = violation.map { (number, $0) }
      return found == nil
    }
    if let found {
      passed += 1
      print("ok \(mutation.rawValue) (seed \(options.first &+ found.number)): \(found.violation)")
    } else {
      failed += 1
      print("FAIL \(mutation.rawValue): nobody noticed it in \(limit) seeds")
    }
  }
  print("\(passed) passed, \(failed) failed")
  return failed == 0 ? 0 : 1
}

// MARK: Sweeps

func runSweeps(_ options: Options, _ kinds: [ForcedFault.Kind]) async -> Int32 {
  let count = options.count ?? 1
  var (passed, failed) = (0, 0)
  for kind in kinds {
    var (worlds, skipped) = (0, 0)
    var failures: [(seed: UInt64, fault: ForcedFault, violation: String)] = []
    var progress = Progress()
    await Pool.run(count, jobs: options.jobs) { number in
      var sweep = Sweep(seed: options.first &+ number, kind: kind)
      sweep.mutation = options.simulation.mutation
      sweep.stride = options.stride
      return sweep.run()
    } take: { number, verdict in
      worlds += verdict?.runs ?? 0
      if verdict == nil { skipped += 1 }
      for failure in verdict?.failures ?? [] {
        failures.append((options.first &+ number, failure.fault, failure.violation))
      }
      progress.say("\(kind.rawValue): \(number + 1) of \(count) seeds, \(failures.count) failed")
      return true
    }
    for failure in failures.prefix(20) {
      var simulation = options.simulation
      simulation.seed = failure.seed
      simulation.forced = failure.fault
      print(
        "  seed \(failure.seed) \(failure.fault.kind.rawValue)#\(failure.fault.number): \(failure.violation)")
      print("  again: \(again(simulation))")
    }
    let what = "\(kind.rawValue) at every \(kind.place.rawValue)"
    if failures.isEmpty, skipped == 0 {
      passed += 1
      print("ok \(what) (\(count) seeds, \(worlds) worlds)")
    } else {
      failed += 1
      print("FAIL \(what): \(failures.count) of \(worlds) worlds; \(skipped) seeds fail without it")
    }
  }
  print("\(passed) passed, \(failed) failed")
  return failed == 0 ? 0 : 1
}
