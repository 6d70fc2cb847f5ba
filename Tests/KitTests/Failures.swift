import Foundation
import Perdure

extension JSONValue {
  /// Reads JSON text that the SDK gave; null for none.
  init(json: String?) throws {
    guard let json else {
      self = .null
      return
    }
    self = try JSONDecoder().decode(JSONValue.self, from: Data(json.utf8))
  }

  var json: String {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = .sortedKeys
      return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
  }
}

extension Failure {
  /// What `fail` throws.
  init(kit failure: JSONValue) throws {
    guard let members = failure.members else { throw KitError("\(failure) is no failure") }
    let details = members["details"].flatMap { $0 == .null ? nil : $0 }
    self.init(
      type: try members.text("type"), message: try members.text("message"), detailsJSON: try details?.json,
      isNonRetryable: members["nonRetryable"]?.truth ?? false,
      retryAfter: members.duration("retryAfterMS"), cause: try members["cause"].map { try Failure(kit: $0) })
  }

  /// As `catch` names it, and as expectations compare it.
  var members: Members {
    get throws {
      [
        "type": .string(type), "message": .string(message), "details": try JSONValue(json: detailsJSON),
        "nonRetryable": .bool(isNonRetryable),
      ]
    }
  }

  /// The failure behind an error that `catch` takes; nil for other errors.
  static func caught(_ error: any Error) -> Failure? {
    switch error {
    case let error as Failure: error
    case let error as ActivityFailure: error.failure
    case let error as OrchestrationFailure: error.failure
    case let error as MessageRefused: error.failure
    case let error as CallFailure: error.failure
    case let error as LimitExceeded:
      Failure(type: "perdure.LimitExceeded", message: error.message, isNonRetryable: true)
    case is TimedOut: Failure(type: "kit.Timeout", message: "time ran out")
    default: nil
    }
  }
}

/// `return`: ends the program with a value.
struct Return: Error {
  let value: JSONValue
}
