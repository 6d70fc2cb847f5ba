package import PerdureModel

/// Work of the pull mode: engine to host.
package enum PollWire {
  /// A token of the ABI: a number in pointer's clothing.
  package typealias Token = Int64

  /// A turn request, or its JSON if that was made already.
  package enum TurnInput: Hashable, Sendable {
    case request(TurnRequest)
    case encoded([UInt8])
  }

  /// An activity task, or its JSON.
  package enum ActivityInput: Hashable, Sendable {
    case task(ActivityWire.Attempt)
    case encoded([UInt8])
  }

  package struct Handed<Input: Hashable & Sendable>: Hashable, Sendable {
    package var token: Token
    package var input: Input

    package init(token: Token, input: Input) {
      self.token = token
      self.input = input
    }
  }

  /// An answer of the same call that did not count.
  package struct Refused: Hashable, Sendable {
    package var token: Token
    /// A `dx_code`.
    package var code: Int64
    package var message: String

    package init(token: Token, code: Int64, message: String) {
      self.token = token
      self.code = code
      self.message = message
    }
  }

  package struct Work: Hashable, Sendable {
    package var isStopped: Bool
    package var turns: [Handed<TurnInput>]
    package var activities: [Handed<ActivityInput>]
    /// Activities of earlier polls whose result is no longer wanted.
    package var cancelled: [Token]
    package var refused: [Refused]

    package init(
      isStopped: Bool = false, turns: [Handed<TurnInput>] = [], activities: [Handed<ActivityInput>] = [],
      cancelled: [Token] = [], refused: [Refused] = []
    ) {
      self.isStopped = isStopped
      self.turns = turns
      self.activities = activities
      self.cancelled = cancelled
      self.refused = refused
    }
  }

  package static func encode(_ work: Work) -> [UInt8] {
    var writer = JSONWriter(capacity: 1_024)
    write(work, to: &writer)
    return writer.finish()
  }

  package static func write(_ work: Work, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("v", 1)
    writer.member("stopped", work.isStopped)
    writer.key("turns")
    writer.list(work.turns) { turn, writer in
      writer.beginObject()
      writer.member("token", turn.token)
      writer.key("request")
      switch turn.input {
      case .request(let request): TurnWire.write(request, to: &writer)
      case .encoded(let json): writer.raw(json)
      }
      writer.endObject()
    }
    writer.key("activities")
    writer.list(work.activities) { activity, writer in
      writer.beginObject()
      writer.member("token", activity.token)
      writer.key("task")
      switch activity.input {
      case .task(let task): ActivityWire.write(task, to: &writer)
      case .encoded(let json): writer.raw(json)
      }
      writer.endObject()
    }
    writer.key("cancelled")
    writer.list(work.cancelled) { token, writer in writer.int(token) }
    writer.key("refused")
    writer.list(work.refused) { refused, writer in
      writer.beginObject()
      writer.member("token", refused.token)
      writer.member("code", refused.code)
      writer.member("message", refused.message)
      writer.endObject()
    }
    writer.endObject()
  }
}
