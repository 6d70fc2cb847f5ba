package import PerdureModel

/// What the clock of a store shows: {"now": int, "mode": "system" | "virtual"}.
package struct ClockState: Hashable, Sendable {
  package var now: TimestampMS
  package var isVirtual: Bool

  package init(now: TimestampMS, isVirtual: Bool) {
    self.now = now
    self.isVirtual = isVirtual
  }
}

package enum ClockWire {
  package static func encode(_ clock: ClockState) -> [UInt8] {
    var writer = JSONWriter(capacity: 64)
    writer.beginObject()
    writer.member("now", clock.now)
    writer.member("mode", literal: clock.isVirtual ? "virtual" : "system")
    writer.endObject()
    return writer.finish()
  }

  package static func decode(_ json: UnsafeRawBufferPointer) throws(WireError) -> ClockState {
    try decodeWhole(json) { reader throws(JSONFault) in
      var now = JSONSlice.absent
      var mode = JSONSlice.absent
      let object = try reader.beginObject()
      var first = true
      while let key = try reader.nextKey(&first) {
        if key.matches("now") {
          try reader.take(&now, key)
        } else if key.matches("mode") {
          try reader.take(&mode, key)
        } else {
          _ = try reader.skipValue()
        }
      }
      guard let mode = try reader.optionalChoice(mode, Mode.self) else {
        throw reader.missing(object, "mode")
      }
      return ClockState(now: try reader.int(now, object, "now"), isVirtual: mode == .virtual)
    }
  }

  /// Also in the config of a store.
  enum Mode: String, CaseIterable {
    case system, virtual
  }
}
