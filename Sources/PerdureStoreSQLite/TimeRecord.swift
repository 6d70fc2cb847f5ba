internal import Glibc
internal import PerdureStore

/// What the processes of this machine on one store agree on about time: the head of the lock file.
///
/// It holds until the machine is started anew, for the monotonic clock begins anew with it: a record of
/// another boot (or of a container with a monotonic clock of its own) is void and replaced. Two who write at
/// once may lose the higher one; whoever is higher notices at the next look, and writes again.
final class TimeRecord: SharedTime {
  /// Of its own description: it may stay open when the locks of the store are gone.
  private let descriptor: Int32
  private let boot: UInt64

  /// In the year 2116.
  private static let latestNS = Int64.max / 2

  /// Of a file that cannot be opened: everybody goes by their own idea.
  init(_ file: String) {
    descriptor = open(file, O_RDWR | O_CLOEXEC)
    boot = Self.boot
  }

  func agree(_ offsetNS: Int64) -> Int64 {
    var head = (boot: UInt64(0), offsetNS: Int64(0))
    let size = MemoryLayout.size(ofValue: head)
    let got = withUnsafeMutableBytes(of: &head) { pread(descriptor, $0.baseAddress, size, 0) }
    // Whoever can write the file can write anything.
    let isSane = got == size && head.boot == boot && head.offsetNS <= Self.latestNS
    if isSane, head.offsetNS >= offsetNS { return head.offsetNS }
    head = (boot, offsetNS)
    _ = withUnsafeBytes(of: head) { pwrite(descriptor, $0.baseAddress, size, 0) }
    return offsetNS
  }

  deinit {
    if descriptor >= 0 { Glibc.close(descriptor) }
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
