/// A queue with constant-time ends. Public, as only that is inlined into other modules: it lies on the way of
/// each step, and would find out the type of its elements anew with each call.
public struct FIFO<Element> {
  /// Those that were taken are nil: whatever they hold is let go at once.
  @usableFromInline var storage: [Element?] = []
  @usableFromInline var head = 0

  @inlinable public init() {}

  @inlinable public var isEmpty: Bool { head == storage.count }
  @inlinable public var count: Int { storage.count - head }
  @inlinable public var elements: [Element] { storage[head...].compactMap { $0 } }

  @inlinable public mutating func append(_ element: Element) { storage.append(element) }

  @inlinable public mutating func popFirst() -> Element? {
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
  @inlinable public mutating func take(_ limit: Int) -> [Element] {
    if limit >= count {
      defer { (storage, head) = ([], 0) }
      return elements
    }
    var taken: [Element] = []
    while taken.count < limit, let element = popFirst() { taken.append(element) }
    return taken
  }

  @inlinable public mutating func removeAll(where matches: (Element) -> Bool) {
    storage = elements.filter { !matches($0) }
    head = 0
  }
}

// Alike when they hold the same, wherever in the storage it lies.
extension FIFO: Equatable where Element: Equatable {
  public static func == (one: FIFO, other: FIFO) -> Bool { one.elements == other.elements }
}
extension FIFO: Hashable where Element: Hashable {
  public func hash(into hasher: inout Hasher) { hasher.combine(elements) }
}
extension FIFO: Sendable where Element: Sendable {}
