package import PerdureModel
import PerdureRuntime
import PerdureStore

extension Client {
  /// Acts on a pending activity, whoever holds it.
  package func act(_ request: ActivityRequest, by requester: Requester) throws(ClientError) {
    let instance = request.instance
    try Check.instance(instance)
    let execution: ExecutionID
    if let asked = request.execution {
      execution = asked
    } else {
      execution = try describe(instance).execution
    }
    let word: String
    switch request.verb {
    case .retry: word = "retryActivity"
    case .complete(let result):
      word = "completeActivity"
      try Check.payload(result, "the result", limit: hub.limits.payloadBytes)
    case .fail: word = "failActivity"
    }
    let key = ActivityKey(instance: instance, execution: execution, action: request.action)
    let entry = try noted(
      .actOnActivity(key, request.verb, now: hub.clock.now()), word, instance, by: requester,
      detail: Payload("{\"action\":\(request.action),\"execution\":\(execution)}"))
    do throws(ClientError) {
      try write(entry, instance, "have activities")
    } catch {
      guard case .stale = error else { throw error }
      throw .stale(
        "instance '\(instance)', execution \(execution), has no pending activity \(request.action): "
          + "it has ended or was cancelled, or that action is none")
    }
  }
}
