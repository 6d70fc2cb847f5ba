/// Activities that share what they depend on: a structure, a class or an actor with the clients, pools and
/// settings that they use. Orchestrations call them by their signatures, and know nothing of that.
///
///     struct PaymentActivities: ActivityGroup {
///       static let charge = ActivitySignature<Order, String>("charge")
///       static let refund = ActivitySignature<String, Nothing>("refund")
///
///       let gateway: Gateway
///
///       var activities: [any Definition] {
///         Self.charge.implemented { context, order in
///           try await gateway.charge(order, key: context.idempotencyKey)
///         }
///         Self.refund.implemented { _, payment in try await gateway.refund(payment) }
///       }
///     }
///
///     try runtime.register(PaymentActivities(gateway: gateway))
///
/// An orchestration then says `try await context.call(PaymentActivities.charge, with: order)`; a test
/// registers the group with another gateway.
public protocol ActivityGroup: Definition {
  /// What is registered. Of an actor it is `nonisolated`; the activities themselves may be isolated.
  @DefinitionBuilder var activities: [any Definition] { get }
}

extension ActivityGroup {
  public var name: String { String(describing: Self.self) }

  public func register(on registry: some DefinitionRegistry) throws { try registry.register(activities) }
}

/// Puts definitions that stand one below the other into a list.
@resultBuilder
public enum DefinitionBuilder {
  /// One definition, or one group of them.
  public static func buildExpression(_ definition: any Definition) -> [any Definition] { [definition] }
  /// A list that was made elsewhere.
  public static func buildExpression(_ definitions: [any Definition]) -> [any Definition] { definitions }
  /// All of them.
  public static func buildBlock(_ parts: [any Definition]...) -> [any Definition] { parts.flatMap { $0 } }
  /// Those of an `if` without `else`.
  public static func buildOptional(_ part: [any Definition]?) -> [any Definition] { part ?? [] }
  /// Those of an `if`.
  public static func buildEither(first part: [any Definition]) -> [any Definition] { part }
  /// Those of an `else`.
  public static func buildEither(second part: [any Definition]) -> [any Definition] { part }
  /// Those of a loop.
  public static func buildArray(_ parts: [[any Definition]]) -> [any Definition] { parts.flatMap { $0 } }
}
