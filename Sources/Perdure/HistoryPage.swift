package import PerdureModel
import PerdureWire

/// One line of history.
public struct HistoryEvent: Hashable, Sendable {
  /// 1, 2, 3... without gaps.
  public let id: Int64
  /// When it was recorded.
  public let at: Timestamp
  /// The execution that it is of.
  public let execution: Int64
  /// The whole event as JSON text: docs/wire-format.md, "Events".
  public let json: String

  /// What happened, such as `ActivityCompleted`.
  public var kind: String {
    get throws { try PayloadCoding.decode(Kind.self, Payload(json), "the event \(id)").kind }
  }

  package init(_ event: Event, of execution: Int64) {
    id = event.id
    at = Timestamp(millisecondsSince1970: event.at)
    self.execution = execution
    json = String(decoding: EventWire.encode(event), as: UTF8.self)
  }

  private struct Kind: Decodable {
    var kind: String
  }
}

/// Some events of one execution, in order.
public struct HistoryPage: Sendable {
  /// The instance that they are of.
  public let instance: String
  /// The execution that they are of.
  public let execution: Int64
  /// The last execution of the instance.
  public let currentExecution: Int64
  /// In the order of their ids.
  public let events: [HistoryEvent]
  /// There are events after these.
  public let hasMore: Bool

  init(_ page: PerdureModel.HistoryPage) {
    instance = page.instance
    execution = page.execution
    currentExecution = page.currentExecution
    events = page.events.map { HistoryEvent($0, of: page.execution) }
    hasMore = page.hasMore
  }
}
