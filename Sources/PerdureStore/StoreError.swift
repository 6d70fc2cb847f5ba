/// What went wrong in a store as a whole. Says whether trying again can help; nothing else decides about
/// retries.
package struct StoreError: Error, Hashable, Sendable {
  package enum Code: String, Hashable, Sendable, CaseIterable {
    /// Somebody else holds the write lock. Transient.
    case busy
    /// No room on the device. Transient: work goes on when there is space.
    case full
    /// Reading or writing failed. Transient.
    case io
    /// The store cannot be written. Permanent until it is opened anew.
    case readOnly
    /// Stored bytes make no sense.
    case corrupt
    /// Not ours: another application's data, or a newer schema. Left untouched.
    case foreign
    /// The path or URL cannot be opened.
    case cannotOpen
    /// The database was deleted or replaced under us: nothing more is acknowledged.
    case replaced
    case closed
    case internalError
  }

  package var code: Code
  /// One sentence that names the store and the cause.
  package var message: String

  package var isTransient: Bool {
    switch code {
    case .busy, .full, .io: true
    default: false
    }
  }

  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }
}
