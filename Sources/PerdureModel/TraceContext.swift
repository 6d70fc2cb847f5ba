/// A place in a distributed trace: W3C Trace Context, level 1. Takes one word where there is none.
package struct TraceContext: Hashable, Sendable {
  private struct Parts: SeldomValue {
    var high: UInt64 = 0
    var low: UInt64 = 0
    var span: UInt64 = 0
    var flags: UInt8 = 0
    var state: String?
  }

  private var parts = Seldom<Parts>()

  /// What a `traceparent` must be. For errors.
  package static let parentRule =
    "must be a traceparent of version 00, such as 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01: "
    + "lower-case hexadecimal, and neither the trace id nor the parent id all zeros"
  package static let stateRule = "must be printable ASCII, not empty, of at most \(stateBytes) bytes"
  package static let stateBytes = 512

  /// - parent: the text of a `traceparent` header.
  /// - state: that of `tracestate`, passed on as it is.
  /// - Returns: nil when one of them breaks its rule.
  package init?(parent: String, state: String? = nil) {
    let text = Array(parent.utf8)
    let dash = UInt8(ascii: "-")
    guard text.count == 55, text[0..<3].elementsEqual("00-".utf8), text[35] == dash, text[52] == dash,
      let high = Self.number(text[3..<19]), let low = Self.number(text[19..<35]),
      let span = Self.number(text[36..<52]), let flags = Self.number(text[53..<55]),
      high | low != 0, span != 0, state.map(Self.isState) ?? true
    else { return nil }
    parts.value = Parts(
      high: high, low: low, span: span, flags: UInt8(truncatingIfNeeded: flags), state: state)
  }

  package static func isState(_ state: String) -> Bool {
    (1...stateBytes).contains(state.utf8.count) && state.utf8.allSatisfy { (0x20...0x7e).contains($0) }
  }

  private static func number(_ digits: ArraySlice<UInt8>) -> UInt64? {
    var value: UInt64 = 0
    for digit in digits {
      switch digit {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt64(digit &- UInt8(ascii: "0"))
      case UInt8(ascii: "a")...UInt8(ascii: "f"):
        value = value << 4 | UInt64(digit &- UInt8(ascii: "a") &+ 10)
      default: return nil
      }
    }
    return value
  }

  /// As a `traceparent` header has it.
  package var parent: String {
    let parts = parts.value
    return "00-" + Self.hex(parts.high, 16) + Self.hex(parts.low, 16) + "-" + Self.hex(parts.span, 16) + "-"
      + Self.hex(UInt64(parts.flags), 2)
  }

  /// `tracestate`.
  package var state: String? { parts.value.state }

  private static func hex(_ value: UInt64, _ count: Int) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: max(0, count - digits.utf8.count)) + digits
  }

  // MARK: Spans of our own

  /// The span of an execution that was started from here. The same in every process and every replay.
  package func span(of instance: InstanceID, _ execution: ExecutionID) -> TraceContext {
    derived("\(parent)/\(instance)/\(execution)")
  }

  /// The span of an attempt of an activity that was scheduled from here.
  package func span(of key: ActivityKey, attempt: Int64) -> TraceContext {
    derived("\(parent)/\(key.instance)/\(key.execution)/\(key.action)/\(attempt)")
  }

  /// The same trace, with a span id made of the name: FNV-1a 64, then the finalizer of SplitMix64.
  private func derived(_ name: String) -> TraceContext {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    hash = (hash ^ hash >> 30) &* 0xbf58_476d_1ce4_e5b9
    hash = (hash ^ hash >> 27) &* 0x94d0_49bb_1331_11eb
    hash ^= hash >> 31
    var span = self
    span.parts.value.span = hash == 0 ? 1 : hash
    return span
  }

  // MARK: In one text

  /// `traceparent`, and `tracestate` behind a space.
  package var text: String { state.map { "\(parent) \($0)" } ?? parent }

  package init?(text: String) {
    let ends = text.firstIndex(of: " ")
    self.init(
      parent: String(text[..<(ends ?? text.endIndex)]),
      state: ends.map { String(text[text.index(after: $0)...]) })
  }
}
