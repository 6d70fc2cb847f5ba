import CDX
import Glibc
import PerdureABI
import Synchronization

/// The C ABI as a hostile host would call it: bytes become a sequence of calls over all its functions, with
/// handles that live, that were closed, of another kind or made up, with texts that are none, in any order,
/// and with callbacks that answer nonsense, twice, late or never.
enum ABITarget {
  static func run(_ input: borrowing [UInt8]) throws(Finding) {
    let site = ABISite(ByteScript(copy input))
    site.prepare()
    var calls = 0
    while !site.script.isAtEnd, calls < 48 {
      ABICalls.make(site)
      calls += 1
    }
    site.finish()
    if let fault = site.fault { throw Finding(fault) }
  }
}

/// What one input works on. Everything it opened is closed by `finish`.
final class ABISite {
  var script: ByteScript
  var stores: [OpaquePointer?] = []
  var clients: [OpaquePointer?] = []
  var runtimes: [OpaquePointer?] = []
  var simulations: [OpaquePointer?] = []
  var errors: [OpaquePointer?] = []
  private(set) var fault: String?
  private var folder: String?

  init(_ script: ByteScript) { self.script = script }

  /// A store with a client and, mostly, a runtime that runs: without them most calls come to nothing.
  func prepare() {
    let mode = script.byte()
    openStore(mode % 16 == 0 ? "sqlite:\(file())" : "memory:", config: mode & 1 == 1 ? Self.virtual : "")
    add(to: &clients) { dx_client_new(stores[0], $0) }
    guard mode & 0x40 == 0 else { return }
    add(to: &runtimes) { dx_runtime_new(stores[0], nil, $0) }
    let isPolled = mode & 0x20 != 0
    let behaviour = UnsafeMutableRawPointer(bitPattern: UInt(script.byte()) + 1)
    take(
      with("o") {
        dx_register_orchestration(runtimes[0], $0, dx_text(), isPolled ? nil : answerTurn, behaviour, nil)
      })
    take(with("a") { dx_register_activity(runtimes[0], $0, isPolled ? nil : answerActivity, behaviour, nil) })
    take(dx_runtime_start(runtimes[0]))
  }

  private static let virtual = #"{"clock":{"mode":"virtual"}}"#

  private func file() -> String {
    var template = Array(("/dev/shm/dx-fuzz-" + String(repeating: "X", count: 6)).utf8CString)
    if mkdtemp(&template) == nil {
      template = Array(("/tmp/dx-fuzz-" + String(repeating: "X", count: 6)).utf8CString)
      _ = mkdtemp(&template)
    }
    let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    folder = path
    return path + "/store.db"
  }

  func openStore(_ url: String, config: String) {
    with(url) { url in
      with(config) { config in
        var options = dx_store_options(
          struct_size: MemoryLayout<dx_store_options>.size, url: url, config: config)
        add(to: &stores) { dx_store_open(&options, $0) }
      }
    }
  }

  /// Keeps a handle that a call gives, and asks what went wrong if it gives none.
  func add(
    to handles: inout [OpaquePointer?], _ call: (UnsafeMutablePointer<OpaquePointer?>) -> OpaquePointer?
  ) {
    var handle: OpaquePointer?
    let error = call(&handle)
    if (error == nil) != (handle != nil) { fault = "a call gives both an error and a handle, or neither" }
    take(error)
    handles.append(handle)
  }

  /// Reads an error as a host does. Some are freed later, or twice.
  func take(_ error: OpaquePointer?) {
    guard let error else { return }
    if Int(dx_error_code(error)) == DX_OK { fault = "an error has the code of success" }
    if strlen(dx_error_message(error)) == 0 { fault = "an error says nothing" }
    let details = String(cString: dx_error_details(error))
    if !StrictJSON.accepts(Array(details.utf8)) { fault = "the details of an error are no JSON: \(details)" }
    if Int(dx_error_code(error)) == DX_INTERNAL {
      fault = "an internal error: \(String(cString: dx_error_message(error)))"
    }
    _ = dx_error_is_transient(error)
    errors.append(error)
    if errors.count > 4 { dx_error_free(errors.removeFirst()) }
  }

  /// What a call writes must be JSON.
  func take(json call: (UnsafeMutablePointer<dx_buffer>) -> OpaquePointer?) -> [UInt8] {
    let bytes = take(bytes: call)
    if !bytes.isEmpty, !StrictJSON.accepts(bytes) { fault = "an answer is no JSON: \(bytes.shown)" }
    return bytes
  }

  /// What a call writes must be JSON, or lines of it, as an export is.
  func take(lines call: (UnsafeMutablePointer<dx_buffer>) -> OpaquePointer?) -> [UInt8] {
    let bytes = take(bytes: call)
    for line in bytes.split(separator: UInt8(ascii: "\n")) where !StrictJSON.accepts(Array(line)) {
      fault = "a line of an answer is no JSON: \(Array(line).shown)"
    }
    return bytes
  }

  func take(bytes call: (UnsafeMutablePointer<dx_buffer>) -> OpaquePointer?) -> [UInt8] {
    var buffer = dx_buffer(data: nil, size: 0)
    let error = call(&buffer)
    if (error == nil) != (buffer.data != nil) {
      fault = "a call gives both an error and an answer, or neither"
    }
    take(error)
    let bytes = Array(UnsafeRawBufferPointer(start: buffer.data, count: buffer.size))
    dx_buffer_free(&buffer)
    dx_buffer_free(&buffer)
    return bytes
  }

  func finish() {
    take(with("") { dx_log_set($0, nil, nil, nil) })
    for runtime in runtimes { dx_runtime_free(runtime) }
    for client in clients { dx_client_free(client) }
    for simulation in simulations { dx_simulation_free(simulation) }
    for store in stores { dx_store_close(store) }
    for error in errors { dx_error_free(error) }
    Waiting.all.drain()
    guard let folder else { return }
    for end in ["", "-wal", "-shm", "-dxlock"] { unlink(folder + "/store.db" + end) }
    rmdir(folder)
  }
}

/// Callbacks that are still to come: an input is over when all have.
final class Waiting: Sendable {
  static let all = Waiting()
  private let open = Atomic<Int>(0)

  func begin() { open.add(1, ordering: .sequentiallyConsistent) }
  func end() { open.subtract(1, ordering: .sequentiallyConsistent) }

  /// libFuzzer ends what hangs.
  func drain() { while open.load(ordering: .sequentiallyConsistent) > 0 { usleep(50) } }
}

/// A text for the length of a call.
func with<Value>(_ text: String, _ body: (dx_text) -> Value) -> Value { with(Array(text.utf8), body) }

func with<Value>(_ bytes: [UInt8], _ body: (dx_text) -> Value) -> Value {
  bytes.alone { block in
    body(dx_text(data: block.baseAddress?.assumingMemoryBound(to: CChar.self), size: block.count))
  }
}
