import PerdureModel
import PerdureRuntime
import PerdureStore
import PerdureStoreMemory
import Testing

@Suite("Releases that share a store") struct FormatTests {
  private static let ours = EngineFormat(release: "2.0.0", writes: 2, reads: 1...2)

  private static let others: [(other: EngineFormat, objection: String?)] = [
    (EngineFormat(release: "2.1.0", writes: 2, reads: 1...2), nil),
    (EngineFormat(release: "1.9.0", writes: 1, reads: 1...2), nil),
    (EngineFormat(release: "3.0.0", writes: 2, reads: 2...3), nil),
    (EngineFormat(release: "1.0.0", writes: 1, reads: 1...1), "1.0.0 and does not read format 2"),
    (EngineFormat(release: "3.1.0", writes: 3, reads: 2...3), "3.1.0 and writes format 3"),
    (EngineFormat(release: "5.0.0", writes: 2, reads: 3...3), "5.0.0 and does not read format 2"),
  ]

  @Test("each reads what the other writes, or they do not", arguments: others)
  func objection(_ other: EngineFormat, _ objection: String?) {
    let found = Self.ours.objection(to: other)
    #expect((found == nil) == (objection == nil))
    if let objection { #expect(found?.contains(objection) == true) }
    // Nobody is let in whom the others would have to refuse.
    #expect((other.objection(to: Self.ours) == nil) == (objection == nil))
  }

  private func open(_ store: any Store) throws(StoreError) {
    try Hub(store: store, log: { _ in }).close()
  }

  @Test("an open names the process that is in the way; one that has left is in nobody's")
  func opening() throws {
    let store = MemoryStore()
    let next = EngineFormat(release: "9.0.0", writes: 9, reads: 8...9)
    let node = try store.join(serving: NodeService(format: next))
    let error = #expect(throws: StoreError.self) { try open(store) }
    #expect(error?.code == .foreign)
    #expect(error?.message.contains("release 9.0.0 and writes format 9") == true)
    try Hub.checkFormat(of: store, except: node)
    try Hub.checkFormat(of: store, format: next)
    try store.leave(node)
    try open(store)
  }
}
