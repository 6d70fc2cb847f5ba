import CDX

/// The log of the engine and of orchestrations.
public enum EngineLog {
  /// Sends log records of this process, JSON objects (docs/wire-format.md, "Log record"), to `sink`, which is
  /// called on the engine's threads, several at once. Replaces what was set before. There is no logging until
  /// this is called.
  ///
  /// - Throws: `DXError`.
  public static func send(from level: LogLevel = .info, to sink: @escaping @Sendable (String) -> Void) throws
  {
    let retained = Unmanaged.passRetained(Sink(sink))
    try Text.with(#"{"level":"\#(level.rawValue)"}"#) {
      try DXError.check(dx_log_set($0, record, retained.toOpaque(), release))
    }
  }

  /// Turns logging off.
  public static func turnOff() throws {
    try DXError.check(dx_log_set(dx_text(), nil, nil, nil))
  }

  private final class Sink: Sendable {
    let write: @Sendable (String) -> Void
    init(_ write: @escaping @Sendable (String) -> Void) { self.write = write }
  }

  private static let record: dx_log_fn = { record, sink in
    guard let sink else { return }
    let text = String(decoding: record.bytes, as: UTF8.self)
    Unmanaged<Sink>.fromOpaque(sink).takeUnretainedValue().write(text)
  }

  private static let release: dx_release_fn = { sink in
    if let sink { Unmanaged<Sink>.fromOpaque(sink).release() }
  }
}
