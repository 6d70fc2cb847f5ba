import PerdureModel
import PerdureSchedule
import PerdureWire
import Testing

/// Text with marks that combine with what stands before them, and with control characters: found by `make
/// fuzz`. Bytes decide, never characters.
@Suite struct MarkTests {
  static let names = ["order-1", "\u{301}order", "\u{e0100}", "\u{200d}x", "a\u{301}", "\tz\u{1}"]

  @Test(arguments: names) func completionTokensAreReadBack(_ instance: String) throws {
    let key = ActivityKey(instance: instance, execution: 2, action: 3)
    let token = try #require(CompletionToken(text: CompletionToken(key: key, token: 4).text))
    #expect(token.token == 4)
    #expect(token.key == key)
  }

  @Test(arguments: names) func schedulesAreCalledByTheirNames(_ name: String) {
    let read = Reserved.schedule(of: Reserved.instance(ofSchedule: name))
    #expect(read.map { Array($0.utf8) } == Array(name.utf8))
  }

  @Test(arguments: names) func attributesKeepTheirText(_ text: String) throws {
    let attributes = [Attribute(key: text, value: text)]
    #expect(AttributesWire.decode(AttributesWire.encode(attributes)) == attributes)
    var query = ListQuery()
    query.attributes = attributes
    let read = try ClientWire.encode(query).withUnsafeBytes { json throws(WireError) in
      try ClientWire.decodeList(json)
    }
    #expect(read.attributes == attributes)
  }

  @Test func noCharacterIsWithoutBound() {
    let long = "e" + String(repeating: "\u{301}", count: 100_000)
    #expect(long.count == 1)
    #expect(long.clipped(toBytes: 10).utf8.count == 9)
    #expect("abc".clipped(toBytes: 3) == "abc")
    #expect("aé".clipped(toBytes: 2) == "a")
    #expect("é".clipped(toBytes: 0).isEmpty)
    var run = ScheduleRun(instance: "r", dueAt: 1, startedAt: 1)
    run.end(.failed(Failure(type: "T", message: long)), at: 2)
    let failure = run.failure ?? ""
    #expect(failure.hasPrefix("T: "))
    #expect(failure.utf8.count <= Limits.scheduleResultBytes)
  }
}
