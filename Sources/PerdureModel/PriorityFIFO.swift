/// A queue that hands out higher priorities first, and equal ones in the order in which they came.
package struct PriorityFIFO<Element> {
  /// Highest first; only those with elements. Nearly always one.
  private var priorities: [Int64] = []
  private var lanes: [Int64: FIFO<Element>] = [:]

  package init() {}

  package var isEmpty: Bool { priorities.isEmpty }

  /// The next element, left in its place.
  package var first: (priority: Int64, element: Element)? {
    guard let priority = priorities.first, let element = lanes[priority]?.elements.first else { return nil }
    return (priority, element)
  }

  package mutating func append(_ element: Element, priority: Int64) {
    if lanes[priority] == nil {
      lanes[priority] = FIFO()
      priorities.insert(priority, at: priorities.firstIndex { $0 < priority } ?? priorities.endIndex)
    }
    lanes[priority]?.append(element)
  }

  package mutating func popFirst() -> Element? {
    guard let priority = priorities.first else { return nil }
    let element = lanes[priority]?.popFirst()
    if lanes[priority]?.isEmpty != false {
      lanes[priority] = nil
      priorities.removeFirst()
    }
    return element
  }
}

extension PriorityFIFO: Sendable where Element: Sendable {}
