package import PerdureModel
import PerdureRuntime
import PerdureStore

/// The executions of an instance, and its relatives.
extension Client {
  package func executions(_ query: ExecutionsQuery) throws(ClientError) -> [ExecutionSummary] {
    try Check.instance(query.instance)
    guard let summaries = try read({ () throws(StoreError) in try hub.store.executions(query) }) else {
      throw Self.notFound(query.instance)
    }
    return summaries
  }

  /// Generation by generation, until there are as many as were asked for.
  package func tree(_ query: TreeQuery) throws(ClientError) -> InstanceTree {
    var tree = InstanceTree(
      nodes: [InstanceTree.Node(try describe(query.instance))], isTruncated: false)
    var generation = [0]
    for depth in 0...max(0, query.depth) {
      var next: [Int] = []
      for parent in generation {
        let isLast = depth == query.depth
        var page = ListQuery(parent: tree.nodes[parent].description.instance)
        repeat {
          let room = isLast ? 0 : query.limit - tree.nodes.count
          page.limit = max(1, min(room, Limits.pageRows))
          let found = try list(page)
          for child in found.instances {
            guard tree.nodes.count < query.limit, !isLast else {
              tree.isTruncated = true
              break
            }
            tree.nodes[parent].children.append(tree.nodes.count)
            next.append(tree.nodes.count)
            tree.nodes.append(InstanceTree.Node(child))
          }
          page.cursor = found.next ?? 0
        } while page.cursor != 0 && !tree.isTruncated
        if tree.isTruncated { return tree }
      }
      if next.isEmpty { break }
      generation = next
    }
    return tree
  }

  /// From the parent to the root; none of an instance that nobody called. A parent that was deleted ends it.
  package func ancestors(of instance: InstanceID) throws(ClientError) -> [InstanceDescription] {
    var ancestors: [InstanceDescription] = []
    var parent = try describe(instance).parent?.instance
    while let id = parent, ancestors.count < TreeQuery.limitMax {
      guard let found = try read({ () throws(StoreError) in try hub.store.describe(id) }) else { break }
      ancestors.append(found)
      parent = found.parent?.instance
    }
    return ancestors
  }
}
