/// A binary heap of things that are due at a moment, on whatever clock the owner has. Equal moments come out
/// in the order in which they went in.
package struct TimerQueue<Item> {
  /// Stored, as it is asked for all the time.
  package private(set) var earliest: Int64?

  private struct Entry {
    var at: Int64
    var order: UInt64
    var item: Item
  }

  private var heap: [Entry] = []
  private var inserted: UInt64 = 0
  /// How many it may hold before it is worth looking which of them are over.
  private var roomy = 64

  package init() {}

  package mutating func insert(_ item: Item, at: Int64) {
    earliest = min(earliest ?? at, at)
    heap.append(Entry(at: at, order: inserted, item: item))
    inserted += 1
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard precedes(child, parent) else { return }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  /// Takes the first item that is due at `now`.
  package mutating func popDue(_ now: Int64) -> Item? {
    guard let earliest, earliest <= now, let first = heap.first else { return nil }
    defer { self.earliest = heap.first?.at }
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && precedes(child, least) {
        least = child
      }
      if least == parent { return first.item }
      heap.swapAt(parent, least)
      parent = least
    }
  }

  package var count: Int { heap.count }

  /// It holds twice what it held after the last `keep`: time for the next, lest things that are over pile up
  /// until their moment comes, which may be years away.
  package var isCrowded: Bool { heap.count >= roomy }

  /// Drops what is over.
  ///
  /// - isOpen: asked with each item and its moment, in the order in which they are due.
  package mutating func keep(_ isOpen: (Item, Int64) -> Bool) {
    // In order they are a heap.
    heap = heap.sorted { ($0.at, $0.order) < ($1.at, $1.order) }.filter { isOpen($0.item, $0.at) }
    roomy = max(64, heap.count * 2)
    earliest = heap.first?.at
  }

  private func precedes(_ one: Int, _ other: Int) -> Bool {
    let (a, b) = (heap[one], heap[other])
    return a.at != b.at ? a.at < b.at : a.order < b.order
  }
}
