public import CDX
import PerdureRuntime
import PerdureStore
import PerdureStorePostgres
import Synchronization

/// One question for a password, and who waits for the answer.
final class PasswordObject: Sendable {
  typealias Answer = Result<String, StoreError>
  private let answers = WorkQueue<Answer>()
  private let isDecided = Atomic(false)

  /// False: it was answered before, or nobody waits any more.
  func answer(_ answer: Answer) -> Bool {
    guard !isDecided.exchange(true, ordering: .acquiringAndReleasing) else { return false }
    return answers.add(answer)
  }

  /// nil: none came until the deadline.
  func wait(untilMonotonicNS deadline: Int64) -> Answer? {
    if let answer = answers.take(1, untilMonotonicNS: deadline)?.first { return answer }
    // One that comes at the last moment counts.
    if isDecided.exchange(true, ordering: .acquiringAndReleasing) {
      return answers.take(1, untilMonotonicNS: nil)?.first
    }
    return nil
  }
}

/// Asks the host, on a thread that is in no dx_ call.
final class HostPasswords: PasswordSource {
  private struct Call: @unchecked Sendable {
    let ask: dx_password_fn
  }

  private struct State {
    var asked: [ObjectIdentifier: PasswordObject] = [:]
    var isClosed = false
  }

  private let call: Call
  private let user: UserData
  private let state = Mutex(State())

  static let patienceNS: Int64 = 30_000_000_000
  private static let closed = StoreError(.closed, "the store was closed meanwhile.")

  init(_ ask: @escaping dx_password_fn, _ user: UserData) {
    call = Call(ask: ask)
    self.user = user
  }

  func password() throws(StoreError) -> String {
    let request = PasswordObject()
    let isOpen = state.withLock { state in
      if !state.isClosed { state.asked[ObjectIdentifier(request)] = request }
      return !state.isClosed
    }
    guard isOpen else { throw Self.closed }
    defer { state.withLock { $0.asked[ObjectIdentifier(request)] = nil } }
    let handle: UInt? = Handles.passwords.add(request)
    guard let handle else { throw StoreError(.io, "16 million questions for one are without an answer.") }
    let (call, user) = (call, user)
    let isAsked = startThread {
      call.ask(OpaquePointer(bitPattern: handle), user.pointer)
      withExtendedLifetime(user) {}
    }
    guard isAsked else {
      _ = try? Handles.passwords.remove(handle)
      throw StoreError(.io, "the system gives no more threads.")
    }
    let answer = request.wait(untilMonotonicNS: monotonicNowNS() + Self.patienceNS)
    guard let answer else { throw StoreError(.io, "its callback gave no answer within 30 s.") }
    return try answer.get()
  }

  func close() {
    let asked = state.withLock { state in
      state.isClosed = true
      return Array(state.asked.values)
    }
    for request in asked { _ = request.answer(.failure(Self.closed)) }
  }
}

private func answer(_ request: OpaquePointer?, _ answer: PasswordObject.Answer) throws(ABIError) {
  guard try Handles.passwords.remove(request).answer(answer) else {
    throw ABIError(
      .stale, "nobody waits for this password any more: it took too long, or its store is closed")
  }
}

@c @implementation
public func dx_password_complete(_ request: OpaquePointer?, _ password: dx_text) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let text: String
    do throws(ABIError) { text = try password.string("password") } catch {
      // The token is gone whatever comes back.
      _ = try? answer(request, .failure(StoreError(.io, "what its callback gave is no text.")))
      throw error
    }
    try answer(request, .success(text))
  }
}

@c @implementation
public func dx_password_fail(_ request: OpaquePointer?, _ reason: dx_text) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let text = (try? reason.string("reason")) ?? ""
    let why = text.isEmpty ? "its callback failed." : text
    try answer(request, .failure(StoreError(.io, why)))
  }
}
