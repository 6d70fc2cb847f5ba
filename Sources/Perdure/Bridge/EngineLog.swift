import CDX
import PerdureModel
import PerdureWire
import Synchronization

/// The log of this process: of the engine, of orchestrations and of activities.
public enum EngineLog {
  /// Sends the records of this process to `sink`, in place of what was set before. There is no logging until
  /// this is called.
  ///
  ///     try EngineLog.send { record in
  ///       logger.log(level: .info, "\(record.message)", metadata: record.metadata.mapValues { "\($0)" })
  ///     }
  ///
  /// - Parameters:
  ///   - level: records below it are not made.
  ///   - sink: called on threads of the engine and of tasks, several at once. It must not block.
  /// - Throws: `DXError`.
  public static func send(
    from level: LogLevel = .info, to sink: @escaping @Sendable (LogRecord) -> Void
  ) throws {
    let sink = Sink(level: level, write: sink)
    let retained = Unmanaged.passRetained(sink)
    try Text.with(#"{"level":"\#(level.rawValue)"}"#) {
      try DXError.check(dx_log_set($0, record, retained.toOpaque(), release))
    }
    current.withLock { $0 = sink }
  }

  /// Turns logging off.
  ///
  /// - Throws: `DXError`.
  public static func turnOff() throws {
    current.withLock { $0 = nil }
    try DXError.check(dx_log_set(dx_text(data: nil, size: 0), nil, nil, nil))
  }

  private static let current = Mutex<Sink?>(nil)

  /// Whether anybody hears of it.
  static func takes(_ level: LogLevel) -> Bool {
    current.withLock { sink in sink.map { $0.level <= level } ?? false }
  }

  /// A record that did not come from the engine.
  static func write(_ record: LogRecord) {
    let sink = current.withLock { $0 }
    if let sink, sink.level <= record.level { sink.write(record) }
  }

  private final class Sink: Sendable {
    let level: LogLevel
    let write: @Sendable (LogRecord) -> Void

    init(level: LogLevel, write: @escaping @Sendable (LogRecord) -> Void) {
      self.level = level
      self.write = write
    }
  }

  private static let record: dx_log_fn = { record, sink in
    // What this release of the SDK cannot read cannot be told to anybody.
    guard let sink, let read = try? LogWire.decode(record.bytes) else { return }
    Unmanaged<Sink>.fromOpaque(sink).takeUnretainedValue().write(LogRecord(read))
  }

  private static let release: dx_release_fn = { sink in
    if let sink { Unmanaged<Sink>.fromOpaque(sink).release() }
  }
}
