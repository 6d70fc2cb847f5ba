package import PerdureModel

extension MemoryState {
  package func list(_ query: ListQuery) -> ListPage {
    let limit = min(max(query.limit, 1), Limits.pageRows)
    var rows: [InstanceDescription] = []
    let isNewest = query.order == .newest
    var last = isNewest && query.cursor <= 0 ? Int64.max : query.cursor
    let candidates = candidates(query)
    while let order = isNewest ? candidates.last(before: last) : candidates.first(after: last) {
      guard let record = records[order], record.matches(query) else {
        last = order
        continue
      }
      // One more row exists, so that a next page is not empty unless rows go in between.
      if rows.count == limit { return ListPage(instances: rows, next: last) }
      rows.append(record.description)
      last = order
    }
    return ListPage(instances: rows, next: nil)
  }

  /// All that match are among them.
  private func candidates(_ query: ListQuery) -> SortedSet<Int64> {
    if let parent = query.parent { return children[ExactText(parent)] ?? SortedSet() }
    let labels = query.attributes.map { labelled[$0] ?? SortedSet() }
    return labels.min { $0.count < $1.count } ?? created
  }
}

extension InstanceRecord {
  fileprivate func matches(_ query: ListQuery) -> Bool {
    let row = description
    if let name = query.orchestration, ExactText(name) != ExactText(row.orchestration) { return false }
    if let version = query.version, row.version.map(ExactText.init) != ExactText(version) { return false }
    if !query.statuses.isEmpty, !query.statuses.contains(row.status) { return false }
    if !query.created.contains(row.createdAt) || !query.updated.contains(row.updatedAt) { return false }
    if query.ended.isBounded, row.endedAt.map(query.ended.contains) != true { return false }
    if query.rootsOnly, row.parent != nil { return false }
    if let prefix = query.instancePrefix, !row.instance.utf8.starts(with: prefix.utf8) { return false }
    if query.attributes.isEmpty { return true }
    let labels = Set(self.labels)
    return query.attributes.allSatisfy(labels.contains)
  }
}
