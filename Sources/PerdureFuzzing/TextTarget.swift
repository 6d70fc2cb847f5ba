import PerdureModel
import PerdureSchedule
import PerdureWire

/// Small languages: cron lines, calendars, zone files, versions, completion tokens, traces, moments, names.
enum TextTarget {
  static func run(_ input: borrowing [UInt8]) throws(Finding) {
    var script = ByteScript(copy input)
    switch script.pick(7) {
    case 0: try cron(&script)
    case 1: try spec(&script)
    case 2: try zone(&script)
    case 3: try version(&script)
    case 4: try token(&script)
    case 5: try trace(&script)
    default: try names(&script)
    }
  }

  // MARK: Schedules

  private static func cron(_ script: inout ByteScript) throws(Finding) {
    let after = script.number()
    let line = String(decoding: script.rest(), as: UTF8.self)
    guard let times = try? DueTimes(ScheduleSpec(cron: [line]), zone: .utc) else { return }
    try ascending(times, after, "cron '\(line)'")
  }

  private static func spec(_ script: inout ByteScript) throws(Finding) {
    var spec = ScheduleSpec(
      start: script.flag() ? script.number() : nil, end: script.flag() ? script.number() : nil)
    spec.jitterMS = script.number()
    for _ in 0..<script.pick(3) {
      spec.intervals.append(ScheduleInterval(everyMS: script.number(), offsetMS: script.number()))
    }
    for _ in 0..<script.pick(3) {
      var calendar = ScheduleCalendar()
      let fields: [WritableKeyPath<ScheduleCalendar, [ScheduleRange]>] = [
        \.year, \.month, \.dayOfMonth, \.dayOfWeek, \.hour, \.minute, \.second,
      ]
      for _ in 0..<script.pick(8) {
        let range = ScheduleRange(script.number(), script.number(), step: script.number())
        calendar[keyPath: script.choose(fields)].append(range)
      }
      spec.calendars.append(calendar)
    }
    let after = script.number()
    guard let times = try? DueTimes(spec, zone: .utc) else { return }
    try ascending(times, after, "\(spec)")
  }

  /// Each time is after the one before it, and runs begin when they are due or later.
  private static func ascending(
    _ times: DueTimes, _ after: TimestampMS, _ what: @autoclosure () -> String
  ) throws(Finding) {
    var last = after
    for _ in 0..<3 {
      guard let next = times.next(after: last) else { return }
      try expect(next > last, "\(what()): \(next) follows \(last)")
      try expect(times.begin(of: next, schedule: "s") >= next, "\(what()): a run begins before \(next)")
      last = next
    }
    let question = ScheduleQuestion(schedule: "s", spec: ScheduleSpec(), after: after, to: nil)
    try expect(times.answer(question).times.count <= Limits.scheduleTimes, "\(what()): too many times")
  }

  private static func zone(_ script: inout ByteScript) throws(Finding) {
    let moments = [script.number(), script.number()]
    guard let zone = try? ZoneRules(tzif: script.rest()) else { return }
    for moment in moments {
      // Clocks are asked for moments that JSON can hold, in seconds.
      let time = moment.clamped(to: -9_007_199_254_741...9_007_199_254_741)
      let segment = zone.segment(at: time)
      try expect(
        segment.start <= time && (time < segment.end || segment.end == .max),
        "the stretch \(segment) does not hold \(time)")
      let first = zone.firstMoment(ofLocal: time)
      try expect(
        abs(first &- time) <= 4 * 93_600 || first == zone.segment(at: first).start,
        "\(time) is shown at \(first)")
    }
    guard let times = try? DueTimes(ScheduleSpec(cron: ["30 2 * * *", "0 * * * *"]), zone: zone) else {
      return
    }
    try ascending(times, moments[0], "in a zone")
  }

  // MARK: Names and numbers

  private static func version(_ script: inout ByteScript) throws(Finding) {
    let one = script.text(limit: 64)
    let other = String(decoding: script.rest(), as: UTF8.self)
    guard let first = SemanticVersion(one), let second = SemanticVersion(other) else { return }
    try expect(first.text == one, "version '\(one)' became '\(first.text)'")
    try expect(
      !(first < second && second < first), "versions '\(one)' and '\(other)' are each below the other")
    try expect(!(first < first), "version '\(one)' is below itself")
  }

  private static func token(_ script: inout ByteScript) throws(Finding) {
    let execution = max(script.number(), 1)
    let instance = script.text(limit: 64)
    let key = ActivityKey(instance: instance, execution: execution, action: max(script.number(), 1))
    let token = CompletionToken(key: key, token: max(script.number(), 1))
    if !instance.isEmpty {
      let back = CompletionToken(text: token.text)
      try expect(back == token, "the token '\(token.text)' is read as \(back.map { $0.text } ?? "none")")
    }
    let text = String(decoding: script.rest(), as: UTF8.self)
    if let read = CompletionToken(text: text) {
      let again = CompletionToken(text: read.text)
      try expect(again == read, "the token '\(text)' is written as '\(read.text)'")
    }
  }

  private static func trace(_ script: inout ByteScript) throws(Finding) {
    let instance = script.text()
    let text = String(decoding: script.rest(), as: UTF8.self)
    guard let trace = TraceContext(text: text) ?? TraceContext(parent: text) else { return }
    try expect(TraceContext(text: trace.text) == trace, "trace '\(text)' is written as '\(trace.text)'")
    let span = trace.span(of: instance, 1)
    try expect(TraceContext(text: span.text) == span, "the span '\(span.text)' is none")
  }

  private static func names(_ script: inout ByteScript) throws(Finding) {
    let moment = script.number()
    try expect(!Moment.text(moment).isEmpty, "\(moment) has no text")
    let name = String(decoding: script.rest(), as: UTF8.self)
    let schedule = Reserved.schedule(of: Reserved.instance(ofSchedule: name))
    try expect(
      schedule?.utf8.elementsEqual(name.utf8) == true,
      "the schedule '\(name)' is called '\(schedule ?? "")' by its instance")
    try expect(Reserved.isReserved(Reserved.instance(ofSchedule: name)), "'\(name)' is not reserved")
    let fitting = MetricText.name(name)
    try expect(fitting.utf8.allSatisfy { $0 < 0x80 }, "the metric '\(name)' is called '\(fitting)'")
    let labels = MetricText.labels(
      AttributesWire.encode([Attribute(key: name, value: name)]), isHistogram: true)
    try expect(labels.count == 1, "the attribute '\(name)' became \(labels.count) labels")
  }
}

extension Int64 {
  fileprivate func clamped(to range: ClosedRange<Int64>) -> Int64 {
    Swift.min(Swift.max(self, range.lowerBound), range.upperBound)
  }
}
