import PerdureModel

/// Messages of retries, state, calls and topics.
extension MalformedTests {
  private static func options(_ json: String, _ message: String) -> [Case] {
    let event =
      #"{"id":1,"at":1,"kind":"ActivityScheduled","action":1,"after":1,"name":"a","input":1,"options":"#
    let action = #"{"v":1,"retained":true,"actions":[{"id":1,"after":1,"kind":"ScheduleActivity","name":"a","#
    return [
      Case(.options, json, message), Case(.event, event + json + "}", "options.\(message)"),
      Case(
        .turnAnswer, action + #""input":1,"options":"# + json + "}]}", "actions[0].options.\(message)"),
    ]
  }

  private static let request =
    #"{"v":1,"turn":1,"instance":"i","execution":1,"orchestration":"o","version":"1.0.0","from":0,"#
    + #""replayed":0,"events":[],"#
  private static let durations = "1...1099511627776"

  static let semantics: [Case] =
    options(#"{"priority":1001}"#, "priority must be within -1000...1000, not 1001.")
    + options(#"{"startToCloseMS":0}"#, "startToCloseMS must be within \(durations), not 0.")
    + options(#"{"scheduleToStartMS":-1}"#, "scheduleToStartMS must be within \(durations), not -1.")
    + options(
      #"{"scheduleToCloseMS":1099511627777}"#,
      "scheduleToCloseMS must be within \(durations), not 1099511627777."
    )
    + options(#"{"heartbeatMS":true}"#, "heartbeatMS must be an integer, not a boolean.")
    + options(#"{"tag":["x"]}"#, "tag must be a string, not a list.")
    + options(#"{"retry":5}"#, "retry must be an object, not a number.")
    + options(
      #"{"retry":{"maxAttempts":1000001}}"#, "retry.maxAttempts must be within 0...1000000, not 1000001.")
    + options(
      #"{"retry":{"backoff":"x"}}"#,
      #"retry.backoff must be "none", "fixed", "linear" or "exponential"."#
    )
    + options(
      #"{"retry":{"initialIntervalMS":0}}"#, "retry.initialIntervalMS must be within \(durations), not 0.")
    + options(#"{"retry":{"maxIntervalMS":0}}"#, "retry.maxIntervalMS must be within \(durations), not 0.")
    + options(
      #"{"retry":{"coefficientPercent":99}}"#, "retry.coefficientPercent must be within 100...100000, not 99."
    )
    + options(#"{"retry":{"jitterPercent":101}}"#, "retry.jitterPercent must be within 0...100, not 101.")
    + options(
      #"{"retry":{"nonRetryableTypes":["E",5]}}"#,
      "retry.nonRetryableTypes[1] must be a string, not a number."
    )
    + options(#"{"retry":{"backoff":"none","backoff":"none"}}"#, "retry.backoff is given twice.")
    + [
      Case(
        .failure, #"{"type":"E","message":"","retryAfterMS":-1}"#,
        "retryAfterMS must be within 0...1099511627776, not -1."),
      Case(
        .event, #"{"id":1,"at":1,"late":"yes","kind":"TimerFired","action":1}"#,
        "late must be a boolean, not a string."),
      Case(
        .event, #"{"id":1,"at":1,"kind":"CallAnswered","action":1,"after":1,"call":"c"}"#,
        "The JSON must have either a result or a failure."),
      Case(.action, #"{"id":1,"after":1,"kind":"SetKV","key":"k"}"#, "value is missing."),
      Case(.action, #"{"id":1,"after":1,"kind":"Publish","data":1}"#, "topic is missing."),
      Case(
        .action,
        #"{"id":1,"after":1,"kind":"ScheduleSubOrchestration","name":"k","input":1,"closePolicy":"no"}"#,
        #"closePolicy must be "cancel", "terminate" or "abandon"."#),
      Case(
        .turnAnswer, answer + #"{"id":2,"after":1,"kind":"AnswerCall","call":"c"}]}"#,
        "actions[1] must have either a result or a failure."),
      Case(.turnAnswer, #"{"v":1,"query":{}}"#, "query must have either a result or a failure."),
      Case(
        .turnAnswer, #"{"v":1,"actions":[],"retained":true,"metrics":[{"name":"n","kind":"counter"}]}"#,
        "metrics[0].value is missing."),
      Case(
        .turnAnswer,
        #"{"v":1,"actions":[],"retained":true,"metrics":[{"name":"n","kind":"timer","value":1}]}"#,
        #"metrics[0].kind must be "counter", "gauge" or "histogram"."#),
      Case(
        .turnAnswer,
        #"{"v":1,"actions":[],"retained":true,"metrics":[{"name":"n","kind":"gauge","value":"1"}]}"#,
        "metrics[0].value must be a number, not a string."),
      Case(
        .log,
        #"{"at":1,"level":"info","message":"m","#
          + #""metric":{"name":"n","kind":"gauge","value":1,"attributes":{"a":1}}}"#,
        "metric.attributes.a must be a string, not a number."),
      Case(.turnRequest, request + #""patches":[5]}"#, "patches[0] must be a string, not a number."),
      Case(.turnRequest, request + #""patches":[],"patches":[]}"#, "patches is given twice."),
      Case(.turnRequest, request + #""kv":[{"key":"k","at":1}]}"#, "kv[0].value is missing."),
      Case(.turnRequest, request + #""query":{"name":"q"}}"#, "query.input is missing."),
      Case(
        .activity,
        #"{"v":1,"instance":"i","execution":1,"orchestration":"o","action":1,"name":"a","#
          + #""attempt":1,"input":1}"#,
        "token is missing."),
      Case(
        .pollWork, #"{"v":1,"stopped":false,"turns":[],"activities":[],"refused":[]}"#,
        "cancelled is missing."),
      Case(
        .pollWork, #"{"v":1,"stopped":false,"turns":[],"activities":[],"cancelled":[]}"#,
        "refused is missing."),
      Case(.pollWork, #"{"v":1,"cancelled":["1"]}"#, "cancelled[0] must be an integer, not a string."),
      Case(.message, #"{"kind":"CallReceived","name":"n","data":1}"#, "call is missing."),
      Case(.message, #"{"kind":"RequestFailed","execution":1,"action":1,"result":1}"#, "failure is missing."),
      Case(
        .start, #"{"instance":"i","name":"o","input":1,"policy":"x"}"#,
        #"policy must be "fail", "useExisting", "restartIfFinished" or "terminateAndRestart"."#),
      Case(.service, #"{"orchestrations":[],"activities":[]}"#, "untagged is missing."),
      Case(.service, #"{"orchestrations":[{"versions":[]}]}"#, "orchestrations[0].name is missing."),
      Case(
        .callAnswer, #"{"call":"c","result":1,"failure":{"type":"E","message":""}}"#,
        "The JSON must have either a result or a failure."),
      Case(.kvPage, "{}", "entries is missing."),
      Case(.sent, #"{"kept":1}"#, "kept must be a boolean, not a number."),
      Case(.published, "{}", "delivered is missing."),
      Case(.started, #"{"error":{"code":1,"message":"m"}}"#, "instance is missing."),
    ]

  /// Written by users: what is not known is an error.
  static let requests: [Case] = [
    Case(
      .startRequest, #"{"orchestration":"o","closePolicy":"abandon"}"#,
      "closePolicy is not a member known here."),
    Case(
      .startRequest, #"{"orchestration":"o","startAt":5,"delayMS":5}"#,
      "delayMS cannot be given together with startAt."),
    Case(
      .startRequest, #"{"orchestration":"o","startAt":-1}"#, "startAt must be within 0...\(bound), not -1."),
    Case(
      .startRequest, #"{"orchestration":"o","delayMS":-1}"#,
      "delayMS must be within 0...1099511627776, not -1."),
    Case(
      .startRequest, #"{"orchestration":"o","priority":-1001}"#,
      "priority must be within -1000...1000, not -1001."),
    Case(
      .startRequest, #"{"orchestration":"o","policy":"replace"}"#,
      #"policy must be "fail", "useExisting", "restartIfFinished" or "terminateAndRestart"."#),
    Case(
      .startRequest, #"{"orchestration":"o","attributes":["a"]}"#, "attributes must be an object, not a list."
    ),
    Case(
      .startRequest, #"{"orchestration":"o","attributes":{"a":"b","c":null}}"#,
      "attributes.c must be a string, not null."),
    Case(.startRequest, #"{"orchestration":"o","dedupKey":7}"#, "dedupKey must be a string, not a number."),
    Case(.control, #"{"instance":"i"}"#, "operation is missing."),
    Case(
      .control, #"{"instance":"i","operation":"pause"}"#,
      #"operation must be "cancel", "suspend", "resume", "terminate", "retry" or "requeue"."#),
    Case(
      .control, #"{"instance":"i","operation":"terminate","graceMS":5}"#,
      #"graceMS is known to the operation "cancel" only."#),
    Case(
      .control, #"{"instance":"i","operation":"cancel","graceMS":-5}"#,
      "graceMS must be within 0...1099511627776, not -5."),
    Case(.control, #"{"operation":"cancel"}"#, "instance is missing."),
    Case(
      .control, #"{"instance":"i","operation":"cancel","force":true}"#, "force is not a member known here."),
    Case(.send, #"{"instance":"i","channel":"topic","name":"t"}"#, #"channel must be "event" or "queue"."#),
    Case(.send, #"{"instance":"i","name":"t"}"#, "channel is missing."),
    Case(
      .send, #"{"instance":"i","channel":"event","name":"t","kept":true}"#, "kept is not a member known here."
    ),
    Case(.call, #"{"instance":"i"}"#, "name is missing."),
    Case(.call, #"{"instance":"i","name":"n","timeout":1}"#, "timeout is not a member known here."),
    Case(.query, #"{"instance":"i","name":"n","call":"c"}"#, "call is not a member known here."),
    Case(.kvQuery, #"{"key":"k"}"#, "instance is missing."),
    Case(.kvQuery, #"{"instance":"i","prefix":"k"}"#, "prefix is not a member known here."),
    Case(.runtime, #"{"activityTags":"gpu"}"#, #"activityTags must be "any" or a list of tags."#),
    Case(.runtime, #"{"activityTags":[1]}"#, "activityTags[0] must be a string, not a number."),
    Case(
      .runtime, #"{"activityTags":["# + Array(repeating: #""a""#, count: 101).joined(separator: ",") + "]}",
      "activityTags has more than 100 elements."),
    Case(.runtime, #"{"untaggedActivities":0}"#, "untaggedActivities must be a boolean, not a number."),
    Case(.runtime, #"{"sessions":100001}"#, "sessions must be within 0...100000, not 100001."),
    Case(.runtime, #"{"sessionIdleMS":0}"#, "sessionIdleMS must be within 1...1000000000, not 0."),
    Case(.runtime, #"{"activityGraceMS":-1}"#, "activityGraceMS must be within 0...1000000000, not -1."),
    Case(.runtime, #"{"nondeterminism":"ignore"}"#, #"nondeterminism must be "quarantine" or "fail"."#),
    Case(.activityLimits, #"{"concurrency":0}"#, "concurrency must be within 1...10000, not 0."),
    Case(.activityLimits, #"{"rate":1000001}"#, "rate must be within 1...1000000, not 1000001."),
    Case(.activityLimits, #"{"ratePeriodMS":0}"#, "ratePeriodMS must be within \(durations), not 0."),
    Case(.activityLimits, #"{"burst":5}"#, "burst is not a member known here."),
    Case(.store, #"{"limits":{"payload":1}}"#, "limits.payload is not a member known here."),
    Case(.store, #"{"limits":{"kvKeys":0}}"#, "limits.kvKeys must be within 1...1000000000, not 0."),
    Case(
      .store, #"{"limits":{"historyBytes":1000000001}}"#,
      "limits.historyBytes must be within 1...1000000000, not 1000000001."),
    Case(.store, #"{"limits":[]}"#, "limits must be an object, not a list."),
    Case(.store, #"{"clock":{}}"#, "clock.mode is missing."),
    Case(.store, #"{"clock":{"mode":"fast"}}"#, "clock.mode must be \"system\" or \"virtual\"."),
    Case(.store, #"{"clock":{"mode":"virtual","start":1}}"#, "clock.start is not a member known here."),
    Case(
      .store, #"{"clock":{"mode":"virtual","startMS":-1}}"#,
      "clock.startMS must be within 0...253402300799999, not -1."),
    Case(
      .store, #"{"clock":{"mode":"system","startMS":1}}"#,
      "clock.startMS is for a virtual clock; the system's has its own time."),
  ]
}
