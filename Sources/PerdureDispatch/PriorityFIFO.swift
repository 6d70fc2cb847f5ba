/// A queue that hands out higher priorities first, and equal ones in the order in which they came. Nearly all
/// work has priority 0, which costs no more than a FIFO.
struct PriorityFIFO<Element> {
  private struct Lane {
    var items: [Element] = []
    var head = 0

    var isEmpty: Bool { head == items.count }
    var first: Element? { isEmpty ? nil : items[head] }

    mutating func popFirst() -> Element? {
      guard head < items.count else { return nil }
      let element = items[head]
      head += 1
      if head > 32 && head * 2 > items.count {
        items.removeFirst(head)
        head = 0
      }
      return element
    }
  }

  private var normal = Lane()
  /// Highest first; never 0, and only those with elements.
  private var others: [(priority: Int64, lane: Lane)] = []

  var isEmpty: Bool { normal.isEmpty && others.isEmpty }

  /// The next element, left in its place.
  var first: (priority: Int64, element: Element)? {
    if let other = others.first, other.priority > 0 || normal.isEmpty {
      return other.lane.first.map { (other.priority, $0) }
    }
    return normal.first.map { (0, $0) }
  }

  mutating func append(_ element: Element, priority: Int64) {
    if priority == 0 { return normal.items.append(element) }
    let place = others.firstIndex { $0.priority <= priority } ?? others.endIndex
    if place == others.endIndex || others[place].priority != priority {
      others.insert((priority, Lane()), at: place)
    }
    others[place].lane.items.append(element)
  }

  mutating func popFirst() -> Element? {
    guard let other = others.first, other.priority > 0 || normal.isEmpty else { return normal.popFirst() }
    let element = others[0].lane.popFirst()
    if others[0].lane.isEmpty { others.removeFirst() }
    return element
  }
}
