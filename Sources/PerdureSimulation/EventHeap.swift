import PerdureModel

/// What is going to happen, by its moment. What falls on the same moment comes out in an order that chance
/// decides.
struct EventHeap<Happening> {
  private struct Entry {
    var at: Int64
    var tie: UInt64
    var happening: Happening

    func precedes(_ other: Entry) -> Bool { at != other.at ? at < other.at : tie < other.tie }
  }

  private var heap: [Entry] = []
  private var random: Random

  init(random: Random) { self.random = random }

  mutating func add(_ happening: Happening, at moment: Int64) {
    heap.append(Entry(at: moment, tie: random.next(), happening: happening))
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child].precedes(heap[parent]) else { return }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  mutating func next() -> (at: Int64, happening: Happening)? {
    guard let first = heap.first else { return nil }
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < heap.count && heap[child].precedes(heap[least]) {
        least = child
      }
      if least == parent { return (first.at, first.happening) }
      heap.swapAt(parent, least)
      parent = least
    }
  }
}
