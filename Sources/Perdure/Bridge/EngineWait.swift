import CDX
import PerdureModel
import PerdureWire

/// The calls of the engine that answer when something has happened.
enum EngineWait {
  /// Waits for the end of an instance.
  ///
  /// - Parameter timeout: milliseconds; negative for no limit.
  static func end(
    of instance: InstanceID, client: EngineHandle, timeout: Int64
  ) async throws -> ClientWire.Described {
    let answer = try await answer { done, wait in
      Text.with(instance) { dx_client_wait(client.pointer, $0, timeout, done, wait.pointer) }
    }
    return try read(answer) { try ClientWire.decodeDescription($0) }
  }

  /// Waits for a custom status with a higher version, or the end.
  static func status(
    of instance: InstanceID, after version: Int64, client: EngineHandle, timeout: Int64
  ) async throws -> ClientWire.Described {
    let answer = try await answer { done, wait in
      Text.with(instance) {
        dx_client_wait_status(client.pointer, $0, version, timeout, done, wait.pointer)
      }
    }
    return try read(answer) { try ClientWire.decodeDescription($0) }
  }

  /// Waits for events.
  static func history(
    _ query: HistoryQuery, client: EngineHandle, timeout: Int64
  ) async throws -> PerdureModel.HistoryPage {
    let query = ClientWire.encode(query)
    let answer = try await answer { done, wait in
      Text.with(query) { dx_client_wait_history(client.pointer, $0, timeout, done, wait.pointer) }
    }
    return try read(answer) { try ClientWire.decodeHistoryPage($0) }
  }

  static func call(
    _ request: CallRequest, client: EngineHandle, timeout: Int64
  ) async throws -> PerdureModel.CallAnswer {
    let request = ClientWire.encode(request)
    let answer = try await answer(onLane: true) { done, wait in
      Text.with(request) { dx_client_call(client.pointer, $0, timeout, done, wait.pointer) }
    }
    return try read(answer) { try ClientWire.decodeCallAnswer($0) }
  }

  static func query(
    _ request: InstanceQuery, client: EngineHandle, timeout: Int64
  ) async throws -> Outcome {
    let request = ClientWire.encode(request)
    let answer = try await answer(onLane: true) { done, wait in
      Text.with(request) { dx_client_query(client.pointer, $0, timeout, done, wait.pointer) }
    }
    return try read(answer) { try ClientWire.decodeQueryAnswer($0) }
  }

  /// The replay report as JSON.
  static func replay(_ history: [UInt8], runtime: EngineHandle, timeout: Int64) async throws -> [UInt8] {
    try await answer(onLane: true) { done, wait in
      Text.with(history) { dx_history_replay(runtime.pointer, $0, timeout, done, wait.pointer) }
    }
  }

  /// The preflight report as JSON.
  static func preflight(_ request: [UInt8], runtime: EngineHandle, timeout: Int64) async throws -> [UInt8] {
    try await answer(onLane: true) { done, wait in
      Text.with(request) { dx_runtime_preflight(runtime.pointer, $0, timeout, done, wait.pointer) }
    }
  }

  /// Moves the virtual clock of a store. Returns what it shows then, as JSON.
  static func advance(_ store: EngineHandle, by ms: Int64, timeout: Int64) async throws -> [UInt8] {
    try await answer { done, wait in
      dx_store_advance_clock(store.pointer, ms, timeout, done, wait.pointer)
    }
  }

  /// The reference that the engine carries to `done`.
  struct UserData: @unchecked Sendable {
    let pointer: UnsafeMutableRawPointer
  }

  /// - onLane: the call itself waits for the store, and is kept off the pool of all tasks.
  private static func answer(
    onLane: Bool = false, _ call: @escaping @Sendable (dx_wait_fn, UserData) -> OpaquePointer?
  ) async throws -> [UInt8] {
    try await PendingAnswer<[UInt8]>().wait { answer in
      if onLane {
        CallLanes.run { if !answer.isAnswered { make(call, for: answer) } }
      } else {
        make(call, for: answer)
      }
    }
  }

  private static func make(
    _ call: (dx_wait_fn, UserData) -> OpaquePointer?, for answer: PendingAnswer<[UInt8]>
  ) {
    let retained = Unmanaged.passRetained(answer)
    if let error = call(done, UserData(pointer: retained.toOpaque())) {
      retained.release()
      answer.give(.failure(DXError(taking: error)))
    }
  }

  private static let done: dx_wait_fn = { error, result, answer in
    guard let answer else { return }
    let waiting = Unmanaged<PendingAnswer<[UInt8]>>.fromOpaque(answer).takeRetainedValue()
    if let error {
      waiting.give(.failure(DXError(taking: error)))
    } else {
      waiting.give(.success(Array(result.bytes)))
    }
  }

  private static func read<Value>(
    _ answer: [UInt8], _ body: (UnsafeRawBufferPointer) throws -> Value
  ) throws -> Value {
    do { return try answer.withUnsafeBytes(body) } catch { throw DXError.unreadable("An answer", error) }
  }
}
