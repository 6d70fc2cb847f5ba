internal import Glibc
package import PerdureStore
internal import Synchronization

/// Gives passwords: those of cloud identities are tokens that expire.
package protocol PasswordSource: Sendable {
  /// May take long, and call the store itself. Called by several threads at once, under no lock of ours.
  ///
  /// - Throws: what the caller of the store is told.
  func password() throws(StoreError) -> String
  /// Nobody waits any more: calls that are under way end with an error.
  func close()
}

/// One password for each connection. A connection is opened under a lock, where the source must not be asked:
/// so who needs one lets go of everything, asks, and begins anew.
final class Passwords: Sendable {
  private struct Given {
    let password: String
    let atMS: Int64
  }

  private let source: any PasswordSource
  private let given = Mutex<[Given]>([])

  /// Leaves all locks behind. Nothing was done.
  static let wanted = StoreError(.io, "The store needs a password for a new connection.")
  /// What was meant for a connection that somebody else opened is not kept for one that comes later.
  private static let freshMS: Int64 = 5_000
  /// Connections that one call may need, or lose.
  private static let attempts = 8

  init(_ source: any PasswordSource) { self.source = source }

  /// The one for the next connection.
  ///
  /// - Throws: `wanted`.
  func take() throws(StoreError) -> String {
    let now = SystemTime.monotonicNS() / 1_000_000
    let next = given.withLock { given in
      given.removeAll { now - $0.atMS > Self.freshMS }
      return given.popLast()
    }
    guard let next else { throw Self.wanted }
    return next.password
  }

  /// Runs `body` and asks for each password that it wants.
  ///
  /// - Parameters:
  ///   - path: of the store.
  ///   - code: of the error when none comes.
  func answering<R>(
    _ path: String, _ code: StoreError.Code, _ body: () throws(StoreError) -> R
  ) throws(StoreError) -> R {
    for _ in 0..<Self.attempts {
      do throws(StoreError) { return try body() } catch { guard error == Self.wanted else { throw error } }
      let password: String
      do throws(StoreError) { password = try source.password() } catch {
        throw StoreError(
          error.code == .closed ? .closed : code, "The store \(path) got no password: \(error.message)")
      }
      guard !password.isEmpty, !password.utf8.contains(0) else {
        throw StoreError(code, "The store \(path) got a password that is empty, or has a NUL in it.")
      }
      given.withLock { $0.append(Given(password: password, atMS: SystemTime.monotonicNS() / 1_000_000)) }
    }
    throw StoreError(.io, "The store \(path) loses its connections as soon as it has them.")
  }

  func close() {
    source.close()
    given.withLock { $0 = [] }
  }
}

extension PostgresURL {
  /// Runs `body` under no lock, and asks for the passwords that it wants, if there is somebody to ask.
  func answering<R>(
    _ code: StoreError.Code = .io, _ body: () throws(StoreError) -> R
  ) throws(StoreError) -> R {
    guard let passwords else { return try body() }
    return try passwords.answering(path, code, body)
  }
}
