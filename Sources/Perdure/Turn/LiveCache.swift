import PerdureModel
import Synchronization

/// The coroutines that are kept between turns, at most `capacity`; the least recently used ones go first.
///
/// A coroutine is either in here or being run, so that two turns can never run the same one.
final class LiveCache: Sendable {
  private let capacity: Int
  private let state = Mutex(State())

  private struct State {
    var entries: [ExactText: Entry] = [:]
    /// Oldest first, from `head`; an entry whose stamp differs has been used since and stands further back.
    var order: [(instance: ExactText, stamp: UInt64)] = []
    var head = 0
    var stamp: UInt64 = 0
  }

  private struct Entry {
    var live: LiveOrchestration
    var stamp: UInt64
  }

  init(capacity: Int) { self.capacity = max(0, capacity) }

  var count: Int { state.withLock { $0.entries.count } }

  /// Takes the coroutine of an instance out.
  func take(_ instance: InstanceID) -> LiveOrchestration? {
    state.withLock { $0.entries.removeValue(forKey: ExactText(instance))?.live }
  }

  /// Puts a coroutine in. Returns what has to be evicted for it: one of an earlier turn of the same instance,
  /// the least recently used one, or itself: when nothing is kept at all, and when the turn that it comes
  /// from was given up by the engine and a later one has ended before it.
  func put(_ live: LiveOrchestration) -> [LiveOrchestration] {
    guard capacity > 0 else { return [live] }
    return state.withLock { state in
      let instance = ExactText(live.instance)
      if let other = state.entries[instance]?.live, other.turn > live.turn { return [live] }
      var dropped: [LiveOrchestration] = []
      state.stamp &+= 1
      let entry = Entry(live: live, stamp: state.stamp)
      if let older = state.entries.updateValue(entry, forKey: instance) { dropped.append(older.live) }
      state.order.append((instance, state.stamp))
      while state.entries.count > capacity, let oldest = Self.popOldest(&state) { dropped.append(oldest) }
      if state.order.count > 2 * state.entries.count + 64 { Self.compact(&state) }
      return dropped
    }
  }

  func takeAll() -> [LiveOrchestration] {
    state.withLock { state in
      defer { state = State() }
      return state.entries.values.map(\.live)
    }
  }

  private static func popOldest(_ state: inout State) -> LiveOrchestration? {
    while state.head < state.order.count {
      let (instance, stamp) = state.order[state.head]
      state.head &+= 1
      if state.entries[instance]?.stamp == stamp { return state.entries.removeValue(forKey: instance)?.live }
    }
    return nil
  }

  private static func compact(_ state: inout State) {
    let entries = state.entries
    state.order = state.order[state.head...].filter { entries[$0.instance]?.stamp == $0.stamp }
    state.head = 0
  }
}
