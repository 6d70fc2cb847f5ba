internal import CSQLite
internal import Glibc
internal import PerdureStore

/// The system calls that SQLite makes through us, and why they failed.
///
/// The C functions keep the causes in variables of their own, and the header gives each file of Swift that
/// uses them a copy of its own: so this is the only file that does, and nothing of it may move to another.
enum SystemCalls {
  /// Attempts whose failures SQLite tells of as of something else.
  enum Attempt {
    case reading, writing
    /// For a file, by its name.
    case looking

    fileprivate var number: Int32 {
      switch self {
      case .reading: Int32(perdure_reading)
      case .writing: Int32(perdure_writing)
      case .looking: Int32(perdure_looking)
      }
    }
  }

  /// Why this thread's last one failed (an `errno`), 0 if none did since this was asked.
  @inline(never)
  static func takeFailure(of attempt: Attempt) -> Int32 { perdure_take_failure(attempt.number) }

  /// Runs `body`, which opens a store, while no other thread opens one: the logs that it opens are filled
  /// ahead of what is written. It is told what starting SQLite came to (an SQLite result code).
  @inline(never)
  static func openingStore<R>(_ body: (Int32) throws(StoreError) -> R) throws(StoreError) -> R {
    let code = perdure_begin_opening()
    defer { perdure_end_opening() }
    return try body(code)
  }

  /// open(2) of what a forked child is to close: its locks are those of this process only. -1 with `errno` if
  /// it cannot be opened.
  @inline(never)
  static func open(_ path: String, _ flags: Int32, mode: mode_t) -> Int32 {
    perdure_open_ours(path, flags, Int32(bitPattern: mode))
  }

  @inline(never)
  static func close(_ descriptor: Int32) { _ = perdure_close(descriptor) }
}
