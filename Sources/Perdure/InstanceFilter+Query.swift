import PerdureModel

extension InstanceFilter {
  var query: ListQuery {
    ListQuery(
      orchestration: orchestration,
      status: status.flatMap { PerdureModel.InstanceStatus(rawValue: $0.rawValue) },
      instancePrefix: instancePrefix, parent: parent, limit: limit)
  }
}
