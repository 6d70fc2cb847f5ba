public import CDX
import PerdureModel
import PerdureRuntime
import PerdureWire
import Synchronization

/// Where log records of this process go. Quiet until a host asks.
enum LogSink {
  private struct Sink: Sendable {
    var level: LogLevel
    var log: @Sendable (LogRecord) -> Void
  }

  private static let monitor = Monitor()
  nonisolated(unsafe) private static var sink: Sink?
  /// The lowest level that is wanted, as a number; one above all when there is no sink.
  private static let least = Atomic(LogLevel.allCases.count)

  static func prepare() { _ = monitor }

  /// Around a fork, of which the child keeps the sink: it is held for a moment only.
  static func lock() { monitor.lock() }
  static func unlock() { monitor.unlock() }

  static func set(_ level: LogLevel, _ log: (@Sendable (LogRecord) -> Void)?) {
    _ = Forks.count
    let before = monitor.locked {
      let before = sink
      sink = log.map { Sink(level: level, log: $0) }
      let place = LogLevel.allCases.firstIndex(of: level) ?? 0
      least.store(log == nil ? LogLevel.allCases.count : place, ordering: .relaxed)
      return before
    }
    // Outside the lock: the last reference to a host's data may go here.
    withExtendedLifetime(before) {}
  }

  /// Whether records of this level go anywhere. Cheap.
  static func takes(_ level: LogLevel) -> Bool {
    let least = least.load(ordering: .relaxed)
    return least < LogLevel.allCases.count && level >= LogLevel.allCases[least]
  }

  /// Never waits: the callback is made by the callback thread.
  static func write(_ record: LogRecord) {
    guard let sink = monitor.locked({ sink }), record.level >= sink.level else { return }
    CallbackThread.run { sink.log(record) }
  }
}

@c @implementation
public func dx_log_set(
  _ config: dx_text, _ log: dx_log_fn?, _ user_data: UnsafeMutableRawPointer?, _ release: dx_release_fn?
) -> OpaquePointer? {
  let user = UserData(user_data, release)
  return fallible { () throws(ABIError) in
    let json = try config.bytes("config")
    let level = try decoded("config") { () throws(WireError) in
      json.isEmpty ? .info : try OptionsWire.decodeLog(json)
    }
    guard let log else { return LogSink.set(level, nil) }
    let call = LogCall(log: log)
    LogSink.set(level) { record in
      let text = LentText(LogWire.encode(record))
      call.log(text.text, user.pointer)
      withExtendedLifetime((text, user)) {}
    }
  }
}

private struct LogCall: @unchecked Sendable {
  let log: dx_log_fn
}
