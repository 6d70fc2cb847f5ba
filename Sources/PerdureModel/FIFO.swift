/// A queue with constant-time ends.
package struct FIFO<Element> {
  /// Those that were taken are nil: whatever they hold is let go at once.
  private var storage: [Element?] = []
  private var head = 0

  package init() {}

  package var isEmpty: Bool { head == storage.count }
  package var count: Int { storage.count - head }
  package var elements: [Element] { storage[head...].compactMap { $0 } }

  package mutating func append(_ element: Element) { storage.append(element) }

  package mutating func popFirst() -> Element? {
    guard head < storage.count else { return nil }
    let element = storage[head].take()
    head += 1
    if head > 32 && head * 2 > storage.count {
      storage.removeFirst(head)
      head = 0
    }
    return element
  }

  /// All, or the first `limit` of them.
  package mutating func take(_ limit: Int) -> [Element] {
    if limit >= count {
      defer { (storage, head) = ([], 0) }
      return elements
    }
    var taken: [Element] = []
    while taken.count < limit, let element = popFirst() { taken.append(element) }
    return taken
  }

  package mutating func removeAll(where matches: (Element) -> Bool) {
    storage = elements.filter { !matches($0) }
    head = 0
  }
}

// Alike when they hold the same, wherever in the storage it lies.
extension FIFO: Equatable where Element: Equatable {
  package static func == (one: FIFO, other: FIFO) -> Bool { one.elements == other.elements }
}
extension FIFO: Hashable where Element: Hashable {
  package func hash(into hasher: inout Hasher) { hasher.combine(elements) }
}
extension FIFO: Sendable where Element: Sendable {}
