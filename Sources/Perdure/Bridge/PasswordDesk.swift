import CDX

/// Gives the engine the passwords that a program knows how to get.
final class PasswordDesk: Sendable {
  private let password: @Sendable () async throws -> String

  init(_ password: @escaping @Sendable () async throws -> String) { self.password = password }

  static let ask: dx_password_fn = { request, data in
    guard let request, let data else { return }
    let question = Question(request: request)
    let desk = Unmanaged<PasswordDesk>.fromOpaque(data).takeUnretainedValue()
    Task.detached { await desk.answer(question) }
  }

  static let release: dx_release_fn = { data in
    guard let data else { return }
    Unmanaged<PasswordDesk>.fromOpaque(data).release()
  }

  private struct Question: @unchecked Sendable {
    let request: OpaquePointer
  }

  private func answer(_ question: Question) async {
    let refusal: OpaquePointer?
    do {
      let password = try await password()
      refusal = Text.with(password) { dx_password_complete(question.request, $0) }
    } catch {
      refusal = Text.with("its closure threw \(error).") { dx_password_fail(question.request, $0) }
    }
    // Nobody waits for it any more, or it is no text, which the one who waits is told.
    dx_error_free(refusal)
  }
}
