import CDX
import PerdureModel
import PerdureWire

/// The client calls of the engine. Each blocks for one store round trip; `EngineWait` does not.
struct EngineClient: Sendable {
  let handle: EngineHandle

  func start(_ request: StartRequest) throws -> InstanceID {
    try ask(dx_client_start, ClientWire.encode(request)) { try ClientWire.decodeStarted($0) }
  }

  func start(_ requests: [StartRequest]) throws -> [Result<InstanceID, ClientWire.Refusal>] {
    try ask(dx_client_start_many, ClientWire.encode(requests)) { try ClientWire.decodeStartedList($0) }
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

  func send(_ channel: Channel, _ name: String, _ data: Payload, to instance: InstanceID) throws {
    try Text.with(instance) { instance in
      try Text.with(name) { name in
        try Text.with(data.bytes) { data in
          let error =
            switch channel {
            case .event: dx_client_raise_event(handle.pointer, instance, name, data)
            case .queue: dx_client_enqueue(handle.pointer, instance, name, data)
            }
          try DXError.check(error)
        }
      }
    }
  }

  func cancel(_ instance: InstanceID, reason: String) throws {
    try Text.with(instance) { instance in
      try Text.with(reason) { try DXError.check(dx_client_cancel(handle.pointer, instance, $0)) }
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
