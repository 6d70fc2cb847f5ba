import CDX
import PerdureModel
import PerdureWire

/// Whose time a store follows.
public enum StoreClock: Hashable, Sendable {
  /// That of the machine.
  case system
  /// For tests: time that stands still, and skips from one moment at which something is due to the next while
  /// somebody waits for what an instance does. `start`: nil for 2026-01-01T00:00:00Z.
  case virtual(start: Timestamp? = nil)

  var settings: ClockSettings {
    switch self {
    case .system: .system
    case .virtual(let start): .virtual(startMS: start?.millisecondsSince1970 ?? ClockSettings.standardStart)
    }
  }
}

extension Store {
  /// The time that the engine goes by.
  public func now() throws -> Timestamp {
    var out = dx_buffer(data: nil, size: 0)
    try DXError.check(dx_store_clock(handle.pointer, &out))
    return try out.read { try Self.time(of: $0) }
  }

  /// Moves virtual time, stopping at each moment on the way at which something is due, until nothing of this
  /// process is at work on the store.
  ///
  /// - Parameters:
  ///   - duration: 0 or more; zero only waits until nothing is at work.
  ///   - timeout: how long something may be at work, by the system's time; nil: as long as it takes.
  /// - Returns: the time that it is then.
  /// - Throws: `DXError`: `unsupported` when the clock is not virtual, `timedOut` when something goes on,
  ///   such as an activity that does not answer. Time stays where it got to.
  @discardableResult
  public func advance(by duration: Duration, timeout: Duration? = nil) async throws -> Timestamp {
    let answer = try await EngineWait.advance(
      handle, by: duration.millisecondsRoundedUp, timeout: timeout.waitMS)
    return try answer.withUnsafeBytes { try Self.time(of: $0) }
  }

  private static func time(of json: UnsafeRawBufferPointer) throws -> Timestamp {
    do { return Timestamp(millisecondsSince1970: try ClockWire.decode(json).now) } catch {
      throw DXError.unreadable("The clock", error)
    }
  }
}
