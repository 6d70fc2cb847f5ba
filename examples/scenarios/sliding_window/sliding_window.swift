import Perdure

/// A batch of records, a few of them at a time: as soon as one is done, the next begins.
///
/// Each record is an orchestration of its own that reports to a queue of the batch. The batch continues as
/// new after every ten starts, while records are being processed: the reports that have come, and those that
/// come later, reach its next execution. The worker is restarted in the middle.
///
/// Expect: every record once, never more than the window at a time, a history that does not grow with the
/// batch.
enum SlidingWindow: Scenario {
  static let records = 60
  static let window = 5
  static let startsPerExecution = 10

  struct Batch: Codable {
    var records: Int
    var window: Int
    var started = 0
    var done = 0
    var total = 0
  }

  struct Record: Codable {
    var number: Int
    var batch: String
  }

  static let process = ActivityDefinition("process") { (_, number: Int) -> Int in
    try Journal.note("begins", number)
    try await Task.sleep(for: .milliseconds(10))
    try Journal.note("ends", number)
    return number * number
  }

  static let record = OrchestrationDefinition("record") { (context, record: Record) in
    let value = try await context.call(process, with: record.number)
    try await context.enqueue("reports", to: record.batch, data: value)
  }

  static let batch = OrchestrationDefinition("batch") { (context, begun: Batch) -> Int in
    var state = begun
    var starts = 0
    while state.done < state.records {
      while state.started < min(state.records, state.done + state.window) {
        if starts == startsPerExecution { try context.continueAsNew(state) }
        // Detached: it goes on when this execution ends.
        try context.startDetached(
          record, with: Record(number: state.started, batch: context.instance),
          instance: "\(context.instance)/\(state.started)")
        state.started += 1
        starts += 1
      }
      state.total += try await context.dequeue("reports", as: Int.self)
      state.done += 1
    }
    return state.total
  }

  static let definitions: [any Definition] = [batch, record, process]

  static func story(_ scene: Scene) async throws {
    try await scene.client.start(batch, input: Batch(records: records, window: window), instance: "batch")
    try await scene.run { _ = try await Journal.wait("ends", count: records / 3) }
    say("the worker is restarted after \(try Journal.notes("ends").count) records")
    let total = try await scene.run { try await scene.result(of: "batch", as: Int.self) }

    try expect(total, is: (0..<records).map { $0 * $0 }.reduce(0, +), "the total")
    let ended = try Journal.notes("ends").compactMap { Int($0[1]) }.sorted()
    try expect(ended, is: Array(0..<records), "the records")
    var (running, most) = (0, 0)
    for line in try Journal.notes() {
      running += line[0] == "begins" ? 1 : -1
      most = max(most, running)
    }
    try expect(most, is: window, "the number of records at a time")

    let executions = try await scene.client.describe("batch").execution
    try expect(executions, is: Int64(records / startsPerExecution), "the last execution")
    var sizes: [Int] = []
    for execution in 1...executions {
      sizes.append(try await scene.events("batch", execution: execution).count)
    }
    // A start is one event; a report that is waited for and comes is two, and some come from the last one.
    let bound = startsPerExecution + 2 * (startsPerExecution + window) + window
    try expect((sizes.max() ?? 0) <= bound, "the histories have \(sizes) events")
    say("\(records) records, at most \(most) at a time, \(executions) executions with \(sizes) events")
  }
}
