package import PerdureModel
package import PerdureStore

/// Why a client call was refused. Each has one plain sentence.
package enum ClientError: Error, Hashable, Sendable {
  case invalidArgument(String)
  case limitExceeded(String)
  case notFound(InstanceID, String)
  case alreadyExists(InstanceID, InstanceStatus)
  case wrongStatus(InstanceID, InstanceStatus?, String)
  /// The end of an activity attempt that nobody waits for any more.
  case stale(String)
  /// No runtime of this process can do it.
  case unsupported(String)
  case store(StoreError)

  package var message: String {
    switch self {
    case .invalidArgument(let message), .limitExceeded(let message), .notFound(_, let message),
      .wrongStatus(_, _, let message), .stale(let message), .unsupported(let message):
      message
    case .alreadyExists(let instance, let status):
      "instance '\(instance)' already exists and is \(status.rawValue); choose another id, or delete it first"
    case .store(let error): error.message
    }
  }
}
