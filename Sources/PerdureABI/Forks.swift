internal import CFork
import Glibc
import PerdureRuntime
import Synchronization

/// What the whole process has of its own begins anew in a forked child, where only the thread is that forked:
/// docs/decisions/0023.
enum Forks {
  private static let seen = Atomic<UInt>(0)
  // All that has to do with it is there before the first handle is: a child has nothing to set up.
  private static let watch: Void = {
    _ = Handles.all
    LogSink.prepare()
    CallbackThread.prepare()
    perdure_find_thread_locals()
    pthread_atfork({ LogSink.lock() }, { LogSink.unlock() }, { Forks.inChild() })
  }()

  /// How many forks led to this process, since it was first asked.
  static var count: UInt {
    watch
    return seen.load(ordering: .relaxed)
  }

  /// On the only thread that there is.
  private static func inChild() {
    perdure_clear_thread_locals()
    seen.store((seen.load(ordering: .relaxed) + 1) % HandleParts.forkCount, ordering: .relaxed)
    for table in Handles.all { table.clear() }
    LogSink.unlock()
    CallbackThread.beginAnew()
    Leftovers.beginAnew()
  }
}
