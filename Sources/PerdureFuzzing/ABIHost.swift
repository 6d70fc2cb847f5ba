import CDX
import PerdureABI

/// The host's side of the fuzzed ABI: what callbacks do is in `user_data`, a number in pointer's clothing.
private func behaviour(_ user: UnsafeMutableRawPointer?) -> Int { Int(bitPattern: user) - 1 }

private func drop(_ error: OpaquePointer?) { dx_error_free(error) }

private let answers = [
  #"{"v":1,"actions":[],"end":{"after":1,"kind":"Completed","output":1},"retained":false}"#,
  #"{"v":1,"actions":[{"id":1,"after":1,"kind":"ScheduleActivity","name":"a","input":null}],"#
    + #""retained":true}"#,
  #"{"v":1,"actions":[{"id":1,"after":1,"kind":"WaitForEvent","name":"e"}],"retained":true}"#,
  #"{"v":1,"actions":[{"id":1,"after":1,"kind":"CreateTimer","fireAt":1}],"retained":false}"#,
  #"{"v":1,"actions":[],"end":{"after":1,"kind":"Failed","failure":{"type":"T","message":"m"}},"#
    + #""retained":false}"#,
  #"{"v":1,"actions":[],"end":{"after":1,"kind":"ContinuedAsNew","input":1},"retained":false}"#,
  #"{"v":1,"actions":[{"id":7,"after":9,"kind":"CreateTimer","fireAt":-1}],"retained":true}"#,
  #"{"v":1,"miss":true}"#, #"{"v":1}"#, "", "null", "{",
  #"{"v":1,"actions":[{"id":1,"after":1,"kind":"ScheduleSubOrchestration","name":"o","#
    + #""input":1}],"retained":true}"#,
  #"{"v":1,"actions":[{"id":1,"after":1,"kind":"WaitForCall","name":"c"}],"retained":true}"#,
]

let answerTurn: dx_turn_fn = { turn, user in
  var text = dx_text()
  let choice = behaviour(user)
  drop(dx_turn_input(turn, &text))
  if choice % 7 == 6 { drop(with(#"{"type":"T","message":"m"}"#) { dx_turn_fail(turn, $0) }) }
  drop(with(answers[choice % answers.count]) { dx_turn_complete(turn, $0) })
  if choice % 5 == 4 { drop(dx_turn_input(turn, &text)) }
  drop(with("") { dx_turn_fail(turn, $0) })
}

let answerActivity: dx_activity_fn = { activity, user in
  var text = dx_text()
  let choice = behaviour(user)
  drop(dx_activity_input(activity, &text))
  _ = dx_activity_is_cancelled(activity)
  if choice & 1 == 1 { drop(with("[1]") { dx_activity_heartbeat(activity, $0) }) }
  if choice & 2 == 2 { drop(dx_activity_on_cancel(activity, { _ in }, nil, nil)) }
  switch choice % 5 {
  case 0: drop(with("1") { dx_activity_complete(activity, $0) })
  case 1: drop(with(#"{"type":"T","message":"m"}"#) { dx_activity_fail(activity, $0) })
  case 2: drop(dx_activity_defer(activity))
  case 3: drop(with("nonsense") { dx_activity_complete(activity, $0) })
  default: drop(with("{}") { dx_activity_fail(activity, $0) })
  }
  // Gone by now, whatever was said.
  drop(dx_activity_defer(activity))
  drop(with("") { dx_activity_heartbeat(activity, $0) })
}

let waited: dx_wait_fn = { error, _, user in
  drop(error)
  Waiting.all.end()
}

let stopped: dx_stop_fn = { _ in Waiting.all.end() }
