import Perdure

let greet = ActivityDefinition("greet") { (_, name: String) in "Hello, \(name)!" }

let hello = OrchestrationDefinition("hello") { (context, name: String) in
  try await context.call(greet, with: name)
}

@main struct Greetings {
  static func main() async throws {
    let store = try await Store(url: "sqlite:hello.sqlite")
    try await withRuntime(on: store, serving: [hello, greet]) { _ in
      let instance = try await Client(store).start(hello, input: "Ada")
      print(try await instance.result(timeout: .seconds(30)))
    }
  }
}
