/// What a client asks for: a new instance, whose id it may leave to the engine.
package struct StartRequest: Hashable, Sendable {
  package var orchestration: String
  /// nil: the engine makes a random one.
  package var instance: InstanceID?
  /// nil: the highest registered at the first turn.
  package var version: String?
  package var input: Payload
  package var options: StartOptions
  /// In place of `options.startAt`: from now.
  package var delayMS: Int64?

  package init(
    orchestration: String, instance: InstanceID? = nil, version: String? = nil, input: Payload = .null,
    options: StartOptions = StartOptions(), delayMS: Int64? = nil
  ) {
    self.orchestration = orchestration
    self.instance = instance
    self.version = version
    self.input = input
    self.options = options
    self.delayMS = delayMS
  }
}
