internal import Glibc
package import PerdureStore

/// The file as the operating system sees it: looked at before SQLite touches it, and watched for being
/// replaced.
///
/// Reading the header by hand leaves a stranger's file untouched to the last byte, its log included.
package struct DatabaseFile {
  /// As the user named it.
  let path: String
  /// Absolute, with links followed: what SQLite derives the names of its log from.
  let resolved: String
  private(set) var isNew: Bool

  private static let headerSize = 100
  private static let magic = Array("SQLite format 3\0".utf8)
  private static let journalMagic: [UInt8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7]
  private static let logHeaderSize = 32
  /// Of both byte orders, which differ in the last bit.
  private static let logMagic: Int64 = 0x377f_0683
  private static let logFormat: Int64 = 3_007_000

  /// Answers what is at the path, or throws for everything that cannot become a store.
  ///
  /// Others may be making, opening and closing the store at the same time.
  package static func examine(_ path: String) throws(StoreError) -> DatabaseFile {
    let file = try look(path)
    guard file.isNew, try file.hasLog() else { return file }
    // Who makes a store puts its mark into the file before there is a log: whoever saw a log finds the mark
    // when it looks again.
    let again = try look(path)
    guard again.isNew else { return again }
    // SQLite would silently delete a log whose database is gone; it may be all that is left of somebody's
    // data.
    throw StoreError(
      .corrupt,
      "The store \(path) is missing or empty, but its log \(file.logPath) holds data: put the database "
        + "back, or remove the log to begin anew.")
  }

  private static func look(_ path: String) throws(StoreError) -> DatabaseFile {
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw StoreError(.cannotOpen, "The store path is empty or contains a NUL character.")
    }
    guard let status = try status(of: path, named: path) else { return try examineMissing(path) }
    switch status.st_mode & S_IFMT {
    case S_IFREG: break
    case S_IFDIR: throw StoreError(.cannotOpen, "The store \(path) cannot be opened: it is a directory.")
    default: throw StoreError(.cannotOpen, "The store \(path) cannot be opened: it is not a regular file.")
    }
    guard let resolved = realPath(path) else { throw cannotOpen(path, errno) }
    try refuseLongName(resolved, path: path)
    try refuseUnwritable(resolved, path: path)
    var file = DatabaseFile(path: path, resolved: resolved, isNew: status.st_size == 0)
    if !file.isNew { file.isNew = try file.wasBeingMade() }
    if !file.isNew { try file.examineHeader() }
    return file
  }

  private static func examineMissing(_ path: String) throws(StoreError) -> DatabaseFile {
    // By bytes, as the system does: a name may begin with a mark that combines with the slash before it.
    var parts = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
      .map { Substring($0) }
    let name = parts.popLast() ?? ""
    let directory = parts.isEmpty ? "." : parts == [""] ? "/" : parts.joined(separator: "/")
    guard let status = try status(of: directory, named: path) else {
      throw StoreError(
        .cannotOpen, "The store \(path) cannot be created: the directory \(directory) does not exist.")
    }
    guard status.st_mode & S_IFMT == S_IFDIR, !name.isEmpty else {
      throw StoreError(.cannotOpen, "The store \(path) cannot be created: \(directory) is not a directory.")
    }
    guard let parent = realPath(directory) else { throw cannotOpen(path, errno) }
    guard access(parent, W_OK) == 0 else {
      let cause = errno
      guard isRefusal(cause) else { throw cannotOpen(path, cause) }
      throw StoreError(
        .readOnly,
        "The store \(path) cannot be created: the directory \(directory) is read-only "
          + "(\(ResultCode.systemMessage(cause))).")
    }
    let file = DatabaseFile(
      path: path, resolved: (parent == "/" ? "" : parent) + "/" + name, isNew: true)
    try refuseLongName(file.resolved, path: path)
    return file
  }

  /// The files beside the database have longer names, and one that is made before they fail would stay.
  private static func refuseLongName(_ resolved: String, path: String) throws(StoreError) {
    let longest = resolved.utf8.count + NodeLocks.suffix.utf8.count
    let name =
      longest
      - (resolved.utf8.lastIndex(of: UInt8(ascii: "/")).map {
        resolved.utf8.distance(from: resolved.utf8.startIndex, to: $0) + 1
      } ?? 0)
    guard longest >= Int(PATH_MAX) || name > Int(NAME_MAX) else { return }
    throw StoreError(
      .cannotOpen,
      "The store \(path) cannot be opened: its name is too long, \(NodeLocks.suffix) must fit behind it.")
  }

  private static func refuseUnwritable(_ resolved: String, path: String) throws(StoreError) {
    guard access(resolved, R_OK) == 0 else { throw cannotOpen(path, errno) }
    guard access(resolved, W_OK) == 0 else {
      let cause = errno
      guard isRefusal(cause) else { throw cannotOpen(path, cause) }
      throw StoreError(
        .readOnly, "The store \(path) cannot be written: \(ResultCode.systemMessage(cause)).")
    }
    let directory = resolved.prefix(
      upTo: resolved.utf8.lastIndex(of: UInt8(ascii: "/")) ?? resolved.startIndex)
    guard access(directory.isEmpty ? "/" : String(directory), W_OK) == 0 else {
      let cause = errno
      guard isRefusal(cause) else { throw cannotOpen(path, cause) }
      throw StoreError(
        .readOnly,
        "The store \(path) cannot be written: its directory, where the log goes, is read-only "
          + "(\(ResultCode.systemMessage(cause))).")
    }
  }

  /// As opposed to a device that fails.
  private static func isRefusal(_ cause: Int32) -> Bool {
    cause == EACCES || cause == EPERM || cause == EROFS || cause == ETXTBSY
  }

  private func hasLog() throws(StoreError) -> Bool {
    try Self.status(of: logPath, named: path).map { $0.st_size > 0 } ?? false
  }

  /// Power was lost while the first page was written: what there is of it is worth nothing, and SQLite will
  /// roll it back to an empty file, as its journal says.
  private func wasBeingMade() throws(StoreError) -> Bool {
    let journal = resolved + "-journal"
    guard let status = try Self.status(of: journal, named: path), status.st_size >= 28 else { return false }
    let header = try read(journal, 28, mayBeGone: true)
    return header.count == 28 && header.starts(with: Self.journalMagic)
      && Self.number(header, at: 16, bytes: 4) == 0
  }

  private func examineHeader() throws(StoreError) {
    let header = try read(resolved, Self.headerSize)
    guard header.count == Self.headerSize, header.starts(with: Self.magic) else {
      throw StoreError(
        .foreign, "The store \(path) is not an SQLite database (or its header is damaged): left untouched.")
    }
    let application = Self.number(header, at: 68, bytes: 4)
    let hasLog = try hasLog()
    if application == Schema.applicationID {
      let version = Int32(truncatingIfNeeded: Self.number(header, at: 60, bytes: 4))
      try Schema.refuseUnknown(Int64(version), path: path)
      try refuseDamagedLog()
    } else if application != 0 || hasLog || Self.number(header, at: 44, bytes: 4) != 0 {
      // Without a schema format nothing was ever created in it: an empty database is nobody's.
      throw StoreError(
        .foreign, "The store \(path) is a database of another application: left untouched.")
    }
    let pageSize = Self.number(header, at: 16, bytes: 2)
    let pages = Self.number(header, at: 28, bytes: 4)
    let expected = pages * (pageSize == 1 ? 65_536 : pageSize)
    // The file has grown to what its header says before its log goes: look at them in this order.
    let size = try Self.status(of: resolved, named: path).map { Int64($0.st_size) } ?? 0
    if !hasLog, size < expected {
      throw StoreError(
        .corrupt, "The store \(path) is truncated: it has \(size) bytes, its header speaks of \(expected).")
    }
  }

  /// SQLite would take a log that does not begin as one for empty, and lose what is in it without a word. Its
  /// header is synced before anything else is written, so a loss of power does not leave such a log.
  private func refuseDamagedLog() throws(StoreError) {
    guard let log = try Self.status(of: logPath, named: path), log.st_size > Self.logHeaderSize else {
      return
    }
    let header = try read(logPath, Self.logHeaderSize, mayBeGone: true)
    // Folded in and gone, since it was looked at.
    guard header.count == Self.logHeaderSize else { return }
    let magic = Self.number(header, at: 0, bytes: 4) | 1
    guard magic != Self.logMagic || Self.number(header, at: 4, bytes: 4) != Self.logFormat else { return }
    throw StoreError(
      .corrupt,
      "The store \(path) is damaged: its log \(logPath) does not begin as one. Put the log back, or remove "
        + "it and do without the latest commits, which are in it only.")
  }

  /// The first bytes of a file, fewer if it is shorter.
  ///
  /// - Parameter mayBeGone: none of a file that is not there, which others may have removed.
  private func read(_ target: String, _ size: Int, mayBeGone: Bool = false) throws(StoreError) -> [UInt8] {
    let descriptor = open(target, O_RDONLY | O_CLOEXEC)
    if descriptor < 0, errno == ENOENT, mayBeGone { return [] }
    guard descriptor >= 0 else { throw Self.cannotOpen(path, errno) }
    defer { Glibc.close(descriptor) }
    var header: [UInt8] = []
    while header.count < size {
      var part = [UInt8](repeating: 0, count: size - header.count)
      let count = pread(descriptor, &part, part.count, off_t(header.count))
      if count == 0 { break }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        throw StoreError(.io, "The store \(path) cannot be read: \(ResultCode.systemMessage(errno)).")
      }
      header += part.prefix(count)
    }
    return header
  }

  /// A big-endian number; 0 outside of the header.
  private static func number(_ header: [UInt8], at offset: Int, bytes: Int) -> Int64 {
    header.dropFirst(offset).prefix(bytes).reduce(0) { $0 << 8 | Int64($1) }
  }

  var logPath: String { resolved + "-wal" }

  // MARK: System calls

  /// nil if there is nothing at the path.
  static func status(of target: String, named path: String) throws(StoreError) -> stat? {
    var status = stat()
    if stat(target, &status) == 0 { return status }
    if errno == ENOENT { return nil }
    throw cannotOpen(path, errno)
  }

  private static func cannotOpen(_ path: String, _ number: Int32) -> StoreError {
    StoreError(.cannotOpen, "The store \(path) cannot be opened: \(ResultCode.systemMessage(number)).")
  }

  private static func realPath(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
  }
}

/// Which file a path led to when the store was opened.
struct FileIdentity: Equatable {
  private let device: UInt64
  private let number: UInt64

  /// nil if there is no file; and if there is nothing in it, unless it `canBeEmpty`. Throws `.io` if the
  /// system does not tell.
  static func find(
    _ target: String, of path: String, canBeEmpty: Bool
  ) throws(StoreError) -> FileIdentity? {
    var status = stat()
    if stat(target, &status) == 0 {
      guard canBeEmpty || status.st_size > 0 else { return nil }
      return FileIdentity(device: UInt64(status.st_dev), number: UInt64(status.st_ino))
    }
    if errno == ENOENT || errno == ENOTDIR { return nil }
    throw StoreError(
      .io, "The store \(path) failed while looking for \(target): \(ResultCode.systemMessage(errno)).")
  }
}
