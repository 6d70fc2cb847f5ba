public import Perdure

/// What a test expected of a `TestEnvironment` is not so. Any test framework reports it as the error of the
/// test.
public struct ExpectationFailed: Error, Hashable, Sendable, CustomStringConvertible {
  /// What was expected, and what is there: several lines for people.
  public let message: String

  init(_ message: String) { self.message = message }

  public var description: String { message }
}

/// Each of these throws `ExpectationFailed` with what is there in place of what was expected, so that it does
/// in Swift Testing and in XCTest what their own expectations do.
extension TestEnvironment {
  // MARK: Calls of activities

  /// An activity was attempted that often, stubbed or not.
  ///
  /// - Parameters:
  ///   - activity: its name.
  ///   - count: attempts, those that failed among them; 0 or more.
  /// - Returns: the attempts.
  @discardableResult
  public func expectCalls(of activity: String, count: Int) throws -> [ActivityCall] {
    let found = calls(of: activity)
    if found.count == count { return found }
    throw ExpectationFailed(
      "'\(activity)' was to be attempted \(count) times and was \(found.count) times\(Self.lines(calls))")
  }

  /// An activity was attempted with these inputs, in this order.
  ///
  /// - Throws: also `PayloadError` when an input is of another type.
  public func expectCalls<Input: Decodable & Equatable>(of activity: String, inputs: [Input]) throws {
    let found = try calls(of: activity).map { try $0.input(as: Input.self) }
    if found == inputs { return }
    throw ExpectationFailed(
      "'\(activity)' was to be attempted with \(inputs) and was with \(found)\(Self.lines(calls))")
  }

  /// The first attempts of activities came in this order.
  ///
  /// - Parameter activities: their names, one for each call.
  public func expectOrder(_ activities: String...) throws {
    let found = calls.filter { $0.attempt == 1 }.map(\.activity)
    if found == activities { return }
    throw ExpectationFailed("expected \(activities), and there were \(found)\(Self.lines(calls))")
  }

  // MARK: Instances

  /// An instance has a status now.
  @discardableResult
  public func expectStatus(
    _ status: InstanceStatus, of instance: String
  ) async throws -> InstanceDescription {
    let found = try await client.describe(instance)
    if found.status == status { return found }
    throw ExpectationFailed("'\(instance)' was to be \(status.rawValue):\n  \(await report(instance))")
  }

  /// An instance ends with an output, however long that takes in virtual time.
  ///
  /// - Throws: also `DXError` (`timedOut`) after `timeout`.
  public func expectOutput<Output: Decodable & Equatable>(
    _ output: Output, of instance: String
  ) async throws {
    let end = try await client.wait(instance, timeout: timeout)
    if end.status == .completed, try end.output(as: Output.self) == output { return }
    throw ExpectationFailed("'\(instance)' was to end with \(output):\n  \(await report(instance))")
  }

  /// An instance ends as failed, however long that takes in virtual time.
  ///
  /// - Parameters:
  ///   - instance: its id.
  ///   - type: of its failure, such as `Declined`; nil: any.
  /// - Returns: the failure.
  /// - Throws: also `DXError` (`timedOut`) after `timeout`.
  @discardableResult
  public func expectFailure(of instance: String, type: String? = nil) async throws -> Failure {
    let end = try await client.wait(instance, timeout: timeout)
    if end.status == .failed, let failure = end.failure, type == nil || failure.type == type {
      return failure
    }
    let what = type.map { "with \($0)" } ?? "at all"
    throw ExpectationFailed("'\(instance)' was to fail \(what):\n  \(await report(instance))")
  }

  /// An instance ends with an error of a type.
  ///
  /// - Returns: the error.
  @discardableResult
  public func expectFailure<Wanted: DurableError>(
    of instance: String, _ error: Wanted.Type
  ) async throws -> Wanted {
    let failure = try await expectFailure(of: instance, type: error.failureType)
    if let error = failure.error(as: error) { return error }
    throw ExpectationFailed("'\(instance)' failed with what is no \(error.failureType): \(failure)")
  }

  /// The history of an instance is what code of today makes of it: decisions that no replay repeats, and
  /// changes that would break running instances, show here.
  ///
  /// - Parameters:
  ///   - instance: its id.
  ///   - definitions: nil for those of this environment.
  /// - Returns: what the replay came to.
  @discardableResult
  public func expectReplay(
    of instance: String, against definitions: [any Definition]? = nil
  ) async throws -> ReplayReport {
    let history = try await client.management().exportInstance(instance, children: false)
    let report = try await HistoryReplay.check(
      history, against: definitions ?? self.definitions, timeout: timeout)
    if report.isSame { return report }
    throw ExpectationFailed(report.description)
  }

  // MARK: Reports

  /// What an instance has come to, and what it waits for: one line for people.
  public func report(_ instance: String) async -> String {
    do {
      let found = try await client.describe(instance)
      var line = "'\(instance)' is \(found.status.rawValue)"
      if let output = found.outputJSON { line += " with \(output)" }
      if let failure = found.failure { line += " with \(failure)" }
      if !found.status.isTerminal { line += ": \(try await client.management().why(instance).summary)" }
      return line
    } catch { return "'\(instance)' could not be looked at: \(error)" }
  }

  /// The same of all instances, and all attempts of activities: for the message of a test that fails.
  public func report() async -> String {
    var lines: [String] = []
    do {
      for try await each in client.instances() { lines.append(await report(each.instance)) }
    } catch { lines.append("the instances could not be listed: \(error)") }
    return lines.joined(separator: "\n") + Self.lines(calls)
  }

  private static func lines(_ calls: [ActivityCall]) -> String {
    let shown = 50
    var lines = calls.prefix(shown).map { "\n  \($0)" }
    if calls.count > shown { lines.append("\n  and \(calls.count - shown) more") }
    return lines.isEmpty ? "\n  (no activity was called)" : lines.joined()
  }
}
