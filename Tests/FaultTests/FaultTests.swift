import Foundation
import PerdureModel
import PerdureStore
import PerdureStoreConformance
import PerdureStoreMemory
import PerdureStoreSQLite
import Synchronization
import Testing

@testable import PerdureSimulation

/// Where the stores of a test are.
enum Place: CaseIterable, Sendable {
  case memory, file

  /// Runs the body on a fresh store, which it closes.
  func with<Value>(_ body: (any Store) throws -> Value) throws -> Value {
    if self == .memory { return try body(MemoryStore()) }
    let folder = FileManager.default.temporaryDirectory.appending(path: "perdure-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(try SQLiteStore.open(path: folder.appending(path: "store.sqlite").path))
  }
}

/// How much is done: `make faults` does all of it.
enum Extent {
  static let isFull = ProcessInfo.processInfo.environment["PERDURE_FAULTS"] == "full"
}

/// Every call of a store fails once: the first of its kind, the second, and so on until a run has no such
/// call. Whatever the store does, the work comes to the same ends.
@Suite struct FaultSweepTests {
  struct Sweep: Sendable, CustomStringConvertible {
    var kind: StoreCall.Kind
    var fault: StoreFault
    var description: String { "\(kind) \(fault)" }
  }

  static let sweeps = [
    Sweep(kind: .write, fault: .failsBefore), Sweep(kind: .write, fault: .failsAfter),
    Sweep(kind: .write, fault: .isSlow(milliseconds: 3)), Sweep(kind: .read, fault: .failsBefore),
    Sweep(kind: .read, fault: .isSlow(milliseconds: 3)),
  ]

  @Test(arguments: Workload.all, Place.allCases)
  func eachCallFailsOnce(_ workload: Workload, _ place: Place) throws {
    // A file takes its time: all of its calls only in the full form.
    let stride = place == .file && !Extent.isFull ? 4 : 1
    var runs = 0
    for sweep in Self.sweeps {
      var number = 1
      while true {
        let count = try place.with { inner in
          let store = FaultStore(inner) { [number] call in
            call.kind == sweep.kind && call.number == number ? sweep.fault : nil
          }
          let faults = try FaultyWorld(workload, on: store).run()
          #expect(faults.isEmpty, "\(sweep), number \(number)")
          return store.count(sweep.kind)
        }
        runs += 1
        if count < number { break }
        number += stride
      }
      #expect(number > 1)
    }
    print("\(runs) runs of '\(workload)', \(place)")
  }
}

/// Answers that are lost after the commit, at random, in long runs.
@Suite struct AmbiguousCommitTests {
  @Test(arguments: Place.allCases)
  func noCommitIsLostOrDoneTwice(_ place: Place) throws {
    let wanted = Extent.isFull ? 10_000 : place == .memory ? 300 : 60
    var (lost, seed): (Int, UInt64) = (0, 0)
    while lost < wanted {
      seed += 1
      let random = Mutex(Random(seed: seed))
      let lostHere = Mutex(0)
      let workload = Workload.all[Int(seed) % Workload.all.count]
      try place.with { inner in
        let store = FaultStore(inner) { call in
          random.withLock { random in
            switch random.below(100) {
            case 0..<25 where call.kind == .write:
              if call.name.hasPrefix("commit") { lostHere.withLock { $0 += 1 } }
              return .failsAfter
            case 25..<32: return .failsBefore
            default: return nil
            }
          }
        }
        let faults = try FaultyWorld(workload, on: store).run()
        #expect(faults.isEmpty, "seed \(seed), '\(workload)'")
      }
      lost += lostHere.withLock { $0 }
    }
    print("\(lost) answers lost after the commit in \(seed) runs, \(place)")
  }
}
