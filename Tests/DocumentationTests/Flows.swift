import Perdure

let account = OrchestrationDefinition("account") { (context) -> Int in
  try context.onCall("deposit") { (amount: Int) in
    if amount <= 0 { throw Failure(type: "NotPositive", message: "deposit more than nothing") }
  } handler: { (amount: Int) in
    try context.kv.set("balance", try context.kv.get("balance", default: 0) + amount)
    return try context.kv.get("balance", default: 0)
  }
  try context.onQuery("balance") { try context.kv.get("balance", default: 0) }
  try await context.waitForEvent("close")
  return try context.kv.get("balance", default: 0)
}

let askPrice = ActivitySignature<String, Int>("askPrice")

let quotes = OrchestrationDefinition("quotes") { (context, shops: [String]) -> Int in
  try await withThrowingTaskGroup(of: Int.self) { group in
    for shop in shops {
      group.addTask { try await context.call(askPrice, with: shop) }
    }
    var best = Int.max
    for _ in 0..<2 {
      if let price = try await group.next() { best = min(best, price) }
    }
    group.cancelAll()
    return best
  }
}

let secondLetter = ActivitySignature<String, Nothing>("secondLetter")

let letters = OrchestrationDefinition("letters") { (context, order: String) in
  if try context.patched("two letters") { try await context.call(secondLetter, with: order) }
}

actor Transcoder {
  private(set) var frames: [Int] = []

  func convert(_ file: String, _ frame: Int) throws {
    frames.append(frame)
    if frames.count == 40 { throw Failure(type: "PowerCut", message: "in the middle of \(file)") }
  }
}

let transcoder = Transcoder()

let transcode = ActivityDefinition("transcode") { (context, file: String) -> Int in
  let first = try context.lastHeartbeat(as: Int.self) ?? 0
  for frame in first..<100 {
    try Task.checkCancellation()
    try await transcoder.convert(file, frame)
    try context.heartbeat(frame + 1)
  }
  return first
}

let film = OrchestrationDefinition("film") { (context, file: String) -> Int in
  try await context.call(
    transcode, with: file, options: ActivityOptions(retry: RetryPolicy(), heartbeat: .seconds(10)))
}

/// Charges each month, and reminds who does not pay.
let subscription = OrchestrationDefinition("subscription") { (context, customer: String) -> Int in
  for _ in 0..<12 {
    do {
      try await context.activity("charge", with: customer)
    } catch is ActivityFailure {
      try await context.activity("remind", with: customer)
      try await context.sleep(for: .seconds(3 * 86_400))
      try await context.activity("charge", with: customer)
    }
    try await context.sleep(for: .seconds(30 * 86_400))
  }
  return 12
}

let shop = OrchestrationDefinition("shop") { (context, price: Int) -> String in
  try await context.call(PaymentActivities.charge, with: Order(price: price, items: []))
}
