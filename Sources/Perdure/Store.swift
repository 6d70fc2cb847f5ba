import PerdureModel
import PerdureWire

/// Where instances live. Open it once per process; clients and runtimes share it. It closes with the last of
/// them.
public struct Store: Sendable {
  let handle: EngineHandle

  /// Opens a store, makes its tables if it is new, and takes back what dead processes held.
  ///
  /// - Parameters:
  ///   - url: `memory:` or `sqlite:PATH`.
  ///   - busyTimeout: how long a call waits for another process's write lock, 0...600 s.
  /// - Throws: `DXError` (`storeCannotOpen`, `storeForeign`, `storeCorrupt`, ...).
  public init(url: String, busyTimeout: Duration = .seconds(5)) async throws {
    var settings = StoreSettings()
    settings.busyTimeoutMS = Int(clamping: busyTimeout.millisecondsRoundedUp)
    let config = OptionsWire.encode(settings)
    handle = try await CallLanes.perform { try EngineHandle.store(url: url, config: config) }
  }
}
