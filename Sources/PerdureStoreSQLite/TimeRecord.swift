internal import Glibc
internal import PerdureStore

/// What the processes of this machine on one store agree on about time: the head of the lock file.
///
/// It holds until the machine is started anew, for the monotonic clock begins anew with it: a record of
/// another boot (or of a container with a monotonic clock of its own) is void and replaced. Two who write at
/// once may lose the higher one; whoever is higher notices at the next look, and writes again.
struct TimeRecord: SharedTime {
  private let locks: NodeLocks
  private let boot: UInt64

  init(_ locks: NodeLocks) {
    self.locks = locks
    boot = Self.boot
  }

  func agree(_ offsetNS: Int64) -> Int64 {
    if let head = locks.readHead(), head.0 == boot, head.1 >= offsetNS { return head.1 }
    locks.writeHead((boot, offsetNS))
    return offsetNS
  }

  /// Tells one monotonic clock from others.
  private static var boot: UInt64 {
    var text: [UInt8] = []
    append("/proc/sys/kernel/random/boot_id", to: &text)
    var namespace = stat()
    if stat("/proc/self/ns/time", &namespace) == 0 {
      withUnsafeBytes(of: namespace.st_ino) { text.append(contentsOf: $0) }
    }
    // FNV-1a.
    return text.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  }

  private static func append(_ path: String, to text: inout [UInt8]) {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return }
    defer { close(file) }
    withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { buffer in
      let got = read(file, buffer.baseAddress, buffer.count)
      text.append(contentsOf: buffer.prefix(max(0, got)))
    }
  }
}
