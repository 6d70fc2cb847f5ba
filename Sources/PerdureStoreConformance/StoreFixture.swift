package import PerdureModel
package import PerdureStore

/// How the suite gets at the store under test. Only `makeStore` must be given; what a store cannot do at all
/// it answers with nil or false, and the cases that need it are skipped, not failed.
package protocol StoreFixture: Sendable {
  /// A fresh store with nothing in it, independent of all others that the fixture made. The case closes it.
  func makeStore() throws -> any Store

  /// The same with these limits of messages and of generations. nil: they cannot be chosen, and the cases go
  /// to those that there are.
  func makeStore(limits: LimitSettings) throws -> (any Store)?

  /// Opens the data of `store` again as after a crash: without having closed it. `store` is not used
  /// afterwards, only closed at the very end. The case closes the new one. nil: the store does not outlive
  /// its process.
  func reopen(_ store: any Store) throws -> (any Store)?

  /// A second handle on the same data, as another process would have. The case closes it. nil: there can be
  /// none.
  func openSecond(_ store: any Store) throws -> (any Store)?

  /// Damages the stored event `event` of the current execution of `instance` behind the back of the store, so
  /// that its bytes make no sense. false: the store has no bytes that could be damaged.
  func corrupt(event: EventID, of instance: InstanceID, in store: any Store) throws -> Bool

  /// Makes it look as if the process of `node` died. false: the fixture cannot.
  func kill(_ node: NodeID, in store: any Store) throws -> Bool
}

extension StoreFixture {
  package func makeStore(limits: LimitSettings) throws -> (any Store)? { nil }
  package func reopen(_ store: any Store) throws -> (any Store)? { nil }
  package func openSecond(_ store: any Store) throws -> (any Store)? { nil }
  package func corrupt(event: EventID, of instance: InstanceID, in store: any Store) throws -> Bool { false }
  package func kill(_ node: NodeID, in store: any Store) throws -> Bool { false }
}
