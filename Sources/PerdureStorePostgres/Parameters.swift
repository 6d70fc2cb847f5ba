internal import Glibc

/// The parameters of a statement, as libpq wants them. They keep their memory from run to run.
struct Parameters: ~Copyable {
  private var types: [UInt32] = []
  private var values: [UnsafePointer<CChar>?] = []
  private var lengths: [Int32] = []
  private var formats: [Int32] = []
  private var buffers: [UnsafeMutableRawBufferPointer] = []

  static let bigint: UInt32 = 20
  static let text: UInt32 = 25
  static let bigintArray: UInt32 = 1016
  static let textArray: UInt32 = 1009

  deinit {
    for buffer in buffers { buffer.deallocate() }
  }

  /// - index: from 0.
  mutating func set(_ index: Int, integer: Int64) {
    withUnsafeBytes(of: integer.bigEndian) { set(index, $0, Self.bigint) }
  }

  mutating func set(_ index: Int, text: UnsafeRawBufferPointer) {
    if let escaped = PostgresText.escaped(text) {
      escaped.withUnsafeBytes { set(index, $0, Self.text) }
    } else {
      set(index, text, Self.text)
    }
  }

  mutating func setNull(_ index: Int, isInteger: Bool) {
    guard makeRoom(index) else { return }
    types[index] = isInteger ? Self.bigint : Self.text
    values[index] = nil
  }

  /// The server finds out what the text means.
  mutating func set(_ index: Int, untyped text: String?) {
    guard makeRoom(index) else { return }
    if var text { text.withUTF8 { set(index, UnsafeRawBufferPointer($0), 0) } }
    formats[index] = 0
  }

  /// - bytes: as the server stores them; a text with what it cannot store escaped.
  mutating func set(_ index: Int, _ bytes: UnsafeRawBufferPointer, _ type: UInt32) {
    guard makeRoom(index) else { return }
    // With room for the zero that ends a text.
    if buffers[index].count <= bytes.count {
      buffers[index].deallocate()
      buffers[index] = .allocate(byteCount: max(16, bytes.count &+ bytes.count / 2 &+ 1), alignment: 8)
    }
    buffers[index].copyMemory(from: bytes)
    buffers[index][bytes.count] = 0
    types[index] = type
    lengths[index] = Int32(clamping: bytes.count)
    values[index] = UnsafePointer(buffers[index].baseAddress?.assumingMemoryBound(to: CChar.self))
  }

  /// False: nobody has so many.
  private mutating func makeRoom(_ index: Int) -> Bool {
    guard index >= 0, index < 65_535 else { return false }
    while values.count <= index {
      types.append(0)
      values.append(nil)
      lengths.append(0)
      formats.append(1)
      buffers.append(.allocate(byteCount: 16, alignment: 8))
    }
    return true
  }

  /// Calls `body` with the count, the types, the values, their lengths and their formats.
  func withArrays(
    _ body: (
      Int32, UnsafePointer<UInt32>?, UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?,
      UnsafePointer<Int32>?
    ) -> Int32
  ) -> Int32 {
    types.withUnsafeBufferPointer { types in
      values.withUnsafeBufferPointer { values in
        lengths.withUnsafeBufferPointer { lengths in
          formats.withUnsafeBufferPointer { formats in
            body(
              Int32(clamping: values.count), types.baseAddress, values.baseAddress, lengths.baseAddress,
              formats.baseAddress)
          }
        }
      }
    }
  }
}
