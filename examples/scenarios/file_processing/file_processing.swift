import Foundation
import Perdure
import Synchronization

/// Three steps that need the same machine: a session keeps them on one worker, with its local files.
///
/// Two worker processes share four files, two sessions each. One of them is killed while it processes: what
/// it had downloaded is gone with it. Its sessions pass to the other worker, whose step finds no file and
/// says so; the orchestration then begins the whole sequence anew, in a new session. A fifth file comes after
/// the kill.
///
/// Expect: all files uploaded; the steps of a sequence in one process; the files of the killed worker
/// downloaded again by the other, those of the other not.
enum FileProcessing: Scenario {
  static let files = ["anna.txt", "bela.txt", "cora.txt", "dora.txt"]
  static let late = "edda.txt"

  /// No other attempt on this worker can help.
  struct FileIsGone: RetryAdvice, CustomStringConvertible {
    var description: String
    var isNonRetryable: Bool { true }
  }

  // MARK: The steps

  /// The local disk of a worker: nobody else sees it, and it goes with the process.
  static let local = Mutex<[String: String]>([:])
  static let pid = Int(ProcessInfo.processInfo.processIdentifier)

  static func contents(_ name: String) throws -> String {
    guard let contents = local.withLock({ $0[name] }) else {
      throw FileIsGone(description: "\(name) is not on worker \(pid)")
    }
    return contents
  }

  static func note(_ step: String, _ name: String, _ context: ActivityContext) throws {
    try Journal.note(step, name, pid, context.session ?? "-")
  }

  static let retrying = ActivityOptions(retry: RetryPolicy(initialInterval: .milliseconds(20)))

  static let download = ActivityDefinition("download") { (context, name: String) in
    local.withLock { $0[name] = "contents of \(name)" }
    try note("download", name, context)
  }

  static let process = ActivityDefinition("process", options: retrying) { (context, name: String) in
    let text = try contents(name)
    try note("process", name, context)
    try await Task.sleep(for: .milliseconds(500))  // Hard work.
    local.withLock { $0[name] = text.uppercased() }
  }

  static let upload = ActivityDefinition("upload", options: retrying) { (context, name: String) -> String in
    let text = try contents(name)
    try note("upload", name, context)
    local.withLock { $0[name] = nil }
    return text
  }

  // MARK: The sequence

  static let processFile = OrchestrationDefinition("processFile") { (context, name: String) -> String in
    for sequence in 1...3 {
      // Where the session goes the steps go; their other options are their own.
      var (once, again) = (download.options, retrying)
      once.session = "\(name)#\(sequence)"
      again.session = once.session
      do {
        try await context.call(download, with: name, options: once)
        try await context.call(process, with: name, options: again)
        return try await context.call(upload, with: name, options: again)
      } catch let error as ActivityFailure where error.failure.type == "FileIsGone" {
        try context.setCustomStatus(error.failure.message)
      }
    }
    throw FileIsGone(description: "three workers were lost with \(name)")
  }

  static let definitions: [any Definition] = [processFile, download, process, upload]

  static var options: RuntimeOptions {
    var options = RuntimeOptions()
    options.sessions = 2
    options.sessionIdle = .seconds(1)
    return options
  }

  static func story(_ scene: Scene) async throws {
    let (first, second) = (try await scene.worker(), try await scene.worker())
    for name in files { try await scene.client.start(processFile, input: name, instance: name) }
    let began = try await Journal.wait("process", count: files.count)
    for worker in [first, second] {
      let held = began.filter { $0[2] == "\(worker.pid)" }
      try expect(held.count, is: 2, "two sessions are its share: worker \(worker.pid) has \(held), which")
    }
    try await first.kill()
    let lost = began.filter { $0[2] == "\(first.pid)" }.map { $0[1] }
    say("worker \(first.pid) is killed with \(lost.joined(separator: " and "))")
    try await scene.client.start(processFile, input: late, instance: late)

    for name in files + [late] {
      try expect(try await scene.result(of: name), is: "CONTENTS OF \(name.uppercased())")
    }
    for name in files + [late] {
      let steps = try Journal.notes().filter { $0[1] == name }.map { "\($0[0]) \($0[2]) \($0[3])" }
      let cut = ["download", "process"].map { "\($0) \(first.pid) \(name)#1" }
      let sequence = lost.contains(name) ? 2 : 1
      let whole = ["download", "process", "upload"].map { "\($0) \(second.pid) \(name)#\(sequence)" }
      try expect(steps, is: lost.contains(name) ? cut + whole : whole, "the steps of \(name)")
      if lost.contains(name) {
        let status = try await scene.client.describe(name).customStatus(as: String.self)
        try expect(status, is: "\(name) is not on worker \(second.pid)")
        say("\(status ?? "-"): downloaded again")
      }
    }
  }
}
