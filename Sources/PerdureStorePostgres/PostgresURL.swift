package import PerdureStore

/// What a URL of a PostgreSQL store says: where the server is, which is for libpq, and how the store uses it.
///
///     postgresql://user@host:5432/database?schema=orders&pool_size=4&sslmode=verify-full
package struct PostgresURL: Sendable {
  /// For libpq: the URL without the options that are ours.
  package let server: String
  /// For messages: the URL without user and options, and the schema.
  package let path: String
  private(set) var options: Options
  /// Whom to ask for passwords; nil: libpq knows.
  var passwords: Passwords?
  /// What must come into no message.
  package let secrets: URLSecrets

  /// What is ours in the URL.
  struct Options: Sendable {
    /// Where the tables are.
    var schema = "perdure"
    /// Connections that read. Two more write and watch.
    var readers = 2
    /// Makes and migrates the tables; else they must be there as this version wants them.
    var migrates = true
    /// How long the server works at one statement.
    var statementTimeoutMS = 60_000
    /// How long a node that shows no sign of life keeps what it holds.
    var leaseMS = 15_000
    /// How long a node whose session is gone keeps what it holds: it may come back.
    var graceMS = 500
    /// The server tells other processes of writes.
    var notifies = true
    /// A proxy shares the sessions of the server between transactions: nothing outlives one.
    var isPooled = false
    /// The URL of a standby, for what people look at.
    var replica: String?

    /// Others' writes are told of, else they are looked for.
    var listens: Bool { notifies && !isPooled }
    /// Groups of several processes are written side by side where that is right.
    var sharesWrites = true
  }

  /// - Throws: `.cannotOpen` for an option of ours with a value that makes no sense.
  package init(_ url: String) throws(StoreError) {
    let parts = url.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    let address = parts.first ?? ""
    var options = Options()
    var forServer: [Substring] = []
    var given: [(name: Substring, value: Substring)] = []
    for option in parts.dropFirst().first?.split(separator: "&") ?? [] {
      let pair = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let (name, text) = (pair.first ?? "", pair.dropFirst().first ?? "")
      guard !name.utf8.contains(UInt8(ascii: "@")) else {
        throw StoreError(
          .cannotOpen, "The URL of the store cannot be read: a ? in its user or password is written as %3F.")
      }
      if try !options.take(name, Self.decoded(text)) { forServer.append(option) }
      given.append((name, text))
    }
    var standards: [Substring] = ["fallback_application_name=perdure", "connect_timeout=10"]
    // Proxies give it to each session that they lend.
    if options.isPooled { standards.append("client_encoding=UTF8") }
    for standard in standards {
      let name = standard.prefix { $0 != "=" }
      if !forServer.contains(where: { $0.prefix { $0 != "=" } == name }) { forServer.append(standard) }
    }
    server = "\(address)?\(forServer.joined(separator: "&"))"
    path = "\(Self.withoutUser(address)) (schema \(options.schema))"
    self.options = options
    secrets = URLSecrets(user: Self.user(address) ?? "", options: given)
  }

  /// Of the standby, if there is one: the same store, and everything else that is said of it.
  ///
  /// - Throws: `.cannotOpen`.
  func replica() throws(StoreError) -> PostgresURL? {
    guard let address = options.replica else { return nil }
    let joint = address.utf8.contains(UInt8(ascii: "?")) ? "&" : "?"
    let pooled = options.isPooled ? "&pooled=on" : ""
    var url = try PostgresURL("\(address)\(joint)schema=\(options.schema)\(pooled)")
    url.options = options
    url.passwords = passwords
    return url
  }

  /// What stands before the host: user and password, if there are any.
  private static func user(_ address: Substring) -> Substring? {
    guard let at = address.utf8.lastIndex(of: UInt8(ascii: "@")),
      let scheme = address.utf8.firstIndex(of: UInt8(ascii: ":")), scheme < at
    else { return nil }
    return address[address.utf8.index(after: scheme)..<at].drop { $0 == "/" }
  }

  /// Nobody's password goes into a message.
  private static func withoutUser(_ address: Substring) -> String {
    guard let at = address.utf8.lastIndex(of: UInt8(ascii: "@")),
      let scheme = address.utf8.firstIndex(of: UInt8(ascii: ":"))
    else { return String(address) }
    return "\(address[...scheme])//\(address[address.utf8.index(after: at)...])"
  }

  /// With %20 and the like resolved; what is no such stays.
  static func decoded(_ text: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      let digits = rest.prefix(2)
      if byte == UInt8(ascii: "%"), digits.count == 2,
        let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
      {
        bytes.append(value)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

extension PostgresURL.Options {
  /// What the server cuts longer names to.
  private static let schemaBytes = 63

  /// False: the option is for libpq.
  fileprivate mutating func take(_ name: Substring, _ value: String) throws(StoreError) -> Bool {
    switch name {
    case "schema":
      guard !value.isEmpty, value.utf8.count <= Self.schemaBytes, !value.utf8.contains(0) else {
        throw Self.refusal(name, value, "a name of 1 to \(Self.schemaBytes) bytes")
      }
      schema = value
    case "migrate":
      guard value == "apply" || value == "verify" else { throw Self.refusal(name, value, "apply or verify") }
      migrates = value == "apply"
    case "notify":
      guard value == "on" || value == "off" else { throw Self.refusal(name, value, "on or off") }
      notifies = value == "on"
    case "pooled":
      guard value == "on" || value == "off" else { throw Self.refusal(name, value, "on or off") }
      isPooled = value == "on"
    case "replica":
      // A password may be in it.
      guard value.hasPrefix("postgres") else {
        throw Self.refusal(name, "…", "a URL, with %3A for : and so on")
      }
      replica = value
    case "shared_writes":
      guard value == "on" || value == "off" else { throw Self.refusal(name, value, "on or off") }
      sharesWrites = value == "on"
    case "pool_size": readers = try Self.number(name, value, 1...100)
    case "statement_timeout_ms": statementTimeoutMS = try Self.number(name, value, 100...86_400_000)
    case "lease_ms": leaseMS = try Self.number(name, value, 1_000...3_600_000)
    case "grace_ms": graceMS = try Self.number(name, value, 0...3_600_000)
    default: return false
    }
    return true
  }

  private static func number(
    _ name: Substring, _ value: String, _ range: ClosedRange<Int>
  ) throws(StoreError) -> Int {
    guard let number = Int(value), range.contains(number) else {
      throw refusal(name, value, "a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  private static func refusal(_ name: Substring, _ value: String, _ wanted: String) -> StoreError {
    StoreError(
      .cannotOpen, "The option \(name)=\(value) of the store URL makes no sense: it takes \(wanted).")
  }
}
