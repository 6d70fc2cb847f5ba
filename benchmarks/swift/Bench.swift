// What the Swift SDK costs on top of the engine. Same workloads and names as benchmarks/c/bench.c.
//
//     bench-swift [STORE-URL [quick]]
//
// Prints lines of `WORKLOAD NAME swift VALUE UNIT`; without a store, one in a temporary folder. With
// benchmarks/c/sync_counter.c preloaded it counts syncs too.
import Glibc
import Perdure
import PerdureABI

let one = ActivityDefinition("one") { (_, number: Int) in number }

let hello = OrchestrationDefinition("hello") { (context, number: Int) in
  try await context.call(one, with: number)
}

let chain = OrchestrationDefinition("chain") { (context, length: Int) in
  for step in 0..<length { try await context.call(one, with: step) }
  return length
}

let fan = OrchestrationDefinition("fan") { (context, width: Int) in
  try await withThrowingTaskGroup(of: Int.self) { group in
    for number in 0..<width { group.addTask { try await context.call(one, with: number) } }
    return try await group.reduce(0) { sum, _ in sum + 1 }
  }
}

let park = OrchestrationDefinition("park") { (context, _: Int) in
  try await context.waitForEvent("never", as: Int.self)
}

@main struct Bench {
  let client: Client
  let isQuick: Bool

  static func main() async throws {
    let arguments = CommandLine.arguments.dropFirst()
    let url = arguments.first ?? temporaryStore()
    let store = try await Store(url: url)
    let runtime = try Runtime(store)
    try runtime.register(one)
    try runtime.register(hello)
    try runtime.register(chain)
    try runtime.register(fan)
    try runtime.register(park)
    try await runtime.start()
    let bench = Bench(client: try Client(store), isQuick: arguments.contains("quick"))
    // Away from the main thread, whose executor wakes up slowly.
    try await Task.detached { try await bench.run() }.value
    try await runtime.stop(grace: .zero)
  }

  func run() async throws {
    Report.line("W8", "rss-at-start", Usage.residentMebibytes, "MiB")
    try await alone(isQuick ? 20 : 200)
    try await manyAtOnce(isQuick ? 200 : 2_000)
    if !isQuick { try await manyAtOnce(10_000) }
    for length in isQuick ? [10, 100] : [10, 100, 1_000, 5_000] { try await chainOf(length) }
    try await fanOf(isQuick ? 100 : 1_000)
    try await parked(isQuick ? 100 : 2_000, seconds: isQuick ? 1 : 10)
  }

  /// W1: many at once, each with one activity.
  func manyAtOnce(_ count: Int) async throws {
    let begin = Usage.now
    let handles = try await client.startMany(hello, inputs("w1-\(count)", count))
    try await withThrowingTaskGroup(of: Void.self) { group in
      for handle in handles { group.addTask { _ = try await handle.get().result() } }
      try await group.waitForAll()
    }
    let end = Usage.now
    Report.line("W1", "\(count)-at-once", Double(count) / (end.wall - begin.wall), "orchestrations/s")
    Report.line(
      "W1", "\(count)-at-once-cpu", (end.processor - begin.processor) / Double(count) * 1e6,
      "us/orchestration")
    if let syncs = end.syncs(since: begin) {
      Report.line("W1", "\(count)-at-once-syncs", Double(syncs) / Double(count), "syncs/orchestration")
    }
  }

  /// W1 alone: from the call that starts it to its result.
  func alone(_ count: Int) async throws {
    var latencies: [Double] = []
    let begin = Usage.now
    for number in 0..<count {
      let start = Usage.seconds
      _ = try await client.start(hello, input: number, instance: "alone-\(number)").result()
      latencies.append((Usage.seconds - start) * 1e3)
    }
    let syncs = Usage.now.syncs(since: begin)
    latencies.sort()
    Report.line("W1", "alone-p50", latencies[count / 2], "ms")
    Report.line("W1", "alone-p99", latencies[count * 99 / 100], "ms")
    if let syncs { Report.line("W1", "alone-syncs", Double(syncs) / Double(count), "syncs/orchestration") }
  }

  /// W3: one activity after the other; the time of a step must not grow with the length.
  func chainOf(_ length: Int) async throws {
    let begin = Usage.seconds
    _ = try await client.start(chain, input: length, instance: "chain-\(length)").result()
    Report.line("W3", "chain-\(length)", (Usage.seconds - begin) / Double(length) * 1e3, "ms/step")
  }

  /// W4: all activities at once, then the join.
  func fanOf(_ width: Int) async throws {
    let begin = Usage.seconds
    _ = try await client.start(fan, input: width, instance: "fan-\(width)").result()
    Report.line("W4", "fan-\(width)", (Usage.seconds - begin) * 1e3, "ms")
  }

  /// W8: instances that wait for an event cost nothing while they do.
  func parked(_ count: Int, seconds: Int) async throws {
    for handle in try await client.startMany(park, inputs("park", count)) { _ = try handle.get() }
    let pending = InstanceFilter(orchestration: "park", status: .pending)
    while try await !client.list(pending).instances.isEmpty { try await Task.sleep(for: .milliseconds(50)) }
    // At rest: what the load left over of memory has gone back to the system, as each ten seconds.
    try await Task.sleep(for: .seconds(seconds + 1))
    let begin = Usage.now
    try await Task.sleep(for: .seconds(seconds))
    let end = Usage.now
    let share = (end.processor - begin.processor) / (end.wall - begin.wall)
    Report.line("W8", "\(count)-parked-cpu", share * 60, "s/min")
    Report.line("W8", "\(count)-parked-rss", Usage.residentMebibytes, "MiB")
  }

  private func inputs(_ prefix: String, _ count: Int) -> [(instance: String?, input: Int)] {
    (0..<count).map { ("\(prefix)-\($0)", 1) }
  }

  private static func temporaryStore() -> String {
    var template = Array(("/tmp/perdure-bench-" + String(repeating: "X", count: 6)).utf8CString)
    guard let folder = mkdtemp(&template) else { return "memory:" }
    return "sqlite:\(String(cString: folder))/bench.sqlite"
  }
}

enum Report {
  static func line(_ workload: String, _ name: String, _ value: Double, _ unit: String) {
    let thousandths = (value * 1_000).rounded()
    print("\(workload) \(name) swift \(thousandths / 1_000) \(unit)")
    fflush(nil)
  }
}

/// What the process has used so far.
struct Usage {
  var wall: Double
  var processor: Double
  private var syncs: UInt?

  static var now: Usage {
    var spent = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &spent)
    let processor = [spent.ru_utime, spent.ru_stime].map { Double($0.tv_sec) + Double($0.tv_usec) / 1e6 }
    return Usage(wall: seconds, processor: processor[0] + processor[1], syncs: syncCount?())
  }

  static var seconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  static var residentMebibytes: Double {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 128)
    guard fgets(&line, Int32(line.count), file) != nil else { return 0 }
    let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let pages = text.split(separator: " ").dropFirst().first.flatMap { Double($0) } ?? 0
    return pages * Double(sysconf(Int32(_SC_PAGESIZE))) / (1024 * 1024)
  }

  func syncs(since begin: Usage) -> UInt? {
    guard let syncs, let before = begin.syncs else { return nil }
    return syncs - before
  }

  private static let syncCount: (@convention(c) () -> UInt)? = {
    guard let symbol = dlsym(nil, "sync_count") else { return nil }
    return unsafeBitCast(symbol, to: (@convention(c) () -> UInt).self)
  }()
}
