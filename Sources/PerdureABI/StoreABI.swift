public import CDX
import PerdureModel
import PerdureRuntime
import PerdureStore
import PerdureStoreMemory
import PerdureStorePostgres
import PerdureStoreSQLite
import PerdureWire

/// An open store, shared by its handle and by the clients and runtimes on it. It closes with the last of
/// them.
final class StoreObject: Sendable {
  let hub: Hub

  init(hub: Hub) { self.hub = hub }

  deinit { hub.close() }
}

@c @implementation
public func dx_store_open(
  _ options: UnsafePointer<dx_store_options>?, _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> OpaquePointer? {
  fallible { () throws(ABIError) in try open(options, nil, out) }
}

@c @implementation
public func dx_store_open_with_password(
  _ options: UnsafePointer<dx_store_options>?, _ password: dx_password_fn?,
  _ user_data: UnsafeMutableRawPointer?, _ release: dx_release_fn?,
  _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> OpaquePointer? {
  let user = UserData(user_data, release)
  return fallible { () throws(ABIError) in
    guard let password else { throw ABIError(.invalidArgument, "password is NULL") }
    try open(options, HostPasswords(password, user), out)
  }
}

private func open(
  _ options: UnsafePointer<dx_store_options>?, _ passwords: HostPasswords?,
  _ out: UnsafeMutablePointer<OpaquePointer?>?
) throws(ABIError) {
  let out = try Out(out)
  guard let options else { throw ABIError(.invalidArgument, "options is NULL") }
  let given = try PerdureABI.options(
    options, empty: dx_store_options(), size: Int(clamping: options.pointee.struct_size))
  let url = try given.url.string("url")
  let config = try given.config.bytes("config")
  let settings = try decoded("config") { () throws(WireError) in
    config.isEmpty ? StoreSettings() : try OptionsWire.decodeStore(config)
  }
  let store = try open(url, settings, passwords)
  let hub = try mapped { () throws(StoreError) in
    try Hub(
      store: store, limits: settings.limits, clock: settings.clock, logs: LogSink.takes,
      log: LogSink.write)
  }
  out.set(try Handles.stores.add(StoreObject(hub: hub)))
}

private func open(
  _ url: String, _ settings: StoreSettings, _ passwords: HostPasswords?
) throws(ABIError) -> any Store {
  guard let colon = url.utf8.firstIndex(of: UInt8(ascii: ":")) else {
    throw ABIError(.invalidArgument, "url '\(url)' has no scheme; use memory:, sqlite:PATH or postgresql://…")
  }
  guard passwords == nil || url.utf8.starts(with: "postgres".utf8) else {
    throw ABIError(.unsupported, "only stores with a postgresql: URL have passwords")
  }
  let rest = String(url[url.utf8.index(after: colon)...])
  switch url[..<colon] {
  case "memory":
    guard rest.isEmpty else { throw ABIError(.invalidArgument, "url '\(url)': memory: takes no path") }
    return MemoryStore(limits: settings.limits)
  case "sqlite":
    guard !rest.isEmpty else { throw ABIError(.invalidArgument, "url '\(url)' has no path; use sqlite:PATH") }
    return try mapped { () throws(StoreError) in try SQLiteStore.open(path: rest, settings: settings) }
  case "postgresql", "postgres":
    return try mapped { () throws(StoreError) in
      try PostgresStore.open(url: url, settings: settings, passwords: passwords)
    }
  case let scheme:
    throw ABIError(
      .unsupported, "url scheme '\(scheme):' is unknown; use memory:, sqlite:PATH or postgresql://…")
  }
}

@c @implementation
public func dx_store_metrics(
  _ store: OpaquePointer?, _ request: dx_text, _ out: UnsafeMutablePointer<dx_buffer>?
) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let out = try Out(out)
    let hub = try Handles.stores.find(store).hub
    let json = try request.bytes("request")
    let format = try decoded("request") { () throws(WireError) in
      json.isEmpty ? .json : try MetricsWire.decodeRequest(json)
    }
    switch format {
    case .json: try out.set(json: MetricsWire.encode(hub.measure()))
    case .openmetrics: try out.set(json: OpenMetrics.encode(hub.measure()))
    }
  }
}

@c @implementation
public func dx_store_close(_ store: OpaquePointer?) { _ = try? Handles.stores.remove(store) }
