/// A living runtime, and what it serves.
public struct Node: Hashable, Sendable, Decodable {
  /// An orchestration that it runs.
  public struct Served: Hashable, Sendable, Decodable {
    /// Of the orchestration.
    public let name: String
    /// That are registered.
    public let versions: [String]?
  }

  /// Its number in the store.
  public let id: Int64
  /// Its process and the name of its machine, if the store tells.
  public let pid: Int64?
  /// The name of its machine.
  public let host: String?
  /// Instances that it keeps in memory, and activities that it runs.
  public let ownedInstances: Int
  /// Attempts that run on it.
  public let heldActivities: Int
  /// What it serves.
  public let orchestrations: [Served]
  /// The names of activities that it runs.
  public let activities: [String]
  /// Tags of activities that it takes; nil: all.
  public let tags: [String]?
  /// It takes activities without a tag.
  public let untagged: Bool
}

extension Management {
  /// The living runtimes of all processes, in the order in which they began.
  public func nodes() async throws -> [Node] {
    try await ask("nodes", returning: Answer.self).nodes
  }

  private struct Answer: Decodable { let nodes: [Node] }
}
