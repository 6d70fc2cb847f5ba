internal import Glibc
internal import PerdureStore

/// One session with the server, in pipeline mode: statements go out without waiting, and all answers are read
/// when one of them is needed. After an error the server passes over everything up to that point.
///
/// Used by one thread at a time. A session that is lost stays so.
final class Session {
  private let library: LibPQ
  private let handle: LibPQ.Connection
  private let path: String
  private let secrets: [URLSecrets]
  private(set) var isLost = false
  /// `SQLState.isClash` of an error since this was last set.
  var hasClashed = false
  private var expected: [Expected] = []
  /// The server is done with its part of `expected` up to here.
  private var first = 0
  /// What each transaction begins with, in a session that a proxy lends for one.
  var preamble: [(sql: String, values: [String])] = []
  private var isInTransaction = false
  /// Nothing was sent since the last transaction.
  private var isBetween = true

  /// Statements that were sent, and how often their answers were waited for.
  private(set) var sent = 0
  private(set) var waits = 0

  /// Whose answer comes next.
  enum Expected {
    case preparation(ServerStatement)
    case run(PostgresStatement)
    case written(CollectedWrites.Batch)
    case rows(PostgresStatement)
    case answer(Answer)
    /// Of something that needs none; what it is, for messages.
    case done(StaticString)
    /// All before it is answered.
    case mark
  }

  /// Rows as texts.
  final class Answer {
    let sql: String
    fileprivate(set) var rows: [[String?]] = []

    init(_ sql: String) { self.sql = sql }
  }

  /// How long the server may keep silent while it owes an answer, beyond what the statements are allowed.
  private static let silenceMS: Int32 = 15_000
  private let patienceMS: Int32

  /// A session that is opened under no lock of the store.
  ///
  /// - Throws: `.cannotOpen`.
  static func opened(_ url: PostgresURL) throws(StoreError) -> Session {
    try url.answering(.cannotOpen) { () throws(StoreError) in try Session(url, url.passwords?.take()) }
  }

  /// - Parameter password: of `url.passwords`.
  /// - Throws: `.cannotOpen`.
  init(_ url: PostgresURL, _ password: String?) throws(StoreError) {
    library = try LibPQ.loaded.get()
    path = url.path
    secrets = [url.secrets, URLSecrets(password: password ?? "")]
    patienceMS = Int32(clamping: url.options.statementTimeoutMS) &+ Self.silenceMS
    guard let handle = library.connect(url.server, password: password) else {
      throw StoreError(.cannotOpen, "The store \(url.path) cannot be opened: out of memory.")
    }
    self.handle = handle
    _ = library.setNoticeProcessor(handle, { _, _ in }, nil)
    guard library.status(handle) == LibPQ.connectionOK else {
      isLost = true
      throw StoreError(.cannotOpen, "The store \(path) cannot be opened: \(cause).")
    }
    guard library.setNonBlocking(handle, 1) == 0, library.enterPipelineMode(handle) == 1 else {
      isLost = true
      throw StoreError(.cannotOpen, "The store \(path) cannot be opened: \(cause).")
    }
    ForkedSockets.insert(socket)
  }

  deinit {
    ForkedSockets.remove(socket)
    library.finish(handle)
  }

  var serverVersion: Int32 { library.serverVersion(handle) }
  /// What the server calls this session.
  var backend: Int32 { library.backendPID(handle) }
  var socket: Int32 { library.socket(handle) }

  // MARK: Sending

  /// - Parameter rows: their format; 1 is binary.
  func send(
    _ sql: String, _ parameters: borrowing Parameters, format: Int32 = 1, _ whose: Expected
  ) throws(StoreError) {
    try enter()
    let code = parameters.withArrays { count, types, values, lengths, formats in
      library.sendParams(handle, sql, count, types, values, lengths, formats, format)
    }
    try note(code, whose)
  }

  func send(_ sql: String, _ whose: Expected) throws(StoreError) {
    try enter()
    try note(library.sendParams(handle, sql, 0, nil, nil, nil, nil, 1), whose)
  }

  func prepare(_ statement: ServerStatement, _ parameters: borrowing Parameters) throws(StoreError) {
    let code = parameters.withArrays { count, types, _, _, _ in
      library.sendPrepare(handle, statement.name, statement.text, count, types)
    }
    try note(code, .preparation(statement))
  }

  func send(
    prepared name: String, _ parameters: borrowing Parameters, _ whose: Expected
  ) throws(StoreError) {
    let code = parameters.withArrays { count, _, values, lengths, formats in
      library.sendPrepared(handle, name, count, values, lengths, formats, 1)
    }
    try note(code, whose)
  }

  /// - Parameter sql: begins a transaction.
  func begin(_ sql: String) throws(StoreError) {
    isBetween = false
    try send(sql, .done("beginning a transaction"))
    isInTransaction = true
    isBetween = true
    try enter()
  }

  /// - Parameter sql: COMMIT or ROLLBACK.
  func end(_ sql: String, _ doing: StaticString) throws(StoreError) {
    try send(sql, .done(doing))
    isInTransaction = false
  }

  /// What is sent up to the next mark without a transaction is one, too.
  private func enter() throws(StoreError) {
    guard isBetween else { return }
    isBetween = false
    for statement in preamble {
      var parameters = Parameters()
      for (offset, value) in statement.values.enumerated() { parameters.set(offset, untyped: value) }
      try send(statement.sql, parameters, .done("preparing a transaction"))
    }
  }

  private func note(_ code: Int32, _ whose: Expected) throws(StoreError) {
    guard !isLost, code == 1 else { throw lost() }
    expected.append(whose)
    if case .preparation = whose { return }
    sent &+= 1
  }

  /// The transaction can only be rolled back.
  var isFailed: Bool { library.transactionStatus(handle) == LibPQ.transactionFailed }

  /// Statements that are out.
  var backlog: Int { expected.count - first }

  /// The rows that a statement answers, as texts. Waits for all that is out.
  func ask(_ sql: String, _ values: String?...) throws(StoreError) -> [[String?]] {
    try ask(sql, values)
  }

  func ask(_ sql: String, _ values: [String?]) throws(StoreError) -> [[String?]] {
    var parameters = Parameters()
    for (offset, value) in values.enumerated() { parameters.set(offset, untyped: value) }
    let answer = Answer(sql)
    try send(sql, parameters, format: 0, .answer(answer))
    try settle()
    return answer.rows
  }

  /// Sends all that is out on its way, and does not wait.
  func push() throws(StoreError) {
    try mark()
    if library.flush(handle) < 0 { throw lost() }
  }

  // MARK: Reading

  /// Reads all answers that are out. Throws the first error among them.
  func settle() throws(StoreError) {
    try mark()
    waits &+= 1
    var failure: StoreError?
    while expected.indices.contains(first) {
      let whose = expected[first]
      try waitForAnswer()
      guard let outcome = library.getResult(handle) else {
        if case .mark = whose { throw lost() }
        first += 1
        continue
      }
      if let found = take(outcome, whose), failure == nil { failure = found }
      if isLost { throw failure ?? lost() }
    }
    expected.removeAll(keepingCapacity: true)
    first = 0
    if let failure { throw failure }
  }

  private func mark() throws(StoreError) {
    guard !isLost, library.pipelineSync(handle) == 1 else { throw lost() }
    expected.append(.mark)
    isBetween = !isInTransaction
  }

  private func waitForAnswer() throws(StoreError) {
    while library.isBusy(handle) != 0 {
      let unsent = library.flush(handle)
      guard unsent >= 0 else { throw lost() }
      var descriptor = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
      if unsent > 0 { descriptor.events |= Int16(POLLOUT) }
      let ready = poll(&descriptor, 1, patienceMS)
      if ready < 0, errno == EINTR { continue }
      guard ready > 0 else {
        isLost = true
        throw StoreError(.io, "The store \(path) does not answer: the connection is given up.")
      }
      if Int32(descriptor.revents) & ~POLLOUT != 0, library.consumeInput(handle) != 1 { throw lost() }
    }
  }

  /// Hands the answer on; the error if it is one.
  private func take(_ outcome: LibPQ.Outcome, _ whose: Expected) -> StoreError? {
    switch library.resultStatus(outcome) {
    case LibPQ.pipelineSynced:
      library.clear(outcome)
      first += 1
      return nil
    case LibPQ.commandOK, LibPQ.rowsOK:
      switch whose {
      case .rows(let statement):
        statement.take(Rows(library, outcome))
        return nil
      case .run(let statement): statement.note(Rows(library, outcome))
      case .written(let batch): batch.statement.note(Rows(library, outcome), of: batch)
      case .answer(let answer): answer.rows = Rows(library, outcome).texts
      case .preparation, .done, .mark: library.clear(outcome)
      }
      return nil
    case LibPQ.pipelineAborted:
      library.clear(outcome)
      if case .preparation(let statement) = whose { statement.preparedIn = 0 }
      return nil
    default:
      defer { library.clear(outcome) }
      if case .preparation(let statement) = whose { statement.preparedIn = 0 }
      return error(outcome, whose)
    }
  }

  private func error(_ outcome: LibPQ.Outcome, _ whose: Expected) -> StoreError {
    let state = library.resultErrorField(outcome, LibPQ.sqlState).map { String(cString: $0) } ?? ""
    if library.status(handle) != LibPQ.connectionOK || SQLState.endsSession(state) { isLost = true }
    if SQLState.isClash(state) { hasClashed = true }
    guard let text = library.resultErrorField(outcome, LibPQ.primaryMessage), !state.isEmpty else {
      return lost()
    }
    return StoreError(
      SQLState.storeCode(state),
      "The store \(path) failed while \(whose.doing): \(String(cString: text)) (SQLSTATE \(state)).")
  }

  private func lost() -> StoreError {
    isLost = true
    return StoreError(.io, "The store \(path) has lost its connection: \(cause).")
  }

  /// What libpq says, in one line.
  private var cause: String {
    let text = library.errorMessage(handle).map { String(cString: $0) } ?? ""
    let line = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    // Of a URL that it cannot read, or reads otherwise than it was meant, it shows parts.
    if secrets.contains(where: { $0.areIn(line) }) {
      return "the URL cannot be read as it was meant: write special characters of the password as %40 and "
        + "the like"
    }
    return line.isEmpty ? "unknown cause" : line
  }

  // MARK: Notifications

  /// Takes what has come in; the payloads of notifications from others.
  func notifications() throws(StoreError) -> [String] {
    guard !isLost, library.consumeInput(handle) == 1 else { throw lost() }
    var payloads: [String] = []
    while let notification = library.notifies(handle) {
      let payload = notification.load(fromByteOffset: 16, as: UnsafePointer<CChar>?.self)
      payloads.append(payload.map { String(cString: $0) } ?? "")
      library.freeMemory(notification)
    }
    return payloads
  }
}

extension Session.Expected {
  fileprivate var doing: String {
    switch self {
    case .preparation(let statement): "preparing \(statement.shown)"
    case .run(let statement), .rows(let statement): "running \(statement.shown)"
    case .written(let batch): "running \(batch.statement.shown)"
    case .answer(let answer): "running \(ServerStatement.shown(answer.sql))"
    case .done(let what): "\(what)"
    case .mark: "waiting for the server"
    }
  }
}
