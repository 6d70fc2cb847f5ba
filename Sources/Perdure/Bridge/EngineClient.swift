import CDX
import PerdureModel
import PerdureWire

/// The client calls of the engine. Each blocks for one store round trip; `EngineWait` does not.
struct EngineClient: Sendable {
  let handle: EngineHandle

  func start(_ request: StartRequest) throws -> ClientWire.Started {
    try ask(dx_client_start, ClientWire.encode(request)) { try ClientWire.decodeStarted($0) }
  }

  func start(_ requests: [StartRequest]) throws -> [Result<ClientWire.Started, ClientWire.Refusal>] {
    try ask(dx_client_start_many, ClientWire.encode(requests)) { try ClientWire.decodeStartedList($0) }
  }

  func send(_ request: SendRequest) throws -> Bool {
    try ask(dx_client_send, ClientWire.encode(request)) { try ClientWire.decodeSent($0) }
  }

  func control(_ request: ControlRequest) throws -> PerdureModel.InstanceStatus {
    try ask(dx_client_control, ClientWire.encode(request)) { try ClientWire.decodeControlled($0) }
  }

  func describe(_ instance: InstanceID) throws -> ClientWire.Described {
    try ask(dx_client_describe, Array(instance.utf8)) { try ClientWire.decodeDescription($0) }
  }

  func history(_ query: HistoryQuery) throws -> PerdureModel.HistoryPage {
    try ask(dx_client_history, ClientWire.encode(query)) { try ClientWire.decodeHistoryPage($0) }
  }

  func list(_ query: ListQuery) throws -> (instances: [ClientWire.Described], next: Int64?) {
    try ask(dx_client_list, ClientWire.encode(query)) { try ClientWire.decodeListPage($0) }
  }

  func delete(_ query: DeleteQuery) throws -> [InstanceID] {
    try ask(dx_client_delete, ClientWire.encode(query)) { try ClientWire.decodeDeleted($0) }
  }

  func kv(_ query: KVQuery) throws -> [KVEntry] {
    try ask(dx_client_kv, ClientWire.encode(query)) { try ClientWire.decodeKVPage($0) }
  }

  /// One management operation; the answer is JSON.
  func manage(_ request: [UInt8]) throws -> [UInt8] {
    try ask(dx_client_manage, request) { Array($0) }
  }

  func publish(_ topic: String, _ data: Payload) throws -> Int64 {
    try Text.with(data.bytes) { data in
      try ask(
        { dx_client_publish($0, $1, data, $2) }, Array(topic.utf8)
      ) { try ClientWire.decodePublished($0) }
    }
  }

  func complete(_ token: String, _ outcome: Outcome) throws {
    switch outcome {
    case .completed(let result): try tell(dx_client_complete_activity, token, result.bytes)
    case .failed(let failure): try tell(dx_client_fail_activity, token, FailureWire.encode(failure))
    }
  }

  func heartbeat(_ token: String, _ details: Payload) throws {
    try tell(dx_client_heartbeat_activity, token, details.bytes)
  }

  private func tell(
    _ call: (OpaquePointer?, dx_text, dx_text) -> OpaquePointer?, _ token: String, _ json: [UInt8]
  ) throws {
    try Text.with(token) { token in
      try Text.with(json) { try DXError.check(call(handle.pointer, token, $0)) }
    }
  }

  private func ask<Answer>(
    _ call: (OpaquePointer?, dx_text, UnsafeMutablePointer<dx_buffer>?) -> OpaquePointer?, _ request: [UInt8],
    _ read: (UnsafeRawBufferPointer) throws -> Answer
  ) throws -> Answer {
    var out = dx_buffer()
    try Text.with(request) { try DXError.check(call(handle.pointer, $0, &out)) }
    return try out.read { bytes in
      do { return try read(bytes) } catch { throw DXError.unreadable("An answer", error) }
    }
  }
}
