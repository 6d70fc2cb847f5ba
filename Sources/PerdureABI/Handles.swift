import Glibc
import Synchronization

/// What stands behind the opaque pointers of dx.h: numbers that are looked up, so that a pointer that was
/// freed, used twice or made up is told apart from a good one without touching memory.
///
///     bits 0-3     kind (never 0)
///     bits 4-7     shelf of the table
///     bits 8-27    place on the shelf
///     bits 28-49   how often the place was used
///     bits 50-52   how many forks led to the process
///
/// 53 bits, so that the same number passes through JSON (tokens of the pull mode).
enum HandleKind: UInt, CaseIterable, Sendable {
  case error = 1
  case store, client, runtime, turn, activity, simulation, password
}

/// A handle taken apart.
struct HandleParts {
  static let placeCount = 1 << 20
  static let useCount: UInt = 1 << 22
  static let forkCount: UInt = 1 << 3

  var kind: UInt
  var shelf: Int
  var place: Int
  var use: UInt
  var forks: UInt

  var handle: UInt { forks << 50 | use << 28 | UInt(place) << 8 | UInt(shelf) << 4 | kind }
}

extension HandleParts {
  init(_ handle: UInt) {
    kind = handle & 0xf
    shelf = Int(handle >> 4 & 0xf)
    place = Int(handle >> 8 & UInt(Self.placeCount - 1))
    use = handle >> 28 & (Self.useCount - 1)
    forks = handle >> 50
  }
}

/// A table of living objects of one kind, in shelves: threads that add and take at once mostly do so from
/// different ones, as they would wait for each other at one lock.
final class HandleTable<Object: AnyObject & Sendable>: @unchecked Sendable, ForkedTable {
  private struct Slot {
    var object: Object?
    var use: UInt = 1
  }

  private struct State {
    var slots: [Slot] = []
    var free: [Int] = []
  }

  private struct Shelf: ~Copyable {
    let state = Mutex(State())
    /// No two locks in one line of the processor's cache.
    private let space: (UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0)
  }

  private static var shelfCount: Int { 16 }

  private let kind: HandleKind
  /// Tables live as long as the process.
  private let shelves = UnsafeMutablePointer<Shelf>.allocate(capacity: shelfCount)

  init(_ kind: HandleKind) {
    self.kind = kind
    clear()
  }

  /// In a forked child. What was in the table is the parent's and stays where it is; so does a lock that a
  /// thread of the parent held, whom nobody would wait for in vain.
  func clear() {
    for shelf in 0..<Self.shelfCount { (shelves + shelf).initialize(to: Shelf()) }
  }

  /// nil: the table is full (16 million).
  func add(_ object: Object) -> UInt? {
    let forks = Forks.count
    let first = Int(truncatingIfNeeded: pthread_self() >> 12 &* 0x9e37_79b9_7f4a_7c15 >> 60)
    for step in 0..<Self.shelfCount {
      let shelf = (first + step) % Self.shelfCount
      guard let (place, use) = add(object, to: shelf) else { continue }
      return HandleParts(kind: kind.rawValue, shelf: shelf, place: place, use: use, forks: forks).handle
    }
    return nil
  }

  private func add(_ object: Object, to shelf: Int) -> (place: Int, use: UInt)? {
    shelves[shelf].state.withLock { state in
      if let place = state.free.popLast() {
        state.slots[place].object = object
        return (place, state.slots[place].use)
      }
      guard state.slots.count < HandleParts.placeCount else { return nil }
      let slot = Slot(object: object)
      state.slots.append(slot)
      return (state.slots.count - 1, slot.use)
    }
  }

  func find(_ handle: UInt) throws(ABIError) -> Object { try look(handle, removing: false) }

  /// Takes the object out: the handle is void from here on.
  func remove(_ handle: UInt) throws(ABIError) -> Object { try look(handle, removing: true) }

  private func look(_ handle: UInt, removing: Bool) throws(ABIError) -> Object {
    if handle == 0 { throw ABIError(.invalidArgument, "the \(kind) is NULL") }
    let parts = HandleParts(handle)
    let forks = Forks.count
    if parts.kind == kind.rawValue, parts.forks < forks {
      throw ABIError(.forked, "the \(kind) belongs to the parent of this process; open stores after fork")
    }
    guard parts.kind == kind.rawValue, parts.forks == forks, let object = take(parts, removing) else {
      throw ABIError(.invalidHandle, "this is no living \(kind): it was freed or completed, or never was one")
    }
    return object
  }

  private func take(_ parts: HandleParts, _ removing: Bool) -> Object? {
    shelves[parts.shelf].state.withLock { state in
      guard parts.place < state.slots.count, state.slots[parts.place].use == parts.use,
        let object = state.slots[parts.place].object
      else { return nil }
      if removing {
        state.slots[parts.place] = Slot(object: nil, use: max(1, (parts.use + 1) % HandleParts.useCount))
        state.free.append(parts.place)
      }
      return object
    }
  }
}

protocol ForkedTable: Sendable {
  func clear()
}

enum Handles {
  static let errors = HandleTable<ErrorObject>(.error)
  static let stores = HandleTable<StoreObject>(.store)
  static let clients = HandleTable<ClientObject>(.client)
  static let runtimes = HandleTable<RuntimeObject>(.runtime)
  static let turns = HandleTable<TurnObject>(.turn)
  static let activities = HandleTable<ActivityObject>(.activity)
  static let simulations = HandleTable<SimulationObject>(.simulation)
  static let passwords = HandleTable<PasswordObject>(.password)

  static let all: [any ForkedTable] = [
    errors, stores, clients, runtimes, turns, activities, simulations, passwords,
  ]
}

extension HandleTable {
  func add(_ object: Object) throws(ABIError) -> OpaquePointer? {
    guard let handle: UInt = add(object) else {
      throw ABIError(.limitExceeded, "there are 16 million of them already")
    }
    return OpaquePointer(bitPattern: handle)
  }

  func find(_ pointer: OpaquePointer?) throws(ABIError) -> Object { try find(UInt(bitPattern: pointer)) }
  func remove(_ pointer: OpaquePointer?) throws(ABIError) -> Object { try remove(UInt(bitPattern: pointer)) }
}
