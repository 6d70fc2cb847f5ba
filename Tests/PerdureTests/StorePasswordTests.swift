import Perdure
import Synchronization
import Testing

@Suite("Passwords of stores") struct StorePasswordTests {
  private static let absent = "postgresql://me@127.0.0.1:1/none"

  private func refusal(
    _ url: String = absent, _ password: @escaping @Sendable () async throws -> String
  ) async -> DXError? {
    do {
      _ = try await Store(url: url, password: password)
      return nil
    } catch {
      return error as? DXError
    }
  }

  @Test("one is asked for, and is not shown")
  func asked() async {
    let asked = Atomic(0)
    let error = await refusal {
      asked.add(1, ordering: .relaxed)
      return "sesame"
    }
    #expect(error?.code == .storeCannotOpen)
    #expect(error?.message.contains("Connection refused") == true)
    #expect(error?.message.contains("sesame") == false)
    #expect(asked.load(ordering: .relaxed) == 1)
  }

  private struct Away: Error, CustomStringConvertible {
    let description = "the token service is away"
  }

  @Test("one that does not come, or is none, is an error that says so")
  func missing() async {
    let error = await refusal { throw Away() }
    #expect(error?.code == .storeCannotOpen)
    #expect(error?.message.contains("got no password: its closure threw the token service is away") == true)
    #expect(await refusal { "" }?.message.contains("empty") == true)
    #expect(await refusal { "a\0b" }?.message.contains("is no text") == true)
    #expect(await refusal("memory:") { "sesame" }?.code == .unsupported)
  }
}
