import PerdureModel

/// Any JSON in an answer, as its text: what users put there has no type here.
struct AnsweredJSON: Decodable {
  let text: String

  init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if value.decodeNil() {
      text = "null"
    } else if let flag = try? value.decode(Bool.self) {
      text = flag ? "true" : "false"
    } else if let number = try? value.decode(Int64.self) {
      text = "\(number)"
    } else if let number = try? value.decode(Double.self) {
      text = "\(number)"
    } else if let string = try? value.decode(String.self) {
      text = try Self.quoted(string)
    } else if let list = try? value.decode([AnsweredJSON].self) {
      text = "[\(list.map(\.text).joined(separator: ","))]"
    } else {
      let members = try value.decode([String: AnsweredJSON].self).sorted { $0.key < $1.key }
      text = "{\(try members.map { "\(try Self.quoted($0.key)):\($0.value.text)" }.joined(separator: ","))}"
    }
  }

  private static func quoted(_ string: String) throws -> String {
    try PayloadCoding.encode(string, "a text").text
  }
}

/// A failure in an answer.
struct AnsweredFailure: Decodable {
  let failure: Failure

  private enum Key: String, CodingKey { case type, message, details, stack, nonRetryable, cause }

  init(from decoder: any Decoder) throws {
    let members = try decoder.container(keyedBy: Key.self)
    failure = Failure(
      type: try members.decode(String.self, forKey: .type),
      message: try members.decode(String.self, forKey: .message),
      detailsJSON: try members.decodeIfPresent(AnsweredJSON.self, forKey: .details)?.text,
      stack: try members.decodeIfPresent(String.self, forKey: .stack),
      isNonRetryable: try members.decodeIfPresent(Bool.self, forKey: .nonRetryable) ?? false,
      cause: try members.decodeIfPresent(AnsweredFailure.self, forKey: .cause)?.failure)
  }
}

extension InstanceStatus: Codable, CodingKeyRepresentable {}

extension Int64 {
  /// Of what an answer says in milliseconds.
  var milliseconds: Duration { .milliseconds(self) }
}
