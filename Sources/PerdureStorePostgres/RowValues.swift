internal import PerdureStoreSQL

/// A parameter of one run, when it is sent together with those of others. Texts are escaped.
enum RowValue {
  case integer(Int64)
  case text([UInt8])
  case null(Statement.Kind)

  /// Equal values have equal keys, and others nearly always have others.
  var key: Int64 {
    switch self {
    case .integer(let value): value
    case .text(let bytes): Int64(bytes.hashValue)
    case .null: .min
    }
  }

  /// In bytes, about.
  var size: Int {
    if case .text(let bytes) = self { return bytes.count &+ 4 }
    return 12
  }

  fileprivate var kind: Statement.Kind {
    switch self {
    case .integer: .integer
    case .text: .text
    case .null(let kind): kind
    }
  }
}

extension Array where Element == RowValue {
  /// - index: from 0.
  mutating func set(_ index: Int, _ value: RowValue) {
    // Nobody has so many.
    guard index >= 0, index < 65_535 else { return }
    while count <= index { append(.null(.integer)) }
    self[index] = value
  }
}

extension Parameters {
  /// The parameters of one run.
  mutating func set(_ row: [RowValue]) {
    for (index, value) in row.enumerated() {
      switch value {
      case .integer(let value): set(index, integer: value)
      case .text(let bytes): bytes.withUnsafeBytes { set(index, $0, Self.text) }
      case .null(let kind): setNull(index, isInteger: kind == .integer)
      }
    }
  }

  /// A column of many runs in each parameter.
  mutating func set(columnsOf rows: [[RowValue]]) {
    for index in (rows.first ?? []).indices {
      let values = rows.map { $0.indices.contains(index) ? $0[index] : .null(.integer) }
      let kind = values.first?.kind ?? .integer
      Self.array(values, of: kind).withUnsafeBytes {
        set(index, $0, kind == .integer ? Self.bigintArray : Self.textArray)
      }
    }
  }

  /// As the server sends and reads it: dimensions, whether there are NULLs, the type of the elements, their
  /// number, the number of the first; then each with its length, -1 for NULL.
  private static func array(_ values: [RowValue], of kind: Statement.Kind) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(values.reduce(20) { $0 &+ $1.size })
    func add(_ number: Int32) { withUnsafeBytes(of: number.bigEndian) { bytes += $0 } }
    let hasNull = values.contains { if case .null = $0 { true } else { false } }
    add(1)
    add(hasNull ? 1 : 0)
    add(Int32(clamping: kind == .integer ? bigint : text))
    add(Int32(clamping: values.count))
    add(1)
    for value in values {
      switch value {
      case .integer(let value):
        add(8)
        withUnsafeBytes(of: value.bigEndian) { bytes += $0 }
      case .text(let text):
        add(Int32(clamping: text.count))
        bytes += text
      case .null: add(-1)
      }
    }
    return bytes
  }
}
