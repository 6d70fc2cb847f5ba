import CDX
import Foundation
import Testing

/// dx_simulation_*: a run by hand, and what is refused. What runs do is the matter of PerdureRehearsalTests.
@Suite struct SimulationTests {
  static let config = #"""
    {"orchestrations":[{"name":"o"}],"script":[{"start":{"orchestration":"o","instance":"i"}}]}
    """#

  /// Freed at the end of the test.
  final class Simulation {
    let pointer: OpaquePointer?

    init(_ config: String) throws {
      var made: OpaquePointer?
      try call(with(config) { dx_simulation_new($0, &made) })
      pointer = made
    }

    deinit { dx_simulation_free(pointer) }

    func step(_ answers: String = "") throws -> JSON {
      parse(try with(answers) { answers in try buffer { dx_simulation_step(pointer, answers, $0) } })
    }
  }

  private func turn(_ work: JSON) throws -> (token: Int, request: JSON) {
    let turn = try #require(work["turn"] as? JSON)
    return (try #require(turn["token"] as? Int), try #require(turn["request"] as? JSON))
  }

  private func code(_ body: () throws -> Void) -> Int {
    do {
      try body()
      return 0
    } catch let error as CallError { return error.code } catch { return -1 }
  }

  @Test func `A run comes to its end`() throws {
    let simulation = try Simulation(Self.config)
    let (token, request) = try turn(try simulation.step())
    #expect(request["instance"] as? String == "i")
    let ended = try simulation.step(
      """
      {"v":1,"turns":[{"token":\(token),"answer":{"v":1,"actions":[],\
      "end":{"after":1,"kind":"Completed","output":7},"retained":false}}]}
      """)
    let end = try #require(ended["ended"] as? JSON)
    #expect(end["reason"] as? String == "atRest")
    let instance = try #require((end["instances"] as? [JSON])?.first)
    #expect((instance["description"] as? JSON)?["output"] as? Int == 7)
    #expect((instance["history"] as? [JSON])?.count == 2)
    #expect((end["points"] as? [JSON])?.count == 2)
    #expect(code { _ = try simulation.step() } == DX_WRONG_STATUS)
  }

  @Test func `An answer that breaks the rules is told, and the turn comes again`() throws {
    let simulation = try Simulation(Self.config)
    var work = try simulation.step()
    for answer in [
      #"{"v":1,"actions":[{"id":9,"after":1,"kind":"ClearAllKV"}],"retained":false}"#, "{}", "7",
    ] {
      let token = try turn(work).token
      work = try simulation.step(#"{"v":1,"turns":[{"token":\#(token),"answer":\#(answer)}]}"#)
      let refused = try #require((work["refused"] as? [JSON])?.first)
      #expect(refused["token"] as? Int == token)
      #expect(refused["code"] as? Int == DX_PROTOCOL)
    }
  }

  @Test(arguments: [
    ("", DX_WRONG_STATUS), ("{", DX_PROTOCOL), ("[]", DX_PROTOCOL), (#"{"v":2}"#, DX_PROTOCOL),
    (#"{"v":1,"turns":[{"token":77,"answer":{"v":1,"miss":true}}]}"#, DX_INVALID_HANDLE),
    (#"{"v":1,"activities":[{"token":1,"result":null}]}"#, DX_INVALID_HANDLE),
    (#"{"v":1,"script":[{"start":{"orchestration":"o"}}]}"#, DX_PROTOCOL),
    (#"{"v":1,"script":[{"afterMS":-1,"publish":{"topic":"t"}}]}"#, DX_PROTOCOL),
    (#"{"v":1,"script":[{"publish":{"topic":"t"},"start":{}}]}"#, DX_PROTOCOL),
    (#"{"v":1,"script":[{"complete":{"token":"x","result":1}}]}"#, DX_PROTOCOL),
  ])
  func `Answers that make no sense are refused, and the run goes on`(answers: String, expected: Int) throws {
    let simulation = try Simulation(Self.config)
    let token = try turn(try simulation.step()).token
    #expect(code { _ = try simulation.step(answers) } == expected)
    let ended = try simulation.step(
      #"{"v":1,"turns":[{"token":\#(token),"failure":{"type":"E","message":"m"}}]}"#)
    #expect(ended["turn"] != nil)
  }

  @Test(arguments: [
    "", "[]", "{", "null", #"{"seed":"1"}"#, #"{"x":1}"#, #"{"orchestrations":[{}]}"#,
    #"{"orchestrations":[{"name":"o","version":"1"}]}"#,
    #"{"activities":[{"name":"a","limits":{"rate":0}}]}"#,
    #"{"schedule":{"a":true}}"#, #"{"schedule":{"a":-1}}"#, #"{"schedule":{"a":null}}"#,
    #"{"schedule":{"a":"hang"}}"#, #"{"maxSteps":0}"#, #"{"maxMS":0}"#, #"{"startMS":-1}"#,
    #"{"cache":"maybe"}"#, #"{"script":[{}]}"#, #"{"script":[{"dance":{}}]}"#,
    #"{"script":[{"start":{"orchestration":"o"}}]}"#, #"{"activities":[{"name":""}]}"#,
    #"{"script":[{"call":{"instance":"i","name":"n"}}]}"#,
  ])
  func `A config that makes no sense is refused`(config: String) {
    #expect(code { _ = try Simulation(config) } == DX_INVALID_ARGUMENT)
  }

  @Test func `Handles are checked`() throws {
    var out = dx_buffer()
    let empty = dx_text(data: nil, size: 0)
    #expect(PerdureABITests.code(dx_simulation_step(nil, empty, &out)) == DX_INVALID_ARGUMENT)
    #expect(
      PerdureABITests.code(dx_simulation_step(OpaquePointer(bitPattern: 15), empty, &out))
        == DX_INVALID_HANDLE)
    #expect(PerdureABITests.code(with(Self.config) { dx_simulation_new($0, nil) }) == DX_INVALID_ARGUMENT)
    let simulation = try Simulation(Self.config)
    #expect(PerdureABITests.code(dx_simulation_step(simulation.pointer, empty, nil)) == DX_INVALID_ARGUMENT)
    dx_simulation_free(nil)
    #expect(out.data == nil)
  }
}
