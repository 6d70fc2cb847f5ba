/// Finds the path of a byte, for error messages. Tolerant: the text may be broken at or after that byte.
enum JSONPath {
  private enum Step {
    case key(String)
    case index(Int)
  }

  /// Longer keys and deeper paths are cut: they come from outside.
  private static let keyBytes = 64
  private static let steps = 16

  /// - Parameters:
  ///   - offset: of a value, or of a key.
  ///   - json: the whole text.
  /// - Returns: such as `actions[2].fireAt`; empty for the root.
  static func locate(_ offset: Int, in json: UnsafeRawBufferPointer) -> String {
    var path: [Step] = []
    var expectsKey = false
    var at = 0
    while at < json.count, at <= offset {
      let byte = json[at]
      if byte == UInt8(ascii: "\""), at < offset || expectsKey {
        let end = endOfString(at, in: json)
        if expectsKey, !path.isEmpty { path[path.count - 1] = .key(text(at + 1, end - 1, in: json)) }
        expectsKey = false
        at = end
        continue
      }
      if at == offset { break }
      switch byte {
      case UInt8(ascii: "{"):
        path.append(.key(""))
        expectsKey = true
      case UInt8(ascii: "["): path.append(.index(0))
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        _ = path.popLast()
        expectsKey = false
      case UInt8(ascii: ","):
        if case .index(let index)? = path.last {
          path[path.count - 1] = .index(index &+ 1)
        } else {
          expectsKey = !path.isEmpty
        }
      default: break
      }
      at += 1
    }
    return render(path)
  }

  private static func endOfString(_ start: Int, in json: UnsafeRawBufferPointer) -> Int {
    var at = start + 1
    while at < json.count, json[at] != UInt8(ascii: "\"") { at += json[at] == UInt8(ascii: "\\") ? 2 : 1 }
    return min(at + 1, json.count)
  }

  private static func text(_ from: Int, _ to: Int, in json: UnsafeRawBufferPointer) -> String {
    guard from < to else { return "" }
    let end = min(to, from + keyBytes)
    return String(decoding: json[from..<end], as: UTF8.self)
  }

  private static func render(_ path: [Step]) -> String {
    var text = ""
    for step in path.prefix(steps) {
      switch step {
      case .key(let key) where key.isEmpty: break
      case .key(let key): text += text.isEmpty ? key : ".\(key)"
      case .index(let index): text += "[\(index)]"
      }
    }
    return path.count > steps ? text + "..." : text
  }
}
