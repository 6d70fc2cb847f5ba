import Glibc

/// Of which code a seed speaks.
enum Version {
  /// As git names it; "unknown" where that cannot tell.
  static var text: String {
    guard let pipe = popen("git describe --always --dirty --tags 2>/dev/null", "r") else { return "unknown" }
    defer { pclose(pipe) }
    var bytes: [UInt8] = []
    while bytes.count < 200 {
      let byte = fgetc(pipe)
      guard byte > 32 else { break }
      bytes.append(UInt8(byte))
    }
    return bytes.isEmpty ? "unknown" : String(decoding: bytes, as: UTF8.self)
  }
}
