import CYAML

/// A value of YAML, and of JSON: what the interpreter's programs and variables consist of.
enum YAML: Codable, Hashable, Sendable, CustomStringConvertible {
  case number(Int)
  case text(String)
  case list([YAML])
  case members([String: YAML])

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let number = try? container.decode(Int.self) {
      self = .number(number)
    } else if let text = try? container.decode(String.self) {
      self = .text(text)
    } else if let list = try? container.decode([YAML].self) {
      self = .list(list)
    } else {
      self = .members(try container.decode([String: YAML].self))
    }
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .number(let number): try container.encode(number)
    case .text(let text): try container.encode(text)
    case .list(let list): try container.encode(list)
    case .members(let members): try container.encode(members)
    }
  }

  var description: String {
    switch self {
    case .number(let number): "\(number)"
    case .text(let text): text
    case .list(let list): "\(list)"
    case .members(let members): "\(members.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" })"
    }
  }

  var members: [String: YAML] {
    if case .members(let members) = self { return members }
    return [:]
  }

  var elements: [YAML] {
    if case .list(let list) = self { return list }
    return []
  }
}

// MARK: - Files

extension YAML {
  struct SyntaxError: Error {
    var line: Int
    var problem: String
  }

  /// Reads the first document of a text. Tags, anchors and types other than whole numbers and texts are not
  /// for this example.
  init(parsing text: String) throws {
    var parser = yaml_parser_t()
    guard yaml_parser_initialize(&parser) == 1 else { throw SyntaxError(line: 0, problem: "out of memory") }
    defer { yaml_parser_delete(&parser) }
    let bytes = Array(text.utf8)
    self = try bytes.withUnsafeBufferPointer { bytes in
      yaml_parser_set_input_string(&parser, bytes.baseAddress, bytes.count)
      // Streams and documents begin before their first value.
      guard let value = try Self.next(&parser) else { throw SyntaxError(line: 1, problem: "empty") }
      return value
    }
  }

  /// The next value; nil at the end of what is around it.
  private static func next(_ parser: inout yaml_parser_t) throws -> YAML? {
    while true {
      var event = yaml_event_t()
      guard yaml_parser_parse(&parser, &event) == 1 else {
        let problem = parser.problem.map { String(cString: $0) } ?? "no YAML"
        throw SyntaxError(line: Int(parser.problem_mark.line) + 1, problem: problem)
      }
      defer { yaml_event_delete(&event) }
      switch event.type {
      case YAML_SCALAR_EVENT:
        let text = String(cString: event.data.scalar.value)
        let isPlain = event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE
        return isPlain ? Int(text).map(YAML.number) ?? .text(text) : .text(text)
      case YAML_SEQUENCE_START_EVENT:
        var list: [YAML] = []
        while let element = try next(&parser) { list.append(element) }
        return .list(list)
      case YAML_MAPPING_START_EVENT:
        var members: [String: YAML] = [:]
        while let name = try next(&parser) { members[name.description] = try next(&parser) }
        return .members(members)
      case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT, YAML_STREAM_END_EVENT: return nil
      default: continue
      }
    }
  }
}
