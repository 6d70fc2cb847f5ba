// The parcels, in Swift: an orchestration, which the order in Python calls as its child, and its activity.
//
//     .build/debug/example-mixed sqlite:orders.sqlite
//
// Serves until it is killed.
import Glibc
import Perdure
import PerdureABI

let pack = ActivityDefinition(
  "pack", options: ActivityOptions(retry: RetryPolicy(initialInterval: .milliseconds(10)))
) { (context, item: String) in
  try await Task.sleep(for: .milliseconds(20))
  return "parcel \(context.idempotencyKey): \(item)"
}

let ship = OrchestrationDefinition("ship") { (context, items: [String]) in
  let parcels = try await context.all(items) { try await context.call(pack, with: $0) }
  try await context.sleep(for: .milliseconds(50))
  return parcels
}

@main struct Ship {
  static func main() async throws {
    guard CommandLine.arguments.count == 2 else { return print("give it the URL of a store") }
    let runtime = try Runtime(try await Store(url: CommandLine.arguments[1]))
    try runtime.register(pack)
    try runtime.register(ship)
    try await runtime.start()
    print("swift serves")
    fflush(nil)
    while true { try await Task.sleep(for: .seconds(3_600)) }
  }
}
