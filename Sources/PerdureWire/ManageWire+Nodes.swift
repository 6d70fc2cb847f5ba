package import PerdureModel

extension ManageWire {
  /// {"nodes": [node-service...]}
  package static func encodeNodes(_ services: [NodeService]) -> [UInt8] {
    var writer = JSONWriter(capacity: 512)
    writer.beginObject()
    writer.key("nodes")
    writer.list(services) { service, writer in writer.raw(StoreWire.encode(service)) }
    writer.endObject()
    return writer.finish()
  }
}
