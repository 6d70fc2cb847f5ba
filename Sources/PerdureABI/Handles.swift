import Glibc
import Synchronization

/// What stands behind the opaque pointers of dx.h: numbers that are looked up, so that a pointer that was
/// freed, used twice or made up is told apart from a good one without touching memory.
///
///     bits 0-3     kind (never 0)
///     bits 4-27    place in the table
///     bits 28-52   how often the place was used
///
/// 53 bits, so that the same number passes through JSON (tokens of the pull mode).
enum HandleKind: UInt, CaseIterable, Sendable {
  case error = 1
  case store, client, runtime, turn, activity, simulation, password
}

/// A table of living objects of one kind.
final class HandleTable<Object: AnyObject & Sendable>: Sendable {
  private struct Slot {
    var object: Object?
    var generation: UInt = 1
    var process: Int32 = 0
  }

  private struct State {
    var slots: [Slot] = []
    var free: [Int] = []
  }

  private static var placeBits: UInt { 24 }
  private static var generationMask: UInt { (1 << 25) - 1 }
  private static var kindBits: UInt { 4 }

  private let kind: HandleKind
  private let state = Mutex(State())

  init(_ kind: HandleKind) { self.kind = kind }

  /// nil: the table is full (16 million).
  func add(_ object: Object) -> UInt? {
    state.withLock { state in
      let place: Int
      if let free = state.free.popLast() {
        place = free
      } else {
        guard state.slots.count < 1 << Self.placeBits else { return nil }
        place = state.slots.count
        state.slots.append(Slot())
      }
      state.slots[place].object = object
      state.slots[place].process = getpid()
      return (state.slots[place].generation << Self.placeBits | UInt(place)) << Self.kindBits
        | kind.rawValue
    }
  }

  func find(_ handle: UInt) throws(ABIError) -> Object {
    try state.withLock { state throws(ABIError) in try look(handle, state).1 }
  }

  /// Takes the object out: the handle is void from here on.
  func remove(_ handle: UInt) throws(ABIError) -> Object {
    try state.withLock { state throws(ABIError) in
      let (place, object) = try look(handle, state)
      state.slots[place].object = nil
      state.slots[place].generation = state.slots[place].generation % Self.generationMask + 1
      state.free.append(place)
      return object
    }
  }

  private func look(_ handle: UInt, _ state: borrowing State) throws(ABIError) -> (Int, Object) {
    if handle == 0 { throw ABIError(.invalidArgument, "the \(kind) is NULL") }
    let place = Int(handle >> Self.kindBits & (1 << Self.placeBits - 1))
    let generation = handle >> (Self.kindBits + Self.placeBits)
    guard handle & (1 << Self.kindBits - 1) == kind.rawValue, place < state.slots.count,
      state.slots[place].generation == generation, let object = state.slots[place].object
    else {
      throw ABIError(.invalidHandle, "this is no living \(kind): it was freed or completed, or never was one")
    }
    guard state.slots[place].process == getpid() else {
      throw ABIError(.forked, "the \(kind) belongs to the parent of this process; open stores after fork")
    }
    return (place, object)
  }
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
