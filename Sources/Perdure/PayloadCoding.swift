package import PerdureModel
import PerdureWire

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// User values to JSON and back.
package enum PayloadCoding {
  /// Keys are sorted: dictionaries and structs must give the same bytes in every process, since the engine
  /// compares what an orchestration asks for with what it asked for before. Dates travel as milliseconds,
  /// like all times here.
  private static let encoder: JSONEncoder = {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.dateEncodingStrategy = .millisecondsSince1970
    return encoder
  }()

  private static let decoder: JSONDecoder = {
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .millisecondsSince1970
    return decoder
  }()

  /// - Parameter what: names the value in errors ("the input of ...").
  /// - Throws: `PayloadError` when the value cannot be written as JSON, or contains a NUL character.
  package static func encode<Value: Encodable>(_ value: Value, _ what: @autoclosure () -> String) throws
    -> Payload
  {
    if value is Nothing { return .null }
    do {
      let data = try encoder.encode(value)
      return try data.withUnsafeBytes { bytes throws in try PayloadWire.decode(bytes) }
    } catch let error as WireError {
      throw PayloadError("\(what()) cannot be stored: \(error.message)")
    } catch {
      throw PayloadError("\(what()) cannot be written as JSON: \(error)")
    }
  }

  /// Checks JSON text that a user wrote.
  package static func parse(_ json: String) throws -> Payload {
    var json = json
    return try json.withUTF8 { try PayloadWire.decode(UnsafeRawBufferPointer($0)) }
  }

  /// - Throws: `PayloadError` when the JSON is not what the type asks for.
  package static func decode<Value: Decodable>(
    _ type: Value.Type, _ payload: Payload, _ what: @autoclosure () -> String
  ) throws -> Value {
    if let nothing = Nothing() as? Value { return nothing }
    do {
      return try decoder.decode(type, from: Data(payload.bytes))
    } catch {
      throw PayloadError("\(what()) cannot be read as \(type): \(error)")
    }
  }
}

/// A value and its JSON do not fit together.
public struct PayloadError: Error, Hashable, Sendable, CustomStringConvertible {
  /// One sentence: which value, and what is wrong with it.
  public let message: String

  init(_ message: String) { self.message = message }

  public var description: String { message }
}
