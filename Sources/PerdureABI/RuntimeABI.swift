public import CDX
import PerdureClient
import PerdureModel
import PerdureRuntime
import PerdureStore
import PerdureWire

final class RuntimeObject: Sendable {
  let runtime: Runtime
  private let store: StoreObject

  init(_ store: StoreObject, _ settings: RuntimeSettings) {
    self.store = store
    runtime = Runtime(hub: store.hub, settings: settings)
  }

  /// Keeps the store open until the runtime has ended, whoever holds the handle.
  func stop(graceMS: Int64, done: @escaping @Sendable () -> Void) throws(ABIError) {
    try mapped { () throws(RuntimeError) in
      try runtime.stop(graceMS: graceMS) { [store] in
        done()
        withExtendedLifetime(store) {}
      }
    }
  }
}

@c @implementation
public func dx_runtime_new(
  _ store: OpaquePointer?, _ options: UnsafePointer<dx_runtime_options>?,
  _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let out = try Out(out)
    let store = try Handles.stores.find(store)
    var settings = RuntimeSettings()
    if let options {
      let given = try PerdureABI.options(
        options, empty: dx_runtime_options(), size: Int(clamping: options.pointee.struct_size))
      let config = try given.config.bytes("config")
      if !config.isEmpty {
        settings = try decoded("config") { () throws(WireError) in try OptionsWire.decodeRuntime(config) }
      }
    }
    out.set(try Handles.runtimes.add(RuntimeObject(store, settings)))
  }
}

@c @implementation
public func dx_register_orchestration(
  _ runtime: OpaquePointer?, _ name: dx_text, _ version: dx_text, _ run: dx_turn_fn?,
  _ user_data: UnsafeMutableRawPointer?, _ release: dx_release_fn?
) -> OpaquePointer? {
  let user = UserData(user_data, release)
  return fallible { () throws(ABIError) in
    let runtime = try Handles.runtimes.find(runtime).runtime
    let name = try name.string("name")
    try mapped { () throws(ClientError) in
      try Check.name(name, "orchestration")
      try Check.unreserved(name, "orchestration name")
    }
    let text = try version.string("version")
    guard let version = text.isEmpty ? .first : SemanticVersion(text) else {
      throw ABIError(.invalidArgument, "version '\(text)' is not a semantic version such as 1.2.0")
    }
    try mapped { () throws(RuntimeError) in
      try runtime.registerOrchestration(name, version: version, function(run, user))
    }
  }
}

private func function(_ run: dx_turn_fn?, _ user: UserData) -> HostFunction<TurnTicket> {
  guard let run else { return .poll }
  let call = TurnCall(run: run)
  return .callback { ticket in
    guard let token: OpaquePointer = try? Handles.turns.add(TurnObject(ticket)) else {
      _ = ticket.fail(.tooManyTokens)
      return
    }
    call.run(token, user.pointer)
    withExtendedLifetime(user) {}
  }
}

extension Failure {
  /// The table of tokens is full: hosts have taken work and never answered.
  static let tooManyTokens = Failure(
    type: FailureType.limitExceeded, message: "16 million turns or activities are out at hosts")
}

private struct TurnCall: @unchecked Sendable {
  let run: dx_turn_fn
}

@c @implementation
public func dx_register_activity(
  _ runtime: OpaquePointer?, _ name: dx_text, _ run: dx_activity_fn?,
  _ user_data: UnsafeMutableRawPointer?, _ release: dx_release_fn?
) -> OpaquePointer? {
  let user = UserData(user_data, release)
  return fallible { () throws(ABIError) in
    let runtime = try Handles.runtimes.find(runtime).runtime
    let name = try name.string("name")
    let isAny = name == Reserved.anyActivity
    try mapped { () throws(ClientError) in
      try Check.name(name, "activity")
      if !isAny { try Check.unreserved(name, "activity name") }
    }
    try mapped { () throws(RuntimeError) in
      try runtime.registerActivity(isAny ? "" : name, function(run, user))
    }
  }
}

@c @implementation
public func dx_runtime_limit_activity(
  _ runtime: OpaquePointer?, _ name: dx_text, _ limits: dx_text
) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let runtime = try Handles.runtimes.find(runtime).runtime
    let name = try name.string("name")
    try mapped { () throws(ClientError) in try Check.name(name, "activity") }
    let json = try limits.bytes("limits")
    let limits = try decoded("limits") { () throws(WireError) in try OptionsWire.decodeActivityLimits(json) }
    try mapped { () throws(RuntimeError) in try runtime.limitActivity(name, limits) }
  }
}

private func function(_ run: dx_activity_fn?, _ user: UserData) -> HostFunction<ActivityTicket> {
  guard let run else { return .poll }
  let call = ActivityCall(run: run)
  return .callback { ticket in
    guard let token: OpaquePointer = try? Handles.activities.add(ActivityObject(ticket)) else {
      _ = ticket.end(
        .failed(.tooManyTokens))
      return
    }
    call.run(token, user.pointer)
    withExtendedLifetime(user) {}
  }
}

private struct ActivityCall: @unchecked Sendable {
  let run: dx_activity_fn
}

// MARK: - Life

@c @implementation
public func dx_runtime_start(_ runtime: OpaquePointer?) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let runtime = try Handles.runtimes.find(runtime).runtime
    try mapped { () throws(RuntimeError) in try runtime.start() }
  }
}

@c @implementation
public func dx_runtime_stop(
  _ runtime: OpaquePointer?, _ grace_ms: Int64, _ done: dx_stop_fn?, _ user_data: UnsafeMutableRawPointer?
) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let object = try Handles.runtimes.find(runtime)
    let call = StopCall(done: done, user: user_data)
    try object.stop(graceMS: max(0, grace_ms)) { call.done?(call.user) }
  }
}

private struct StopCall: @unchecked Sendable {
  let done: dx_stop_fn?
  let user: UnsafeMutableRawPointer?
}

@c @implementation
public func dx_runtime_free(_ runtime: OpaquePointer?) {
  guard let object = try? Handles.runtimes.remove(runtime) else { return }
  if object.runtime.isRunning { try? object.stop(graceMS: 0) {} }
}
