import CDX
import PerdureModel

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// What operators, tools and tests ask of a store. Made by `Client.management`. What a call that returned has
/// changed is on disk, with a record of who did it and why.
public struct Management: Sendable {
  let engine: EngineClient
  /// Who asks: recorded with what changes something.
  public let actor: String

  /// One operation.
  func ask<Request: Encodable, Answer: Decodable>(
    _ operation: String, _ request: Request, reason: String = "", returning: Answer.Type = Answer.self
  ) async throws -> Answer {
    let answer = try await askText(operation, request, reason: reason)
    return try PayloadCoding.decode(Answer.self, Payload(bytes: answer), "the answer to '\(operation)'")
  }

  /// One operation whose answer is not JSON as a whole.
  func askText<Request: Encodable>(
    _ operation: String, _ request: Request, reason: String = ""
  ) async throws -> [UInt8] {
    let envelope = Envelope(operation: operation, actor: actor, reason: reason, request: request)
    let json = try PayloadCoding.encode(envelope, "the request '\(operation)'")
    return try await CallLanes.perform { [engine] in try engine.manage(json.bytes) }
  }

  func ask<Answer: Decodable>(
    _ operation: String, reason: String = "", returning: Answer.Type = Answer.self
  ) async throws -> Answer {
    try await ask(operation, NoMembers(), reason: reason)
  }
}

extension Client {
  /// What operators ask.
  ///
  /// - Parameter actor: who asks; any text, recorded with each change.
  public func management(actor: String = "") -> Management { Management(engine: engine, actor: actor) }
}

private struct NoMembers: Encodable {}

/// The members of the request beside those that all requests have.
private struct Envelope<Request: Encodable>: Encodable {
  let operation: String
  let actor: String
  let reason: String
  let request: Request

  private enum Key: String, CodingKey { case operation, actor, reason }

  func encode(to encoder: any Encoder) throws {
    var members = encoder.container(keyedBy: Key.self)
    try members.encode(operation, forKey: .operation)
    if !actor.isEmpty { try members.encode(actor, forKey: .actor) }
    if !reason.isEmpty { try members.encode(reason, forKey: .reason) }
    try request.encode(to: encoder)
  }
}
