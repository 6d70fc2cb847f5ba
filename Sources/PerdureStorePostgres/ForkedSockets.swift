internal import Glibc

/// Sockets that a forked child closes: the server drops the locks of a session when the last process is gone
/// that has its socket.
enum ForkedSockets {
  private static let count = 1 << 16
  /// By descriptor, the number that the system has for the socket; 0: none of ours. libpq closes a connection
  /// that breaks by itself, and the descriptor may be somebody else's then.
  /// Only what is written to takes memory. nil: there was none, and the lease has to do.
  nonisolated(unsafe) private static let numbers: UnsafeMutablePointer<UInt64>? = {
    pthread_atfork(nil, nil, { ForkedSockets.closeAll() })
    return calloc(count, MemoryLayout<UInt64>.stride)?.bindMemory(to: UInt64.self, capacity: count)
  }()

  static func insert(_ socket: Int32) {
    if 0..<count ~= Int(socket) { numbers?[Int(socket)] = number(socket) }
  }

  static func remove(_ socket: Int32) {
    if 0..<count ~= Int(socket) { numbers?[Int(socket)] = 0 }
  }

  private static func closeAll() {
    guard let numbers else { return }
    for socket in 0..<count where numbers[socket] != 0 {
      if number(Int32(socket)) == numbers[socket] { close(Int32(socket)) }
      numbers[socket] = 0
    }
  }

  private static func number(_ socket: Int32) -> UInt64 {
    var status = stat()
    return fstat(socket, &status) == 0 ? UInt64(status.st_ino) : 0
  }
}
