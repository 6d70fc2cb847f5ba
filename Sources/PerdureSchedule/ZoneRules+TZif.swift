extension ZoneRules {
  /// Reads a zone file: TZif, RFC 9636, of version 1 to 4.
  package init(tzif bytes: [UInt8]) throws(ScheduleFault) {
    var reader = TZifReader(bytes)
    var header = try reader.header()
    var width = 4
    if header.version >= 2 {
      // The first block is for readers of version 1; the second says the same with wider times, and more.
      try reader.skip(header.size(width))
      header = try reader.header()
      width = 8
    }
    guard header.leaps == 0 else {
      throw ScheduleFault("it counts leap seconds; take the zone of the same name without 'right/'")
    }
    guard header.types > 0 else { throw ScheduleFault("it names no offset") }
    var times: [Int64] = []
    for _ in 0..<header.times { times.append(try reader.signed(width)) }
    let kinds = try reader.bytes(header.times)
    var offsets: [Int64] = []
    for _ in 0..<header.types {
      offsets.append(try reader.signed(4))
      try reader.skip(2)
    }
    try reader.skip(header.characters &+ header.standards &+ header.universals)
    guard offsets.allSatisfy({ (-93_599...93_599).contains($0) }) else {
      throw ScheduleFault("an offset is beyond 26 hours")
    }
    var changes: [(at: Int64, offset: Int64)] = []
    for (time, kind) in zip(times, kinds) {
      guard Int(kind) < offsets.count else { throw ScheduleFault("a change has no offset") }
      guard changes.last.map({ $0.at < time }) ?? true else {
        throw ScheduleFault("its changes are not in order")
      }
      changes.append((time, offsets[Int(kind)]))
    }
    let text = width == 8 ? try reader.footer() : []
    let footer = PosixZone(text)
    if footer == nil, !text.isEmpty { throw ScheduleFault("its last line is no rule of POSIX") }
    self.init(first: offsets.first ?? 0, changes: changes, footer: footer)
  }
}

private struct TZifReader {
  struct Header {
    var version: Int
    var universals: Int
    var standards: Int
    var leaps: Int
    var times: Int
    var types: Int
    var characters: Int

    /// Of the block after it.
    func size(_ width: Int) -> Int {
      times &* (width &+ 1) &+ types &* 6 &+ characters &+ leaps &* (width &+ 4) &+ standards &+ universals
    }
  }

  private let data: [UInt8]
  private var at = 0

  init(_ data: [UInt8]) { self.data = data }

  mutating func bytes(_ count: Int) throws(ScheduleFault) -> ArraySlice<UInt8> {
    guard count >= 0, count <= data.count - at else { throw ScheduleFault("it ends too early") }
    defer { at += count }
    return data[at..<at + count]
  }

  mutating func skip(_ count: Int) throws(ScheduleFault) { _ = try bytes(count) }

  /// Big-endian, two's complement.
  mutating func signed(_ width: Int) throws(ScheduleFault) -> Int64 {
    var bits: UInt64 = 0
    for byte in try bytes(width) { bits = bits << 8 | UInt64(byte) }
    return width == 4 ? Int64(Int32(truncatingIfNeeded: bits)) : Int64(bitPattern: bits)
  }

  private mutating func count() throws(ScheduleFault) -> Int {
    let value = try signed(4)
    // No zone has more than some thousands; so sums of sizes stay small.
    guard (0...1_000_000).contains(value) else { throw ScheduleFault("it has an absurd count") }
    return Int(value)
  }

  mutating func header() throws(ScheduleFault) -> Header {
    guard try bytes(4).elementsEqual("TZif".utf8) else { throw ScheduleFault("it does not begin with TZif") }
    let digit = try bytes(1).first ?? 0
    let version = (UInt8(ascii: "2")...UInt8(ascii: "9")).contains(digit) ? Int(digit - UInt8(ascii: "0")) : 1
    try skip(15)
    return Header(
      version: version, universals: try count(), standards: try count(), leaps: try count(),
      times: try count(), types: try count(), characters: try count())
  }

  /// The line at the end.
  mutating func footer() throws(ScheduleFault) -> [UInt8] {
    let newline = UInt8(ascii: "\n")
    guard at < data.count, data[at] == newline else { return [] }
    at += 1
    let line = data[at...].prefix { $0 != newline }
    return Array(line)
  }
}
