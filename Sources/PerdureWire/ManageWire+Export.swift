package import PerdureModel

extension ManageWire {
  static func export(
    _ members: inout ManageMembers, _ reader: JSONReader
  ) throws(JSONFault) -> ManageOperation {
    let instance = try reader.string(try members.take("instance", reader), members.object, "instance")
    return .export(instance, children: try reader.optionalBool(try members.take("children", reader)) ?? true)
  }

  static func importInstances(
    _ members: inout ManageMembers, _ reader: JSONReader
  ) throws(JSONFault) -> ManageOperation {
    let slice = try members.take("text", reader)
    let text = Array(try reader.string(slice, members.object, "text").utf8)
    let isSuspended = try reader.optionalBool(try members.take("suspended", reader)) ?? true
    let read: Result<[InstanceExport], WireError> = text.withUnsafeBytes { bytes in
      do throws(WireError) { return .success(try ExportWire.decode(bytes)) } catch { return .failure(error) }
    }
    switch read {
    case .success(let instances): return .importInstances(instances, isSuspended: isSuspended)
    case .failure(let error):
      let message = error.message.hasSuffix(".") ? String(error.message.dropLast()) : error.message
      throw JSONFault(slice.start, "cannot be imported: \(message)")
    }
  }

  /// {"imported": [ID...]}
  package static func encodeImported(_ instances: [InstanceID]) -> [UInt8] {
    var writer = JSONWriter(capacity: 128)
    writer.beginObject()
    writer.member("imported", instances)
    writer.endObject()
    return writer.finish()
  }
}
