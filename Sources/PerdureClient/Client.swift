package import PerdureModel
package import PerdureRuntime
import PerdureStore

/// Starts instances, sends them messages, waits for them, looks at them. Calls return when they are durable.
package final class Client: Sendable {
  private let hub: Hub

  package init(hub: Hub) { self.hub = hub }

  // MARK: Start

  package func start(_ request: StartRequest) throws(ClientError) -> InstanceID {
    guard let result = start([request]).first else {
      throw .store(StoreError(.closed, "the store is closed"))
    }
    return try result.get()
  }

  /// All in one commit; each has a result of its own.
  package func start(_ requests: [StartRequest]) -> [Result<InstanceID, ClientError>] {
    let now = hub.clock.now()
    let checked = requests.map { request in Result { () throws(ClientError) in try check(request) } }
    let starts = checked.compactMap { try? $0.get() }
    let written = hub.write(
      starts.map { .start($0, owner: hub.owner(for: $0), now: now) })
    var outcomes = zip(starts, written).makeIterator()
    return checked.map { item in
      guard case .success = item else { return item.map { $0.instance } }
      guard let (start, result) = outcomes.next() else {
        return .failure(.store(StoreError(.closed, "the store is closed")))
      }
      return Self.receipt(result, start.instance, "start").map { _ in start.instance }
    }
  }

  private func check(_ request: StartRequest) throws(ClientError) -> InstanceStart {
    try Check.name(request.orchestration, "orchestration")
    let instance = request.instance ?? RandomID.make()
    try Check.instance(instance)
    try Check.payload(request.input, "the input")
    if let version = request.version, SemanticVersion(version) == nil {
      throw .invalidArgument("version '\(version)' is not a semantic version such as 1.2.0")
    }
    return InstanceStart(
      instance: instance, orchestration: request.orchestration, version: request.version, input: request.input
    )
  }

  // MARK: Messages

  package func send(
    _ channel: Channel, _ name: String, to instance: InstanceID, _ data: Payload
  ) throws(ClientError) {
    try Check.name(name, channel == .event ? "event" : "queue")
    try Check.instance(instance)
    try Check.payload(data, "the payload")
    try post(.raised(channel: channel, name: name, data: data), to: instance)
  }

  package func cancel(_ instance: InstanceID, reason: String) throws(ClientError) {
    try Check.instance(instance)
    guard reason.utf8.count <= Limits.reasonBytes else {
      throw .limitExceeded("the reason has \(reason.utf8.count) bytes; the limit is \(Limits.reasonBytes)")
    }
    try post(.cancel(reason: reason), to: instance)
  }

  private func post(_ kind: MessageKind, to instance: InstanceID) throws(ClientError) {
    try write(
      .post(OutgoingMessage(to: instance, kind: kind), now: hub.clock.now()), instance, "receive messages")
  }

  // MARK: Look

  package func describe(_ instance: InstanceID) throws(ClientError) -> InstanceDescription {
    try Check.instance(instance)
    guard let description = try read({ () throws(StoreError) in try hub.store.describe(instance) }) else {
      throw Self.notFound(instance)
    }
    return description
  }

  /// Why a Pending or Running instance cannot go on, as far as this process can tell.
  package func pendingReason(_ description: InstanceDescription) -> String? {
    guard description.status == .pending || description.status == .running else { return nil }
    guard !hub.serves(description.orchestration, description.version) else { return nil }
    let version = description.version.map { " \($0)" } ?? ""
    return
      "no runtime of this process serves '\(description.orchestration)'\(version); it goes on where one does"
  }

  package func list(_ query: ListQuery) throws(ClientError) -> ListPage {
    try read { () throws(StoreError) in try hub.store.list(query) }
  }

  package func history(_ query: HistoryQuery) throws(ClientError) -> HistoryPage {
    try Check.instance(query.instance)
    guard let page = try read({ () throws(StoreError) in try hub.store.history(query) }) else {
      let execution = query.execution.map { ", or not with execution \($0)" } ?? ""
      throw .notFound(query.instance, "instance '\(query.instance)' does not exist\(execution)")
    }
    return page
  }

  package func delete(_ instance: InstanceID, force: Bool) throws(ClientError) -> [InstanceID] {
    try Check.instance(instance)
    let receipt = try write(
      .delete(instance, force: force), instance, "be deleted; force deletes it all the same")
    guard case .deleted(let gone) = receipt else { return [] }
    return gone
  }

  // MARK: Wait

  /// Calls `answer` once when the instance has ended. false: the store is closed, and `answer` is never
  /// called.
  ///
  /// - timeoutMS: negative for no limit.
  package func wait(
    for instance: InstanceID, timeoutMS: Int64, answer: @escaping @Sendable (WaitDesk.Answer) -> Void
  ) throws(ClientError) -> Bool {
    try Check.instance(instance)
    let longestMS: Int64 = 1 << 40
    let deadline = timeoutMS < 0 ? nil : monotonicNowNS() + min(timeoutMS, longestMS) * 1_000_000
    return hub.waits.wait(for: instance, untilMonotonicNS: deadline, group: self, answer: answer)
  }

  /// Answers open waits with `.closed`.
  package func close() { hub.waits.abandon(self) }
}

// MARK: - Store calls

extension Client {
  private func read<Value>(_ body: () throws(StoreError) -> Value) throws(ClientError) -> Value {
    do throws(StoreError) { return try body() } catch { throw .store(error) }
  }

  @discardableResult
  private func write(
    _ entry: StoreEntry, _ instance: InstanceID, _ verb: String
  ) throws(ClientError) -> StoreReceipt {
    guard let result = hub.write([entry]).first else {
      throw .store(StoreError(.closed, "the store is closed"))
    }
    return try Self.receipt(result, instance, verb).get()
  }

  private static func receipt(
    _ result: Committer.Result, _ instance: InstanceID, _ verb: String
  ) -> Result<StoreReceipt, ClientError> {
    switch result {
    case .failed(let error): return .failure(.store(error))
    case .answered(.success(let receipt)): return .success(receipt)
    case .answered(.failure(let refusal)):
      switch refusal {
      case .notFound: return .failure(notFound(instance))
      case .alreadyExists(let status): return .failure(.alreadyExists(instance, status))
      case .wrongStatus(let status):
        let message = "instance '\(instance)' is \(status.rawValue) and cannot \(verb)"
        return .failure(.wrongStatus(instance, status, message))
      case .isChild(let parent):
        let message = "instance '\(instance)' is a child of '\(parent)'; delete that one"
        return .failure(.wrongStatus(instance, nil, message))
      case .inboxFull(let limit):
        return .failure(
          .limitExceeded("the inbox of instance '\(instance)' is full: \(limit) messages wait in it"))
      case .failed(let error): return .failure(.store(error))
      case .conflict, .owned, .staleClaim:
        return .failure(
          .store(StoreError(.busy, "instance '\(instance)' was changed at the same moment; try again")))
      }
    }
  }

  private static func notFound(_ instance: InstanceID) -> ClientError {
    .notFound(instance, "instance '\(instance)' does not exist")
  }
}

/// Limits of what comes in from outside.
package enum Check {
  package static func name(_ name: String, _ what: String) throws(ClientError) {
    let size = name.utf8.count
    guard size > 0 else { throw .invalidArgument("the \(what) name is empty") }
    guard size <= Limits.nameBytes else {
      throw .limitExceeded("the \(what) name has \(size) bytes; the limit is \(Limits.nameBytes)")
    }
  }

  package static func instance(_ instance: InstanceID) throws(ClientError) {
    let size = instance.utf8.count
    guard size > 0 else { throw .invalidArgument("the instance id is empty") }
    guard size <= Limits.instanceIDBytes else {
      throw .limitExceeded("the instance id has \(size) bytes; the limit is \(Limits.instanceIDBytes)")
    }
  }

  package static func payload(_ payload: Payload, _ what: String) throws(ClientError) {
    guard payload.bytes.count <= Limits.payloadBytes else {
      throw .limitExceeded("\(what) has \(payload.bytes.count) bytes; the limit is \(Limits.payloadBytes)")
    }
  }
}

/// UUIDs of version 4 (RFC 9562) from the system's randomness.
enum RandomID {
  static func make() -> String {
    var generator = SystemRandomNumberGenerator()
    var bytes = (0..<16).map { _ in UInt8.random(in: 0...255, using: &generator) }
    bytes[6] = bytes[6] & 0x0F | 0x40
    bytes[8] = bytes[8] & 0x3F | 0x80
    let digits = Array("0123456789abcdef")
    var text = ""
    for (index, byte) in bytes.enumerated() {
      if [4, 6, 8, 10].contains(index) { text.append("-") }
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return text
  }
}
