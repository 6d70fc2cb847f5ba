import CDX

/// One run of the engine's simulation, for `PerdureTesting`. It computes on the caller's thread, without a
/// store.
package struct EngineSimulation: Sendable {
  private let handle: EngineHandle

  /// - Parameter config: "Simulation config" of docs/wire-format.md.
  /// - Throws: `DXError`.
  package init(config: [UInt8]) throws { handle = try EngineHandle.simulation(config: config) }

  /// Hands in the answer to what the last step handed out, and goes on until the host is wanted.
  ///
  /// - Parameter answers: "Simulation answers"; empty when nothing was asked.
  /// - Returns: "Simulation work".
  /// - Throws: `DXError`.
  package func step(_ answers: [UInt8]) throws -> [UInt8] {
    var out = dx_buffer(data: nil, size: 0)
    try Text.with(answers) { try DXError.check(dx_simulation_step(handle.pointer, $0, &out)) }
    return out.read { Array($0) }
  }
}
