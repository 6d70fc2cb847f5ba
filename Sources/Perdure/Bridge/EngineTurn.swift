import CDX
import PerdureModel
import PerdureWire

/// One registered orchestration: what the engine calls for each turn of it.
final class EngineOrchestration: Sendable {
  private let driver: TurnDriver
  private let body: OrchestrationBody

  init(driver: TurnDriver, body: @escaping OrchestrationBody) {
    self.driver = driver
    self.body = body
  }

  func register(on runtime: EngineHandle, name: String, version: String) throws {
    let retained = Unmanaged.passRetained(self)
    try Text.with(name) { name in
      try Text.with(version) { version in
        try DXError.check(
          dx_register_orchestration(
            runtime.pointer, name, version, Self.turn, retained.toOpaque(), Self.release))
      }
    }
  }

  private static let release: dx_release_fn = { orchestration in
    if let orchestration { Unmanaged<EngineOrchestration>.fromOpaque(orchestration).release() }
  }

  private static let turn: dx_turn_fn = { turn, orchestration in
    guard let turn, let orchestration else { return }
    Unmanaged<EngineOrchestration>.fromOpaque(orchestration).takeUnretainedValue().run(turn)
  }

  private func run(_ turn: OpaquePointer) {
    do {
      var input = dx_text()
      try DXError.check(dx_turn_input(turn, &input))
      let request = try TurnWire.decodeRequest(input.bytes)
      let answer = TurnWire.encode(driver.run(request, body: body))
      // The engine has dealt with an answer that it refuses, and says so in its log.
      dx_error_free(Text.with(answer) { dx_turn_complete(turn, $0) })
    } catch {
      let failure = FailureWire.encode(PerdureModel.Failure(error))
      dx_error_free(Text.with(failure) { dx_turn_fail(turn, $0) })
    }
  }
}
