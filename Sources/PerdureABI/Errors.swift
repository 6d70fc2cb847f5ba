public import CDX
import Glibc
import PerdureClient
import PerdureModel
import PerdureRuntime
import PerdureStore
import PerdureWire

/// The codes of dx.h.
enum ABICode: Int32, Sendable {
  case invalidArgument = 1
  case invalidHandle, unsupported, notFound, alreadyExists, wrongStatus, limitExceeded, timedOut, closed
  case forked, stale
  case protocolViolation = 20
  case nondeterminism
  case storeBusy = 40
  case storeFull, storeIO, storeReadOnly, storeCorrupt, storeForeign, storeCannotOpen, storeReplaced
  case internalError = 99
}

/// An error on its way to the host.
struct ABIError: Error, Sendable {
  var code: ABICode
  var isTransient = false
  var message: String
  /// A JSON object.
  var details: Payload = Payload("{}")

  init(_ code: ABICode, _ message: String, isTransient: Bool = false, details: Payload = Payload("{}")) {
    self.code = code
    self.message = message
    self.isTransient = isTransient
    self.details = details
  }

  init(_ error: StoreError) {
    let code: ABICode =
      switch error.code {
      case .busy: .storeBusy
      case .full: .storeFull
      case .io: .storeIO
      case .readOnly: .storeReadOnly
      case .corrupt: .storeCorrupt
      case .foreign: .storeForeign
      case .cannotOpen: .storeCannotOpen
      case .replaced: .storeReplaced
      case .closed: .closed
      case .internalError: .internalError
      }
    self.init(code, error.message, isTransient: error.isTransient)
  }

  init(_ error: ClientError) {
    switch error {
    case .store(let error): self.init(error)
    case .invalidArgument: self.init(.invalidArgument, error.message)
    case .limitExceeded: self.init(.limitExceeded, error.message)
    case .stale: self.init(.stale, error.message)
    case .unsupported: self.init(.unsupported, error.message)
    case .notFound(let instance, _):
      self.init(.notFound, error.message, details: .object([("instance", instance)]))
    case .alreadyExists(let instance, let status):
      let details = Payload.object([("instance", instance), ("status", status.rawValue)])
      self.init(.alreadyExists, error.message, details: details)
    case .wrongStatus(let instance, let status, _):
      let details = [("instance", instance)] + (status.map { [("status", $0.rawValue)] } ?? [])
      self.init(.wrongStatus, error.message, details: .object(details))
    }
  }

  init(_ error: RuntimeError) {
    switch error {
    case .alreadyRegistered(let message): self.init(.alreadyExists, message)
    case .wrongStage(let message): self.init(.wrongStatus, message)
    case .store(let error): self.init(error)
    case .noThreads: self.init(.internalError, "the system gives no more threads", isTransient: true)
    }
  }
}

/// What `dx_error *` stands for: C strings that live as long as the error.
final class ErrorObject: @unchecked Sendable {
  let code: ABICode
  let isTransient: Bool
  let message: UnsafeMutablePointer<CChar>?
  let details: UnsafeMutablePointer<CChar>?

  init(_ error: ABIError) {
    code = error.code
    isTransient = error.isTransient
    message = strdup(Self.bounded(error.message))
    details = strdup(error.details.text)
  }

  deinit {
    free(message)
    free(details)
  }

  /// What is wrong may be quoted, and be as large as a payload: the ends of it say enough.
  private static func bounded(_ message: String) -> String {
    guard message.utf8.count > Limits.errorBytes else { return message }
    // A scalar has at most 4 bytes; a character may have any number.
    let (scalars, kept) = (message.unicodeScalars, Limits.errorBytes / 8)
    return "\(String(scalars.prefix(kept))) [...] \(String(scalars.suffix(kept)))"
  }
}

extension ABIError {
  /// The owned `dx_error *`.
  func handOver() -> OpaquePointer? {
    let handle: UInt? = Handles.errors.add(ErrorObject(self))
    // A table that is full of unfreed errors must not turn failure into success.
    return OpaquePointer(bitPattern: handle ?? UInt.max)
  }
}

/// Runs the body of a fallible call.
func fallible(_ body: () throws(ABIError) -> Void) -> OpaquePointer? {
  do throws(ABIError) {
    try body()
    return nil
  } catch {
    return error.handOver()
  }
}

func mapped<Value>(_ body: () throws(ClientError) -> Value) throws(ABIError) -> Value {
  do throws(ClientError) { return try body() } catch { throw ABIError(error) }
}

func mapped<Value>(_ body: () throws(RuntimeError) -> Value) throws(ABIError) -> Value {
  do throws(RuntimeError) { return try body() } catch { throw ABIError(error) }
}

func mapped<Value>(_ body: () throws(StoreError) -> Value) throws(ABIError) -> Value {
  do throws(StoreError) { return try body() } catch { throw ABIError(error) }
}

/// Malformed JSON: `what` names the argument.
func decoded<Value>(
  _ what: String, as code: ABICode = .invalidArgument, _ body: () throws(WireError) -> Value
) throws(ABIError) -> Value {
  do throws(WireError) { return try body() } catch { throw ABIError(code, "\(what): \(error.message)") }
}

// MARK: - dx.h

@c @implementation
public func dx_error_code(_ error: OpaquePointer?) -> dx_code {
  guard error != nil else { return 0 }
  return (try? Handles.errors.find(error).code.rawValue) ?? ABICode.invalidHandle.rawValue
}

@c @implementation
public func dx_error_is_transient(_ error: OpaquePointer?) -> Bool {
  (try? Handles.errors.find(error).isTransient) ?? false
}

@c @implementation
public func dx_error_message(_ error: OpaquePointer?) -> UnsafePointer<CChar>? {
  if let error = try? Handles.errors.find(error), let message = error.message {
    return UnsafePointer(message)
  }
  return StaticText.noError.pointer
}

@c @implementation
public func dx_error_details(_ error: OpaquePointer?) -> UnsafePointer<CChar>? {
  if let error = try? Handles.errors.find(error), let details = error.details {
    return UnsafePointer(details)
  }
  return StaticText.emptyObject.pointer
}

@c @implementation
public func dx_error_free(_ error: OpaquePointer?) {
  if error != nil { _ = try? Handles.errors.remove(error) }
}
