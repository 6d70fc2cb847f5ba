import Glibc
package import PerdureSchedule

/// The tz database of this machine: files below $TZDIR or /usr/share/zoneinfo.
package enum ZoneFiles {
  private static let standard = "/usr/share/zoneinfo"
  /// Real files have a few kilobytes.
  private static let sizeMax = 1 << 20

  /// The rules of a zone such as `Europe/Berlin`. UTC needs no file.
  package static func rules(of zone: String) throws(ScheduleFault) -> ZoneRules {
    if ["UTC", "Etc/UTC", "Z"].contains(zone) { return .utc }
    try check(zone)
    let folder = getenv("TZDIR").map { String(cString: $0) } ?? standard
    let path = "\(folder.isEmpty ? standard : folder)/\(zone)"
    do throws(ScheduleFault) {
      return try ZoneRules(tzif: read(path, zone))
    } catch {
      guard error.message.hasPrefix("time zone") else {
        throw ScheduleFault("time zone '\(zone)': \(path) is no zone file: \(error.message)")
      }
      throw error
    }
  }

  /// It becomes part of a path.
  private static func check(_ zone: String) throws(ScheduleFault) {
    let parts = zone.split(separator: "/", omittingEmptySubsequences: false)
    let isPlain = zone.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "+"),
        UInt8(ascii: "/"):
        true
      default: false
      }
    }
    guard isPlain, zone.utf8.count <= 100, parts.allSatisfy({ !$0.isEmpty }) else {
      throw ScheduleFault(
        "time zone '\(zone.prefix(100))' is no name of the tz database, such as Europe/Berlin")
    }
  }

  private static func read(_ path: String, _ zone: String) throws(ScheduleFault) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw ScheduleFault(
        "time zone '\(zone)' is not known: \(path) cannot be opened (\(String(cString: strerror(errno)))); "
          + "check the name, or install the package tzdata")
    }
    defer { close(descriptor) }
    var information = stat()
    guard fstat(descriptor, &information) == 0, information.st_mode & S_IFMT == S_IFREG else {
      throw ScheduleFault("time zone '\(zone)' is not known: \(path) is not a file")
    }
    var bytes: [UInt8] = []
    var page = [UInt8](repeating: 0, count: 16_384)
    while bytes.count <= sizeMax {
      let count = Glibc.read(descriptor, &page, page.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else {
        throw ScheduleFault(
          "time zone '\(zone)': \(path) cannot be read (\(String(cString: strerror(errno))))")
      }
      if count == 0 { return bytes }
      bytes += page.prefix(count)
    }
    throw ScheduleFault("time zone '\(zone)': \(path) is larger than any zone file")
  }
}
