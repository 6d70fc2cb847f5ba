import PerdureModel
import PerdureWire

/// One decoder together with its encoder, so that tables can hold all of them.
struct Codec: Sendable {
  let name: String
  /// Decodes; answers the text that encoding gives then.
  let canonical: @Sendable ([UInt8]) throws(WireError) -> [UInt8]

  init<Value>(
    _ name: String, _ decode: @escaping @Sendable (UnsafeRawBufferPointer) throws(WireError) -> Value,
    _ encode: @escaping @Sendable (Value) -> [UInt8]
  ) {
    self.name = name
    canonical = { json throws(WireError) in encode(try json.read(decode)) }
  }

  static let event = Codec("event", EventWire.decode, { EventWire.encode($0) })
  static let action = Codec("action", ActionWire.decode, ActionWire.encode)
  static let failure = Codec("failure", FailureWire.decode, FailureWire.encode)
  static let payload = Codec("payload", PayloadWire.decode, { $0.bytes })
  static let message = Codec("message", StoreWire.decodeMessage, { StoreWire.encode($0) })
  static let start = Codec("start", StoreWire.decodeStart, { StoreWire.encode($0) })
  static let service = Codec("node service", StoreWire.decodeService, { StoreWire.encode($0) })
  static let options = Codec(
    "activity options", ActivityOptionsWire.decode, { ActivityOptionsWire.encode($0) })
  static let turnRequest = Codec("turn request", TurnWire.decodeRequest, { TurnWire.encode($0) })
  static let turnAnswer = Codec("turn answer", TurnWire.decodeAnswer, { TurnWire.encode($0) })
  static let activity = Codec("activity task", ActivityWire.decode, ActivityWire.encode)
  static let log = Codec("log record", LogWire.decode, LogWire.encode)
  static let startRequest = Codec("start request", ClientWire.decodeStart, { ClientWire.encode($0) })
  static let startRequests = Codec(
    "start requests", ClientWire.decodeStarts,
    { results in ClientWire.encode(results.compactMap { try? $0.get() }) })
  static let listQuery = Codec("list query", ClientWire.decodeList, { ClientWire.encode($0) })
  static let historyQuery = Codec("history query", ClientWire.decodeHistory, { ClientWire.encode($0) })
  static let deleteQuery = Codec("delete query", ClientWire.decodeDelete, { ClientWire.encode($0) })
  static let description = Codec("description", ClientWire.decodeDescription, { ClientWire.encode($0) })
  static let historyPage = Codec("history page", ClientWire.decodeHistoryPage, { ClientWire.encode($0) })
  static let listPage = Codec(
    "list page", ClientWire.decodeListPage,
    { page in
      ClientWire.encode(ListPage(instances: page.instances.map(\.description), next: page.next))
    })
  static let control = Codec("control request", ClientWire.decodeControl, { ClientWire.encode($0) })
  static let controlled = Codec(
    "control answer", ClientWire.decodeControlled, ClientWire.encodeControlled)
  static let send = Codec("send request", ClientWire.decodeSend, { ClientWire.encode($0) })
  static let sent = Codec("send answer", ClientWire.decodeSent, { ClientWire.encodeSent(isKept: $0) })
  static let published = Codec("published", ClientWire.decodePublished, ClientWire.encodePublished)
  static let call = Codec("call request", ClientWire.decodeCall, { ClientWire.encode($0) })
  static let callAnswer = Codec("call answer", ClientWire.decodeCallAnswer, { ClientWire.encode($0) })
  static let query = Codec("query request", ClientWire.decodeQuery, { ClientWire.encode($0) })
  static let queryAnswer = Codec(
    "query answer", ClientWire.decodeQueryAnswer, ClientWire.encodeQueryAnswer)
  static let kvQuery = Codec("KV query", ClientWire.decodeKV, { ClientWire.encode($0) })
  static let kvPage = Codec("KV page", ClientWire.decodeKVPage, ClientWire.encodeKVPage)
  static let started = Codec("started", ClientWire.decodeStarted, { ClientWire.encodeStarted($0) })
  static let startedList = Codec(
    "started list", ClientWire.decodeStartedList, { ClientWire.encodeStarted($0) })
  static let deleted = Codec("deleted", ClientWire.decodeDeleted, ClientWire.encodeDeleted)
  static let runtime = Codec("runtime options", OptionsWire.decodeRuntime, { OptionsWire.encode($0) })
  static let activityLimits = Codec(
    "activity limits", OptionsWire.decodeActivityLimits, { OptionsWire.encode($0) })
  static let store = Codec("store config", OptionsWire.decodeStore, { OptionsWire.encode($0) })
  static let logLevel = Codec("log config", OptionsWire.decodeLog, { OptionsWire.encode($0) })
  static let pollWork = Codec("poll work", PollWire.decodeWork, { PollWire.encode($0) })
  static let pollAnswers = Codec("poll answers", PollWire.decodeAnswers, { PollWire.encode($0) })
}

extension [UInt8] {
  /// Decodes from a buffer of exactly this size, so that a sanitizer sees a byte read too many.
  func read<Value>(
    _ decode: (UnsafeRawBufferPointer) throws(WireError) -> Value
  ) throws(WireError) -> Value {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
    defer { buffer.deallocate() }
    buffer.copyBytes(from: self)
    return try decode(UnsafeRawBufferPointer(buffer))
  }
}

extension String {
  var json: [UInt8] { Array(utf8) }
}

func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

/// SplitMix64: the same numbers on every machine.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
