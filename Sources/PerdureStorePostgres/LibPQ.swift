internal import Glibc
internal import PerdureStore

/// What is used of libpq, the client library of PostgreSQL. It is looked for when the first PostgreSQL store
/// is opened: whoever has none needs none.
struct LibPQ: Sendable {
  typealias Connection = OpaquePointer
  typealias Outcome = OpaquePointer
  typealias Text = UnsafePointer<CChar>

  let connect: @convention(c) (UnsafePointer<Text?>, UnsafePointer<Text?>, Int32) -> Connection?
  let finish: @convention(c) (Connection) -> Void
  let status: @convention(c) (Connection) -> Int32
  let transactionStatus: @convention(c) (Connection) -> Int32
  let errorMessage: @convention(c) (Connection) -> Text?
  let serverVersion: @convention(c) (Connection) -> Int32
  let backendPID: @convention(c) (Connection) -> Int32
  let socket: @convention(c) (Connection) -> Int32
  let setNonBlocking: @convention(c) (Connection, Int32) -> Int32
  let setNoticeProcessor:
    @convention(c) (
      Connection, (@convention(c) (UnsafeMutableRawPointer?, Text?) -> Void)?, UnsafeMutableRawPointer?
    ) -> UnsafeRawPointer?

  let enterPipelineMode: @convention(c) (Connection) -> Int32
  let pipelineSync: @convention(c) (Connection) -> Int32
  let flush: @convention(c) (Connection) -> Int32
  let consumeInput: @convention(c) (Connection) -> Int32
  let isBusy: @convention(c) (Connection) -> Int32
  let sendPrepare: @convention(c) (Connection, Text, Text, Int32, UnsafePointer<UInt32>?) -> Int32
  let sendPrepared:
    @convention(c) (
      Connection, Text, Int32, UnsafePointer<Text?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?, Int32
    ) -> Int32
  let sendParams:
    @convention(c) (
      Connection, Text, Int32, UnsafePointer<UInt32>?, UnsafePointer<Text?>?, UnsafePointer<Int32>?,
      UnsafePointer<Int32>?, Int32
    ) -> Int32
  let getResult: @convention(c) (Connection) -> Outcome?
  /// The notification is a C structure: name at 0, process of the sender at 8, payload at 16.
  let notifies: @convention(c) (Connection) -> UnsafeMutableRawPointer?
  let freeMemory: @convention(c) (UnsafeMutableRawPointer) -> Void

  let resultStatus: @convention(c) (Outcome) -> Int32
  let resultErrorField: @convention(c) (Outcome, Int32) -> Text?
  let commandStatus: @convention(c) (Outcome) -> Text?
  let commandTuples: @convention(c) (Outcome) -> Text?
  let columnCount: @convention(c) (Outcome) -> Int32
  let rowCount: @convention(c) (Outcome) -> Int32
  let value: @convention(c) (Outcome, Int32, Int32) -> Text?
  let length: @convention(c) (Outcome, Int32, Int32) -> Int32
  let isNull: @convention(c) (Outcome, Int32, Int32) -> Int32
  let clear: @convention(c) (Outcome) -> Void

  /// What `status`, `transactionStatus` and `resultStatus` answer.
  static let connectionOK: Int32 = 0
  static let transactionFailed: Int32 = 3
  static let commandOK: Int32 = 1
  static let rowsOK: Int32 = 2
  static let pipelineSynced: Int32 = 10
  static let pipelineAborted: Int32 = 11
  /// Fields of an error.
  static let sqlState = Int32(UInt8(ascii: "C"))
  static let primaryMessage = Int32(UInt8(ascii: "M"))

  /// - Parameters:
  ///   - server: a URL.
  ///   - password: goes before what the URL and files say.
  func connect(_ server: String, password: String?) -> Connection? {
    server.withCString { server in
      (password ?? "").withCString { given in
        "dbname".withCString { dbname in
          "password".withCString { name in
            let isGiven = password != nil
            let names: [Text?] = isGiven ? [dbname, name, nil] : [dbname, nil]
            let values: [Text?] = isGiven ? [server, given, nil] : [server, nil]
            // 1: what is called dbname may be a URL.
            return connect(names, values, 1)
          }
        }
      }
    }
  }

  /// The library of this process, or why there is none.
  static let loaded: Result<LibPQ, StoreError> = load()

  private static let name = "libpq.so.5"

  private static func load() -> Result<LibPQ, StoreError> {
    let path = getenv("PERDURE_LIBPQ").map { String(cString: $0) } ?? name
    guard let library = dlopen(path, RTLD_NOW | RTLD_LOCAL) else {
      let cause = dlerror().map { String(cString: $0) } ?? "unknown cause"
      return .failure(
        StoreError(
          .cannotOpen,
          "A PostgreSQL store needs libpq (Debian: libpq5), which cannot be loaded: \(cause)."))
    }
    do throws(StoreError) { return .success(try LibPQ(library, path)) } catch { return .failure(error) }
  }

  private init(_ library: UnsafeMutableRawPointer, _ path: String) throws(StoreError) {
    func symbol<F>(_ name: String) throws(StoreError) -> F {
      guard let address = dlsym(library, name) else {
        throw StoreError(
          .cannotOpen,
          "The PostgreSQL client library \(path) has no \(name): version 14 is the first that will do.")
      }
      return unsafeBitCast(address, to: F.self)
    }
    connect = try symbol("PQconnectdbParams")
    finish = try symbol("PQfinish")
    status = try symbol("PQstatus")
    transactionStatus = try symbol("PQtransactionStatus")
    errorMessage = try symbol("PQerrorMessage")
    serverVersion = try symbol("PQserverVersion")
    backendPID = try symbol("PQbackendPID")
    socket = try symbol("PQsocket")
    setNonBlocking = try symbol("PQsetnonblocking")
    setNoticeProcessor = try symbol("PQsetNoticeProcessor")
    enterPipelineMode = try symbol("PQenterPipelineMode")
    pipelineSync = try symbol("PQpipelineSync")
    flush = try symbol("PQflush")
    consumeInput = try symbol("PQconsumeInput")
    isBusy = try symbol("PQisBusy")
    sendPrepare = try symbol("PQsendPrepare")
    sendPrepared = try symbol("PQsendQueryPrepared")
    sendParams = try symbol("PQsendQueryParams")
    getResult = try symbol("PQgetResult")
    notifies = try symbol("PQnotifies")
    freeMemory = try symbol("PQfreemem")
    resultStatus = try symbol("PQresultStatus")
    resultErrorField = try symbol("PQresultErrorField")
    commandStatus = try symbol("PQcmdStatus")
    commandTuples = try symbol("PQcmdTuples")
    columnCount = try symbol("PQnfields")
    rowCount = try symbol("PQntuples")
    value = try symbol("PQgetvalue")
    length = try symbol("PQgetlength")
    isNull = try symbol("PQgetisnull")
    clear = try symbol("PQclear")
  }
}
