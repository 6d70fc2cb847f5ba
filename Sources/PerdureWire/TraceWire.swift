import PerdureModel

/// A place in a trace, as two members of whatever carries it.
extension JSONWriter {
  /// Left out when there is none.
  mutating func members(_ trace: TraceContext?) {
    guard let trace else { return }
    member("traceparent", trace.parent)
    member("tracestate", optional: trace.state)
  }
}

extension JSONReader {
  func optionalTrace(
    _ parentSlice: JSONSlice, _ stateSlice: JSONSlice
  ) throws(JSONFault) -> TraceContext? {
    let state = try optionalString(stateSlice)
    guard let parent = try optionalString(parentSlice) else {
      if state != nil { throw JSONFault(stateSlice.start, "needs a traceparent beside it") }
      return nil
    }
    if let state, !TraceContext.isState(state) { throw JSONFault(stateSlice.start, TraceContext.stateRule) }
    guard let trace = TraceContext(parent: parent, state: state) else {
      throw JSONFault(parentSlice.start, TraceContext.parentRule)
    }
    return trace
  }
}
