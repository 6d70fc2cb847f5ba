/// What a scenario promised did not happen.
struct Unexpected: Error, CustomStringConvertible {
  let description: String
}

func expect(
  _ isSo: Bool, _ otherwise: @autoclosure () -> String, file: String = #fileID, line: Int = #line
) throws {
  guard !isSo else { return }
  throw Unexpected(description: "\(file):\(line): \(otherwise())")
}

func expect<Value: Equatable>(
  _ value: Value, is expected: Value, _ what: String = "", file: String = #fileID, line: Int = #line
) throws {
  try expect(value == expected, "\(what) is \(value), not \(expected)", file: file, line: line)
}

/// Runs what must throw an error of this type, and returns the error.
func refusal<Refused: Error, Value>(
  _ type: Refused.Type, file: String = #fileID, line: Int = #line, _ body: () async throws -> Value
) async throws -> Refused {
  do {
    let value = try await body()
    throw Unexpected(description: "\(file):\(line): not refused: \(value)")
  } catch let error as Refused {
    return error
  }
}
