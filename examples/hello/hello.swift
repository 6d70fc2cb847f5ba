// The smallest program: one orchestration, one activity, a store in memory.
import Perdure
import PerdureABI

let makeGreeting = ActivityDefinition("makeGreeting") { (_, name: String) in "Hello, \(name)!" }

let greet = OrchestrationDefinition("greet") { (context, names: [String]) in
  // All at once; each is recorded, so that a program that is killed goes on with those that are missing.
  try await withThrowingTaskGroup(of: String.self) { group in
    for name in names { group.addTask { try await context.call(makeGreeting, with: name) } }
    return try await group.reduce(into: [String]()) { $0.append($1) }.sorted()
  }
}

@main struct Hello {
  static func main() async throws {
    let store = try await Store(url: "memory:")
    let runtime = try Runtime(store)
    try runtime.register(makeGreeting)
    try runtime.register(greet)
    try await runtime.start()

    let client = try Client(store)
    let greetings = try await client.start(greet, input: ["Ada", "Grace", "Edsger"])
    for line in try await greetings.result(timeout: .seconds(10)) { print(line) }
    try await runtime.stop()
  }
}
