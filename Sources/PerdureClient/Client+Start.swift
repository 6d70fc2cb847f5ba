package import PerdureModel
import PerdureRuntime
import PerdureStore

/// The instance that a start came to.
package struct Started: Hashable, Sendable {
  package var instance: InstanceID
  /// It was there before.
  package var isExisting: Bool

  package init(instance: InstanceID, isExisting: Bool = false) {
    self.instance = instance
    self.isExisting = isExisting
  }
}

extension Client {
  package func start(_ request: StartRequest) throws(ClientError) -> Started {
    guard let result = start([request]).first else {
      throw .store(StoreError(.closed, "the store is closed"))
    }
    return try result.get()
  }

  /// All in one commit; each has a result of its own.
  package func start(_ requests: [StartRequest]) -> [Result<Started, ClientError>] {
    hub.atOneMoment { start(requests, $0) }
  }

  private func start(_ requests: [StartRequest], _ now: TimestampMS) -> [Result<Started, ClientError>] {
    let checked = requests.map { request in Result { () throws(ClientError) in try check(request, now) } }
    let starts = checked.compactMap { try? $0.get() }
    let written = hub.write(starts.map { .start($0, owner: owner(for: $0, now), now: now) })
    var outcomes = zip(starts, written).makeIterator()
    return checked.map { item in
      if case .failure(let error) = item { return .failure(error) }
      guard let (start, result) = outcomes.next() else {
        return .failure(.store(StoreError(.closed, "the store is closed")))
      }
      return Self.receipt(result, start.instance, "start").map { receipt in
        guard case .existing(let instance, _) = receipt else { return Started(instance: start.instance) }
        return Started(instance: instance, isExisting: true)
      }
    }
  }

  /// Nobody holds in memory what starts later.
  private func owner(for start: InstanceStart, _ now: TimestampMS) -> NodeID? {
    start.options.startAt > now ? nil : hub.owner(for: start)
  }

  private func check(_ request: StartRequest, _ now: TimestampMS) throws(ClientError) -> InstanceStart {
    try Check.name(request.orchestration, "orchestration")
    let instance = request.instance ?? RandomID.make()
    try Check.instance(instance)
    try Check.unreserved(request.orchestration, "orchestration name")
    try Check.unreserved(instance, "instance id")
    try Check.payload(request.input, "the input", limit: hub.limits.payloadBytes)
    if let version = request.version, SemanticVersion(version) == nil {
      throw .invalidArgument("version '\(version)' is not a semantic version such as 1.2.0")
    }
    var options = request.options
    if let delayMS = request.delayMS { options.startAt = now &+ delayMS }
    if let attributes = options.attributes {
      try Check.payload(attributes, "attributes", limit: Limits.attributesBytes)
    }
    if let memo = options.memo { try Check.payload(memo, "the memo", limit: hub.limits.payloadBytes) }
    if let key = options.dedupKey { try Check.name(key, "deduplication key", limit: Limits.instanceIDBytes) }
    return InstanceStart(
      instance: instance, orchestration: request.orchestration, version: request.version,
      input: request.input,
      options: options)
  }
}
