import CDX
import Foundation
import Testing

/// `dx_store_metrics`: what it refuses, and that it answers in both forms.
@Suite struct MetricsTests {
  static func ask(_ store: OpaquePointer?, _ request: String) throws -> String {
    try with(request) { request in try buffer { dx_store_metrics(store, request, $0) } }
  }

  @Test func bothForms() throws {
    let host = try Host()
    try host.start("nobody", "a")
    for request in ["", "{}", #"{"format":null}"#, #"{"format":"json"}"#] {
      let snapshot = parse(try Self.ask(host.store, request))
      #expect(snapshot["v"] as? Int == 1)
      let families = try #require(snapshot["families"] as? [JSON])
      let started = try #require(families.first { $0["name"] as? String == "perdure_instances_started" })
      #expect(((started["series"] as? [JSON])?.first?["value"] as? Int) == 1)
    }
    let text = try Self.ask(host.store, #"{"format":"openmetrics"}"#)
    #expect(text.contains("perdure_instances_started_total{orchestration=\"nobody\"} 1\n"))
    #expect(text.hasSuffix("\n# EOF\n"))
  }

  @Test(arguments: ["[]", "{", #"{"format":"xml"}"#, #"{"form":"json"}"#, #"{"format":1}"#])
  func badRequests(_ request: String) throws {
    let host = try Host()
    let error = try #require(throws: CallError.self) { _ = try Self.ask(host.store, request) }
    #expect(error.code == DX_INVALID_ARGUMENT)
  }

  @Test func badHandles() throws {
    let host = try Host()
    var out = dx_buffer()
    #expect(code(dx_store_metrics(nil, dx_text(), &out)) == DX_INVALID_ARGUMENT)
    #expect(code(dx_store_metrics(host.client, dx_text(), &out)) == DX_INVALID_HANDLE)
    #expect(code(dx_store_metrics(host.store, dx_text(), nil)) == DX_INVALID_ARGUMENT)
    #expect(out.data == nil)
  }
}
