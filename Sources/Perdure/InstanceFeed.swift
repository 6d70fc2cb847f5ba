/// All instances that match a filter, page after page as they are asked for. Made by `Client.instances`.
public struct InstanceFeed: AsyncSequence, Sendable {
  let client: Client
  let filter: InstanceFilter

  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(client: client, filter: filter) }

  /// Where a walk over them is.
  public struct AsyncIterator: AsyncIteratorProtocol {
    private let client: Client
    private let filter: InstanceFilter
    private var page: InstancePage?
    private var rest: ArraySlice<InstanceDescription> = []

    init(client: Client, filter: InstanceFilter) {
      self.client = client
      self.filter = filter
    }

    /// nil after the last one.
    ///
    /// - Throws: `DXError`, `CancellationError` when the task is cancelled.
    public mutating func next() async throws -> InstanceDescription? {
      while rest.isEmpty {
        if let page, !page.hasMore { return nil }
        let next = try await client.list(filter, after: page)
        page = next
        rest = next.instances[...]
      }
      return rest.popFirst()
    }
  }
}

extension Client {
  /// All instances that match, one after the other; `InstanceFilter.limit` says how many are read at a time.
  ///
  ///     for try await order in client.instances(InstanceFilter(orchestration: "order")) { ... }
  public func instances(_ filter: InstanceFilter = InstanceFilter()) -> InstanceFeed {
    InstanceFeed(client: self, filter: filter)
  }
}
