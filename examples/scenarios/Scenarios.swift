import Foundation
import Perdure
// The engine in this process.
import PerdureABI

/// The command line of all scenarios:
///
///     scenarios NAME [STORE-PATH]
///
/// plays one and ends with `ok NAME`, or with the expectation that did not hold and status 1. With the path
/// of a file that is not there yet, the store is kept in it.
@main struct Scenarios {
  static var all: [String: any Scenario.Type] {
    [
      "account": Account.self, "approval_timeout": ApprovalTimeout.self, "chat_agent": ChatAgent.self,
      "dsl": Interpreter.self, "early_return": EarlyReturn.self, "expense_approval": ExpenseApproval.self,
      "file_processing": FileProcessing.self, "greetings": Greetings.self,
      "money_transfer": MoneyTransfer.self,
      "mutex": PrinterLock.self, "order_items": OrderItems.self, "polling": Polling.self,
      "provisioning": Provisioning.self, "sliding_window": SlidingWindow.self,
      "subscription": Subscribing.self, "updatable_timer": UpdatableTimer.self, "versioning": Versioning.self,
    ]
  }

  static func main() async {
    var arguments = Array(CommandLine.arguments.dropFirst())
    let isWorker = arguments.last == "--worker"
    if isWorker { arguments.removeLast() }
    guard let name = arguments.first, arguments.count <= 2, let scenario = all[name] else {
      print("usage: scenarios NAME [STORE-PATH]\nNAME is one of: \(all.keys.sorted().joined(separator: " "))")
      exit(2)
    }
    do {
      if isWorker, arguments.count == 2 {
        try await work(scenario, path: arguments[1])
      } else {
        try await play(scenario, name, path: arguments.count == 2 ? arguments[1] : nil)
        say("ok \(name)")
      }
    } catch {
      say("FAIL \(name): \(error)")
      exit(1)
    }
  }

  private static func play(_ scenario: any Scenario.Type, _ name: String, path: String?) async throws {
    let files = FileManager.default
    let folder = files.temporaryDirectory.appending(path: "scenario-\(UUID().uuidString)")
    try files.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? files.removeItem(at: folder) }
    let path = path ?? folder.appending(path: "\(name).sqlite").path
    try Journal.open(beside: path)
    try expect(
      !files.fileExists(atPath: path) && Journal.notes().isEmpty, "there is something at \(path) already")
    let scene = try await Scene(scenario, name, path: path)
    do {
      try await scenario.story(scene)
    } catch {
      await scene.end()
      throw error
    }
    await scene.end()
  }

  /// The life of a worker process: until its standard input ends.
  private static func work(_ scenario: any Scenario.Type, path: String) async throws {
    try Journal.open(beside: path)
    let runtime = try Runtime(try await Store(url: "sqlite:\(path)"), scenario.options)
    try runtime.register(scenario.definitions)
    try await runtime.start()
    try Journal.note("worker", ProcessInfo.processInfo.processIdentifier)
    await withCheckedContinuation { ended in
      // A thread of its own: those of the tasks are few, and not for waiting.
      Thread.detachNewThread {
        while readLine() != nil {}
        ended.resume()
      }
    }
    try await runtime.stop()
  }
}

/// A small program in which durable execution earns its keep, and which proves that it does.
protocol Scenario {
  /// What its runtimes serve.
  static var definitions: [any Definition] { get }
  static var options: RuntimeOptions { get }
  static func story(_ scene: Scene) async throws
}

extension Scenario {
  static var options: RuntimeOptions { RuntimeOptions() }
}

func say(_ words: String) {
  print(words)
  fflush(nil)
}
