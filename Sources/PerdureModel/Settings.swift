/// How a runtime works: "Runtime options" of docs/wire-format.md, with their ranges.
package struct RuntimeSettings: Hashable, Sendable {
  package static let activitySlotsRange = 1...10_000
  package static let turnThreadsRange = 1...64
  package static let cachedInstancesRange = 0...1_000_000

  /// Activities at once.
  package var activitySlots = 16
  /// Threads for turn callbacks.
  package var turnThreads = 2
  /// Instances stay in memory between turns; without it every turn replays its history.
  package var isCaching = true
  /// How many of them.
  package var cachedInstances = 10_000

  package init() {}
}

/// How a store works: the config of `dx_store_open`.
package struct StoreSettings: Hashable, Sendable {
  package static let busyTimeoutRange = 0...600_000

  /// How long a call waits for another process's write lock, in milliseconds.
  package var busyTimeoutMS = 5_000

  package init() {}
}
