import PerdureModel
import PerdureWire

/// The events of an instance as they come, over all its executions, until it ends. Made by
/// `Client.followHistory`.
public struct HistoryFeed: AsyncSequence, Sendable {
  public typealias Element = HistoryEvent

  let engine: EngineHandle
  let start: HistoryQuery
  let timeoutMS: Int64

  public func makeAsyncIterator() -> AsyncIterator {
    AsyncIterator(engine: engine, query: start, timeoutMS: timeoutMS)
  }

  public struct AsyncIterator: AsyncIteratorProtocol {
    private let engine: EngineHandle
    private var query: HistoryQuery
    private let timeoutMS: Int64
    private var page: ArraySlice<Event> = []
    private var hasEnded = false

    init(engine: EngineHandle, query: HistoryQuery, timeoutMS: Int64) {
      self.engine = engine
      self.query = query
      self.timeoutMS = timeoutMS
    }

    /// nil after the last event.
    ///
    /// - Throws: `DXError` (`timedOut`, `notFound`), `CancellationError` when the waiting task is cancelled.
    public mutating func next() async throws -> HistoryEvent? {
      while page.isEmpty, !hasEnded {
        let found = try await EngineWait.history(query, client: engine, timeout: timeoutMS)
        page = found.events[...]
        if page.isEmpty {
          // The execution is over and has no more events (those of old ones may have been removed).
          hasEnded = found.currentExecution <= found.execution
          query.execution = found.execution + 1
          query.after = 0
        }
      }
      guard let event = page.popFirst() else { return nil }
      let execution = query.execution ?? 1
      query.after = event.id
      if case .orchestrationContinuedAsNew = event.kind {
        query.execution = execution + 1
        query.after = 0
        page = []
      } else if event.kind.isTerminal {
        hasEnded = true
      }
      return HistoryEvent(event, of: execution)
    }
  }
}

extension Client {
  /// The events of an instance as they come, over all its executions, until it ends.
  ///
  /// - Parameters:
  ///   - instance: its id.
  ///   - execution: the one to begin with.
  ///   - after: of that one, only events with a higher id.
  ///   - timeout: how long to wait for one event; nil for as long as it takes.
  public func followHistory(
    _ instance: String, execution: Int64 = 1, after: Int64 = 0, timeout: Duration? = nil
  ) -> HistoryFeed {
    HistoryFeed(
      engine: engine.handle, start: HistoryQuery(instance: instance, execution: execution, after: after),
      timeoutMS: timeout.waitMS)
  }
}
