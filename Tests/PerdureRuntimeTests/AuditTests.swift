import PerdureClient
import PerdureModel
import PerdureRuntime
import PerdureStore
import Testing

/// What clients change leaves a record of who did it.
@Suite struct AuditTests {
  private func records(_ bed: Bed) throws -> [String] {
    try bed.client.audit(AuditQuery()).records.map(\.note).reversed().map {
      "\($0.operation) \($0.target) by \($0.actor.isEmpty ? "nobody" : $0.actor): \($0.reason)"
    }
  }

  @Test func `Control and deletion leave a record, refusals do not`() throws {
    let bed = try Bed()
    _ = try bed.client.start(StartRequest(orchestration: "order", instance: "a"))
    func control(_ operation: ControlRequest.Operation, _ reason: String, _ actor: String) throws {
      _ = try bed.client.control(
        ControlRequest(instance: "a", operation: operation, reason: reason, actor: actor))
    }
    try control(.control(.suspend), "a look", "ana")
    #expect(throws: ClientError.self) { try control(.control(.suspend), "again", "ana") }
    try control(.control(.resume), "", "bo")
    try control(.cancel(graceMS: 5), "enough", "")
    try bed.client.cancel("a", by: Requester(reason: "really"))
    #expect(throws: ClientError.self) { try bed.client.delete("a", force: false) }
    _ = try bed.client.delete("a", force: true)
    #expect(
      try records(bed) == [
        "suspend a by ana: a look", "resume a by bo: ", "cancel a by nobody: enough",
        "cancel a by nobody: really", "delete a by nobody: ",
      ])
    let newest = try bed.client.audit(AuditQuery()).records.first?.note
    #expect(newest?.detail == Payload("{\"force\":true}"))
    #expect(abs((newest?.at ?? 0) - bed.hub.clock.now()) < 60_000)
  }

  @Test func `An actor that is too long is refused`() throws {
    let bed = try Bed()
    _ = try bed.client.start(StartRequest(orchestration: "order", instance: "a"))
    let request = ControlRequest(
      instance: "a", operation: .control(.suspend), actor: String(repeating: "a", count: 257))
    let error = #expect(throws: ClientError.self) { try bed.client.control(request) }
    #expect(error?.message == "the actor has 257 bytes; the limit is 256")
  }
}
