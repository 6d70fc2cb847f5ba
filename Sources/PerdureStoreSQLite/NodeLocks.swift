internal import CSQLite
internal import Glibc
internal import PerdureModel
internal import PerdureStore

/// Who is alive: each node holds a lock on the byte of its number in a file beside the store. The system
/// drops it the moment its process is gone, whatever the cause; there is no lease to wait for and no clock to
/// trust.
///
/// The file has no more than a `TimeRecord` (locks may lie beyond the end) and is never removed: two files of
/// the name would each vouch for different nodes.
final class NodeLocks: Sendable {
  /// What the file is called behind the name of the database.
  static let suffix = "-dxlock"

  private let own: Int32
  /// Of its own description, so that it sees the locks of `own` too.
  private let probe: Int32
  private let path: String
  let file: String

  init(database: String, path: String) throws(StoreError) {
    self.path = path
    var status = stat()
    let mode = stat(database, &status) == 0 ? status.st_mode & 0o666 : 0o600
    file = database + Self.suffix
    let own = SystemCalls.open(file, O_RDWR | O_CREAT | O_CLOEXEC, mode: mode)
    guard own >= 0 else { throw Self.failure(path, file, errno) }
    let probe = SystemCalls.open(file, O_RDWR | O_CLOEXEC, mode: mode)
    guard probe >= 0 else {
      let cause = errno
      SystemCalls.close(own)
      throw Self.failure(path, file, cause)
    }
    self.own = own
    self.probe = probe
  }

  func hold(_ node: NodeID) throws(StoreError) {
    let cause = perdure_byte_lock(own, node)
    guard cause == 0 else {
      throw StoreError(
        .io, "The store \(path) cannot lock node \(node): \(ResultCode.systemMessage(cause)).")
    }
  }

  func release(_ node: NodeID) { _ = perdure_byte_unlock(own, node) }

  /// In doubt a node counts as alive: waking a sleeper late does less harm than running its work twice.
  func isAlive(_ node: NodeID) -> Bool { perdure_byte_is_locked(probe, node) != 0 }

  private static func failure(_ path: String, _ file: String, _ number: Int32) -> StoreError {
    StoreError(
      .cannotOpen, "The store \(path) cannot open \(file): \(ResultCode.systemMessage(number)).")
  }

  deinit {
    SystemCalls.close(own)
    SystemCalls.close(probe)
  }
}
