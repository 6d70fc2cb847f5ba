import Glibc
import PerdureSchedule

/// The zone files of this machine, read for the engine and, independently, by the C library.
enum Zones {
  static func rules(_ name: String) throws -> ZoneRules {
    name == "UTC" ? .utc : try ZoneRules(tzif: bytes("/usr/share/zoneinfo/\(name)"))
  }

  static func bytes(_ path: String) throws -> [UInt8] {
    guard let file = fopen(path, "rb") else { throw ScheduleFault("\(path) is missing: install tzdata") }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var page = [UInt8](repeating: 0, count: 65_536)
    while case let count = fread(&page, 1, page.count, file), count > 0 { bytes += page[..<count] }
    return bytes
  }

  /// What a clock on the wall of the zone shows, by the C library. Changes the zone of the process.
  static func use(_ name: String) {
    setenv("TZ", ":/usr/share/zoneinfo/\(name)", 1)
    tzset()
  }

  static func reading(_ second: Int64) -> tm {
    var time = time_t(second)
    var parts = tm()
    localtime_r(&time, &parts)
    return parts
  }
}
