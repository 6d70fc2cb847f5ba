import Glibc
import PerdureSimulation

// dx-sim: runs simulated worlds and says whether a promise was broken. Exit status 1 if one was, 2 for wrong
// usage.

guard let options = Options(Array(CommandLine.arguments.dropFirst())) else {
  print(Options.usage)
  exit(2)
}
switch options.command {
case .seeds: exit(await runSeeds(options))
case .mutations: exit(await runMutations(options))
case .sweep(let kinds): exit(await runSweeps(options, kinds))
}
