/// Requests that are good, to begin with.
enum ABITexts {
  static let storeConfigs = [
    "", #"{"clock":{"mode":"virtual","startMS":0}}"#,
    #"{"busyTimeoutMS":0,"limits":{"payloadBytes":10,"kvKeys":1,"historyEvents":5,"inboxMessages":2}}"#,
  ]

  static let runtimeOptions = [
    "", #"{"activitySlots":1,"turnThreads":1,"cache":"off"}"#, #"{"replayOnly":true}"#,
    #"{"cachedInstances":0,"nondeterminism":"fail","schedules":false,"activityTags":"any","sessions":1}"#,
  ]

  static let starts = [
    #"{"orchestration":"o","instance":"i","input":1}"#, #"{"orchestration":"o","instance":"j"}"#,
    #"{"orchestration":"x","instance":"i","policy":"terminateAndRestart"}"#,
    #"{"orchestration":"o","instance":"i","policy":"useExisting","dedupKey":"d","attributes":{"a":"b"}}"#,
    #"{"orchestration":"o","instance":"k","startAt":9007199254740991,"priority":7,"memo":[1]}"#,
  ]

  static let batches = [
    #"[{"orchestration":"o","instance":"i"},{"orchestration":"o"},{"a":1},7]"#, "[]",
    #"[{"orchestration":"o"}]"#,
  ]

  static let sends = [
    #"{"instance":"i","event":"e","data":1}"#, #"{"instance":"later","queue":"q","data":null,"keep":true}"#,
  ]

  static let controls = ["cancel", "suspend", "resume", "terminate", "retry", "requeue"].map {
    #"{"instance":"i","operation":"\#($0)","reason":"r"}"#
  }

  static let histories = [#"{"instance":"i"}"#, #"{"instance":"i","execution":1,"after":1,"limit":1}"#]

  static let lists = [
    "", #"{"status":"Running","limit":1}"#, #"{"attributes":{"a":"b"},"order":"newest","cursor":5}"#,
    #"{"orchestration":"o","instancePrefix":"i","created":{"from":0,"to":9007199254740991}}"#,
  ]

  static let kvQueries = [#"{"instance":"i"}"#, #"{"instance":"i","key":"k"}"#]

  static let managements = [
    #"{"operation":"nodes"}"#, #"{"operation":"audit","limit":1}"#,
    #"{"operation":"inspect","instance":"i"}"#,
    #"{"operation":"why","instance":"i"}"#, #"{"operation":"executions","instance":"i"}"#,
    #"{"operation":"tree","instance":"i"}"#, #"{"operation":"ancestors","instance":"i"}"#,
    #"{"operation":"statistics"}"#, #"{"operation":"statistics","instance":"i"}"#, #"{"operation":"queues"}"#,
    #"{"operation":"export","instance":"i"}"#, #"{"operation":"reset","instance":"i","event":1}"#,
    #"{"operation":"reset","instance":"i","event":0,"dryRun":true}"#,
    #"{"operation":"rewind","instance":"i"}"#,
    #"{"operation":"terminate","instance":"i","actor":"me","reason":"r"}"#,
    #"{"operation":"bulk","verb":"suspend","filter":{"orchestration":"o"}}"#,
    #"{"operation":"delete","instance":"i","force":true}"#,
    #"{"operation":"prune","olderThanMS":0,"dryRun":true}"#,
    #"{"operation":"prune","executions":true,"keepLast":1}"#, #"{"operation":"sweep"}"#,
    #"{"operation":"setRetention","orchestration":"o","keepMS":0}"#, #"{"operation":"retention"}"#,
    #"{"operation":"removeRetention","orchestration":"o"}"#,
    #"{"operation":"retryActivity","instance":"i","execution":1,"action":1}"#,
    #"{"operation":"completeActivity","instance":"i","execution":1,"action":1,"result":1}"#,
    #"{"operation":"failActivity","instance":"i","execution":1,"action":1,"#
      + #""failure":{"type":"T","message":"m"}}"#,
  ]

  private static let definition =
    #""spec":{"interval":{"everyMS":1000}},"action":{"orchestration":"o","input":1}"#

  static let schedules = [
    #"{"operation":"createSchedule","schedule":"s",\#(definition),"policy":"replace"}"#,
    #"{"operation":"createSchedule","schedule":"s",\#(definition),"overlap":"allow","#
      + #""catchUpMS":5,"paused":true}"#,
    #"{"operation":"updateSchedule","schedule":"s","spec":{"cron":"* * * * *","jitterMS":9}}"#,
    #"{"operation":"pauseSchedule","schedule":"s"}"#, #"{"operation":"resumeSchedule","schedule":"s"}"#,
    #"{"operation":"triggerSchedule","schedule":"s"}"#,
    #"{"operation":"backfillSchedule","schedule":"s","from":0,"to":100000}"#,
    #"{"operation":"deleteSchedule","schedule":"s"}"#, #"{"operation":"schedule","schedule":"s"}"#,
    #"{"operation":"schedules"}"#,
    #"{"operation":"scheduleTimes","spec":{"calendar":{"hour":[1,{"start":2,"end":9,"step":3}]}},"count":3}"#,
  ]

  static let calls = [#"{"instance":"i","name":"c","input":1,"call":"x"}"#, #"{"instance":"i","name":"c"}"#]
  static let queries = [#"{"instance":"i","name":"q","input":1}"#]

  static let recordings = [
    #"{"instance":"i","events":[{"id":1,"at":1,"kind":"OrchestrationStarted","name":"o","#
      + #""version":"1.0.0","input":1},"#
      + #"{"id":2,"at":1,"kind":"TimerCreated","action":1,"after":1,"fireAt":2}]}"#,
    #"{"instance":"i","orchestration":"o","version":"1.0.0","events":["#
      + #"{"id":1,"at":1,"kind":"OrchestrationStarted","name":"o","version":"1.0.0","input":1},"#
      + #"{"id":2,"at":1,"kind":"OrchestrationCompleted","output":1}]}"#,
  ]

  static let pollAnswers = [
    "",
    #"{"v":1,"turns":[{"token":1,"answer":{"v":1,"miss":true}}],"activities":[{"token":2,"deferred":true}]}"#,
    #"{"v":1,"turns":[{"token":134217733,"answer":{"v":1,"actions":[],"retained":true}}]}"#,
  ]

  private static let world = #""orchestrations":[{"name":"o"}],"activities":[{"name":"a"}]"#

  static let simulations = [
    #"{"seed":7,\#(world),"script":[{"start":{"orchestration":"o","instance":"i"}}],"failActivities":true}"#,
    #"{\#(world),"script":[{"start":{"orchestration":"o","instance":"i"}},"#
      + #"{"afterMS":5,"send":{"instance":"i","event":"e"}}],"maxSteps":9,"observe":true,"cache":"off"}"#,
    "{}", #"{"schedule":{"commit of turn 1 of i":"crashAfter"},\#(world)}"#,
  ]

  static let simulationAnswers = [
    "", #"{"v":1,"turns":[{"token":1,"answer":{"v":1,"actions":[],"retained":false}}]}"#,
    #"{"v":1,"turns":[{"token":1,"answer":{"v":1,"actions":[{"id":1,"after":1,"#
      + #""kind":"ScheduleActivity","name":"a","#
      + #""input":1}],"retained":true}}]}"#,
    #"{"v":1,"activities":[{"token":2,"result":1}],"heartbeat":[1]}"#,
    #"{"v":1,"script":[{"afterMS":0,"control":{"instance":"i","operation":"cancel"}}]}"#,
  ]
}
