/// Elements by priority: the highest lane first, in order within a lane.
struct PriorityLanes<Element: Comparable & Sendable>: Sendable {
  private struct Lane: Sendable {
    let priority: Int64
    var elements: SortedSet<Element>
  }

  /// Highest priority first; none is empty.
  private var lanes: [Lane] = []

  var isEmpty: Bool { lanes.isEmpty }

  mutating func insert(_ element: Element, priority: Int64) {
    let place = lanes.firstIndex { $0.priority <= priority } ?? lanes.count
    if place == lanes.count || lanes[place].priority != priority {
      lanes.insert(Lane(priority: priority, elements: SortedSet()), at: place)
    }
    lanes[place].elements.insert(element)
  }

  mutating func remove(_ element: Element, priority: Int64) {
    guard let place = lanes.firstIndex(where: { $0.priority == priority }) else { return }
    lanes[place].elements.remove(element)
    if lanes[place].elements.isEmpty { lanes.remove(at: place) }
  }

  /// The first element of the highest lane that has one which is due and is taken.
  ///
  /// - isDue: once false in a lane, false for all after it.
  func first(
    where isDue: (Element) -> Bool, taking takes: (Element) -> Bool
  ) -> (priority: Int64, element: Element)? {
    for lane in lanes {
      var found: Element?
      lane.elements.walk { element in
        guard isDue(element) else { return false }
        if takes(element) { found = element }
        return found == nil
      }
      if let found { return (lane.priority, found) }
    }
    return nil
  }

  /// Visits the elements of each lane in order until `body` answers false; then those of the next lane.
  func walk(_ body: (Element) -> Bool) {
    for lane in lanes { lane.elements.walk(body) }
  }

  /// In each lane the least element that is greater than `element`; the least of those.
  func first(after element: Element) -> Element? {
    lanes.compactMap { $0.elements.first(after: element) }.min()
  }
}
