import CDX
import PerdureWire

/// A counted handle of the engine, dropped with the last reference to this object.
final class EngineHandle: @unchecked Sendable {
  let pointer: OpaquePointer
  private let drop: @Sendable (OpaquePointer) -> Void

  private init(_ pointer: OpaquePointer, drop: @escaping @Sendable (OpaquePointer) -> Void) {
    self.pointer = pointer
    self.drop = drop
  }

  deinit { drop(pointer) }

  /// - Throws: `DXError`, also when the loaded library is not the one that this SDK was written for.
  static func store(url: String, config: [UInt8], password: PasswordDesk? = nil) throws -> EngineHandle {
    let loaded = dx_abi_version()
    guard loaded >> 16 == DX_ABI_MAJOR, loaded & 0xffff >= DX_ABI_MINOR else {
      throw DXError(
        .unsupported,
        """
        The loaded library has ABI \(loaded >> 16).\(loaded & 0xffff); this program was written for \
        \(DX_ABI_MAJOR).\(DX_ABI_MINOR).
        """
      )
    }
    return try Text.with(url) { url in
      try Text.with(config) { config in
        var options = dx_store_options(
          struct_size: MemoryLayout<dx_store_options>.size, url: url, config: config)
        guard let password else {
          return try make({ dx_store_open(&options, &$0) }, drop: { dx_store_close($0) })
        }
        return try make(
          {
            dx_store_open_with_password(
              &options, PasswordDesk.ask, Unmanaged.passRetained(password).toOpaque(),
              PasswordDesk.release, &$0)
          }, drop: { dx_store_close($0) })
      }
    }
  }

  static func client(_ store: EngineHandle) throws -> EngineHandle {
    try make({ dx_client_new(store.pointer, &$0) }, drop: { dx_client_free($0) })
  }

  static func runtime(_ store: EngineHandle, config: [UInt8]) throws -> EngineHandle {
    try Text.with(config) { config in
      var options = dx_runtime_options(struct_size: MemoryLayout<dx_runtime_options>.size, config: config)
      return try make({ dx_runtime_new(store.pointer, &options, &$0) }, drop: { dx_runtime_free($0) })
    }
  }

  static func simulation(config: [UInt8]) throws -> EngineHandle {
    try Text.with(config) { config in
      try make({ dx_simulation_new(config, &$0) }, drop: { dx_simulation_free($0) })
    }
  }

  private static func make(
    _ open: (inout OpaquePointer?) -> OpaquePointer?, drop: @escaping @Sendable (OpaquePointer) -> Void
  ) throws -> EngineHandle {
    var pointer: OpaquePointer?
    try DXError.check(open(&pointer))
    guard let pointer else { throw DXError(.internal, "The engine opened a handle and gave none.") }
    return EngineHandle(pointer, drop: drop)
  }
}

/// The release of the engine, such as "0.1.0".
public var engineVersion: String { dx_version().map { String(cString: $0) } ?? "" }
