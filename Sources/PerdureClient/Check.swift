package import PerdureModel

/// Limits of what comes in from outside.
package enum Check {
  package static func name(
    _ name: String, _ what: String, limit: Int = Limits.nameBytes
  ) throws(ClientError) {
    let size = name.utf8.count
    guard size > 0 else { throw .invalidArgument("the \(what) name is empty") }
    guard size <= limit else {
      throw .limitExceeded("the \(what) name has \(size) bytes; the limit is \(limit)")
    }
  }

  package static func instance(_ instance: InstanceID) throws(ClientError) {
    let size = instance.utf8.count
    guard size > 0 else { throw .invalidArgument("the instance id is empty") }
    guard size <= Limits.instanceIDBytes else {
      throw .limitExceeded("the instance id has \(size) bytes; the limit is \(Limits.instanceIDBytes)")
    }
  }

  package static func payload(
    _ payload: Payload, _ what: String, limit: Int = Limits.payloadBytes
  ) throws(ClientError) {
    guard payload.bytes.count <= limit else {
      throw .limitExceeded("\(what) has \(payload.bytes.count) bytes; the limit is \(limit)")
    }
  }

  package static func requester(_ requester: Requester) throws(ClientError) {
    try reason(requester.reason)
    let size = requester.actor.utf8.count
    guard size <= Limits.actorBytes else {
      throw .limitExceeded("the actor has \(size) bytes; the limit is \(Limits.actorBytes)")
    }
  }

  package static func reason(_ reason: String) throws(ClientError) {
    guard reason.utf8.count <= Limits.reasonBytes else {
      throw .limitExceeded("the reason has \(reason.utf8.count) bytes; the limit is \(Limits.reasonBytes)")
    }
  }
}
