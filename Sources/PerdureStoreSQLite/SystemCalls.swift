internal import CSQLite

/// The system calls that SQLite makes through us, and why they failed.
///
/// The C functions keep the causes in variables of their own, and the header gives each file of Swift that
/// uses them a copy of its own: so this is the only file that does, and nothing of it may move to another.
enum SystemCalls {
  /// Once per process. Returns an SQLite result code.
  @inline(never)
  static func start() -> Int32 { perdure_sqlite_start() }

  /// Why this thread's last attempt to read a file failed (an `errno`), 0 if none did since this was asked.
  @inline(never)
  static func takeReadFailure() -> Int32 { perdure_take_read_failure() }

  /// The same of writing.
  @inline(never)
  static func takeWriteFailure() -> Int32 { perdure_take_write_failure() }

  /// The same of looking for a file by its name.
  @inline(never)
  static func takeLookFailure() -> Int32 { perdure_take_look_failure() }
}
