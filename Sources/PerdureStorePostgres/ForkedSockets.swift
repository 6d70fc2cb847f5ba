internal import Glibc

/// Sockets that a forked child closes: the server drops the locks of a session when the last process is gone
/// that has its socket.
enum ForkedSockets {
  private static let count = 1 << 16
  /// By descriptor, the number that the system has for the socket; 0: none of ours. libpq closes a connection
  /// that breaks by itself, and the descriptor may be somebody else's then.
  nonisolated(unsafe) private static let numbers = UnsafeMutablePointer<UInt64>.allocate(capacity: count)
  private static let watch: Void = {
    numbers.initialize(repeating: 0, count: count)
    pthread_atfork(nil, nil, { ForkedSockets.closeAll() })
  }()

  static func insert(_ socket: Int32) {
    watch
    if 0..<count ~= Int(socket) { numbers[Int(socket)] = number(socket) }
  }

  static func remove(_ socket: Int32) {
    watch
    if 0..<count ~= Int(socket) { numbers[Int(socket)] = 0 }
  }

  private static func closeAll() {
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
