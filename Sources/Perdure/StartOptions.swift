package import PerdureModel

/// What a start says beside name, version and input.
public struct StartOptions: Sendable {
  /// What a start does when its id is taken.
  public enum Policy: String, Hashable, Sendable, CaseIterable {
    /// It is refused: `DXError` (`alreadyExists`).
    case fail
    /// The instance that is there is as good.
    case useExisting
    /// A finished instance gives way, with its descendants; another one is a refusal.
    case restartIfFinished
    /// Whatever is there is terminated and gives way.
    case terminateAndRestart
  }

  /// What a taken id means.
  public var policy: Policy
  /// It does not begin before this moment. At most one of `startAt` and `delay`.
  public var startAt: Timestamp?
  /// It begins so long after now.
  public var delay: Duration?
  /// -1,000...1,000; instances with a higher one go first.
  public var priority: Int
  /// Labels, at most 16 KiB as JSON.
  public var attributes: [String: String]
  /// A note of any type.
  public var memo: (any Encodable & Sendable)?
  /// A start with the key of an instance that exists comes to that instance, whatever its id.
  public var dedupKey: String?
  /// The place in a distributed trace that it is started from: the text of a W3C `traceparent` header. Its
  /// executions, activities and children are then parts of that trace.
  public var traceparent: String?
  /// `tracestate` beside it, passed on as it is; at most 512 bytes.
  public var tracestate: String?

  /// The parameters are the properties.
  public init(
    policy: Policy = .fail, startAt: Timestamp? = nil, delay: Duration? = nil, priority: Int = 0,
    attributes: [String: String] = [:], memo: (any Encodable & Sendable)? = nil, dedupKey: String? = nil,
    traceparent: String? = nil, tracestate: String? = nil
  ) {
    self.policy = policy
    self.startAt = startAt
    self.delay = delay
    self.priority = priority
    self.attributes = attributes
    self.memo = memo
    self.dedupKey = dedupKey
    self.traceparent = traceparent
    self.tracestate = tracestate
  }

  /// The engine checks the ranges.
  package var model: PerdureModel.StartOptions {
    get throws {
      var options = PerdureModel.StartOptions()
      options.policy = StartPolicy(rawValue: policy.rawValue) ?? .fail
      options.startAt = max(0, startAt?.millisecondsSince1970 ?? 0)
      options.priority = Int64(priority)
      if !attributes.isEmpty {
        options.attributes = try PayloadCoding.encode(attributes, "the attributes of the start")
      }
      options.memo = try memo.map { try PayloadCoding.encode($0, "the memo of the start") }
      options.dedupKey = dedupKey
      options.trace = try trace
      return options
    }
  }

  private var trace: TraceContext? {
    get throws {
      if let tracestate, !TraceContext.isState(tracestate) {
        throw DXError(.invalidArgument, "tracestate \(TraceContext.stateRule)")
      }
      guard let traceparent else {
        if tracestate != nil { throw DXError(.invalidArgument, "tracestate needs a traceparent beside it") }
        return nil
      }
      guard let trace = TraceContext(parent: traceparent, state: tracestate) else {
        throw DXError(.invalidArgument, "traceparent \(TraceContext.parentRule)")
      }
      return trace
    }
  }

  package var delayMS: Int64? { delay.map { max(0, $0.millisecondsRoundedUp) } }
}
