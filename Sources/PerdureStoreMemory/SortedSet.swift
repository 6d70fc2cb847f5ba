/// A set kept in order, in chunks, so that insertion and removal anywhere move few elements: what a store's
/// index is.
struct SortedSet<Element: Comparable & Sendable>: Sendable {
  private static var chunkLimit: Int { 512 }

  /// Each sorted and never empty; all elements of one are less than those of the next.
  private var chunks: [[Element]] = []
  private(set) var count = 0

  var isEmpty: Bool { count == 0 }
  var first: Element? { chunks.first?.first }

  /// Adds the element; one that is there already stays alone.
  mutating func insert(_ element: Element) {
    guard !chunks.isEmpty else {
      chunks = [[element]]
      count = 1
      return
    }
    let chunk = min(chunkIndex(notBefore: element), chunks.count - 1)
    let place = Self.position(in: chunks[chunk], notBefore: element)
    if place < chunks[chunk].count, chunks[chunk][place] == element { return }
    chunks[chunk].insert(element, at: place)
    count += 1
    if chunks[chunk].count > Self.chunkLimit { split(chunk) }
  }

  /// Removes the element if it is there.
  mutating func remove(_ element: Element) {
    let chunk = chunkIndex(notBefore: element)
    guard chunk < chunks.count else { return }
    let place = Self.position(in: chunks[chunk], notBefore: element)
    guard place < chunks[chunk].count, chunks[chunk][place] == element else { return }
    chunks[chunk].remove(at: place)
    count -= 1
    if chunks[chunk].isEmpty { chunks.remove(at: chunk) }
  }

  /// The least element that is greater than `element`, which need not be in the set.
  func first(after element: Element) -> Element? {
    var chunk = chunkIndex(notBefore: element)
    guard chunk < chunks.count else { return nil }
    var place = Self.position(in: chunks[chunk], notBefore: element)
    if place < chunks[chunk].count, chunks[chunk][place] == element { place += 1 }
    if place == chunks[chunk].count {
      chunk += 1
      place = 0
    }
    return chunk < chunks.count ? chunks[chunk][place] : nil
  }

  /// The greatest element that is less than `element`, which need not be in the set.
  func last(before element: Element) -> Element? {
    let chunk = min(chunkIndex(notBefore: element), chunks.count)
    let place = chunk < chunks.count ? Self.position(in: chunks[chunk], notBefore: element) : 0
    if place > 0 { return chunks[chunk][place - 1] }
    return chunk > 0 ? chunks[chunk - 1].last : nil
  }

  /// Visits the elements in order until `body` answers false.
  func walk(_ body: (Element) -> Bool) {
    for chunk in chunks {
      for element in chunk where !body(element) { return }
    }
  }

  private mutating func split(_ chunk: Int) {
    let middle = chunks[chunk].count / 2
    let upper = Array(chunks[chunk][middle...])
    chunks[chunk].removeSubrange(middle...)
    chunks.insert(upper, at: chunk + 1)
  }

  /// The first chunk that holds an element not less than `element`; `chunks.count` for none.
  private func chunkIndex(notBefore element: Element) -> Int {
    var low = 0
    var high = chunks.count
    while low < high {
      let middle = (low + high) / 2
      if let last = chunks[middle].last, last < element { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private static func position(in chunk: [Element], notBefore element: Element) -> Int {
    var low = 0
    var high = chunk.count
    while low < high {
      let middle = (low + high) / 2
      if chunk[middle] < element { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
