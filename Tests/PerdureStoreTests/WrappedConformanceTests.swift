import Foundation
import PerdureModel
import PerdureStore
import PerdureStoreConformance
import PerdureStoreSQLite
import Testing

/// Stores of another fixture behind a wrapper. Calls that fail are made again, so that a case sees none.
private final class WrappedStores: StoreFixture {
  private let base: any StoreFixture
  private let decide: @Sendable (StoreCall) -> StoreFault?

  init(_ base: any StoreFixture, decide: @escaping @Sendable (StoreCall) -> StoreFault?) {
    self.base = base
    self.decide = decide
  }

  private func wrap(_ store: any Store) -> any Store { FaultStore(store, tries: 100, decide: decide) }

  private func inner(_ store: any Store) -> any Store { (store as? FaultStore)?.inner ?? store }

  func makeStore() throws -> any Store { wrap(try base.makeStore()) }

  func makeStore(limits: LimitSettings) throws -> (any Store)? {
    try base.makeStore(limits: limits).map(wrap)
  }

  func reopen(_ store: any Store) throws -> (any Store)? { try base.reopen(inner(store)).map(wrap) }
  func openSecond(_ store: any Store) throws -> (any Store)? { try base.openSecond(inner(store)).map(wrap) }

  func corrupt(event: EventID, of instance: InstanceID, in store: any Store) throws -> Bool {
    try base.corrupt(event: event, of: instance, in: inner(store))
  }

  func kill(_ node: NodeID, in store: any Store) throws -> Bool { try base.kill(node, in: inner(store)) }
}

/// The contract holds on a store that is slow, and on one of whose calls every third fails before anything of
/// it happened.
@Suite struct WrappedConformanceTests {
  static func isBeyondMemory(_ rule: ConformanceCase) -> Bool {
    ["reopening", "second handle", "corruption"].contains(rule.name.prefix { $0 != ":" })
  }

  @Test(arguments: StoreConformance.cases) func keepsInMemory(_ rule: ConformanceCase) throws {
    let failing = WrappedStores(MemoryFixture()) { $0.number % 3 == 0 ? .failsBefore : nil }
    let slow = WrappedStores(MemoryFixture()) { $0.number % 4 == 0 ? .isSlow(milliseconds: 1) : nil }
    for fixture in [failing, slow] {
      #expect((try rule.run(fixture) == .passed) == !Self.isBeyondMemory(rule))
    }
  }

  @Test(arguments: StoreConformance.cases) func keepsOnAFile(_ rule: ConformanceCase) throws {
    let failing = WrappedStores(try SQLiteStores()) { $0.number % 3 == 0 ? .failsBefore : nil }
    #expect(try rule.run(failing) == .passed)
    // All of it in the full form; what threads do at one time always.
    guard Extent.isFull || ["concurrency", "bystanders"].contains(rule.name.prefix { $0 != ":" }) else {
      return
    }
    let milliseconds = Extent.isFull ? 50 : 2
    let slow = WrappedStores(try SQLiteStores()) {
      $0.number % 7 == 0 ? .isSlow(milliseconds: milliseconds) : nil
    }
    #expect(try rule.run(slow) == .passed)
  }
}

/// How much is done: `make faults` does all of it.
enum Extent {
  static let isFull = ProcessInfo.processInfo.environment["PERDURE_FAULTS"] == "full"
}
