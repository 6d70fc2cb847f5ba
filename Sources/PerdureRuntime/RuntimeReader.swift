import PerdureDispatch
import PerdureModel
import PerdureStore

/// Reads for the engine thread, on the reader thread.
struct RuntimeReader: Sendable {
  let hub: Hub

  private var store: any Store { hub.store }

  func load(_ instance: InstanceID) -> RuntimeInput {
    do throws(StoreError) {
      guard let snapshot = try store.load(instance) else { return .loaded(instance, .missing) }
      return .loaded(instance, .snapshot(snapshot))
    } catch {
      guard error.code == .corrupt else { return .loaded(instance, .failed(error.message)) }
      // The row may be sound where the history is not.
      do throws(StoreError) {
        let revision = try store.describe(instance)?.revision
        return .loaded(instance, revision.map { .unreadable(error.message, $0) } ?? .missing)
      } catch { return .loaded(instance, .failed(error.message)) }
    }
  }

  func inbox(_ instance: InstanceID, _ after: MessageSequence) -> RuntimeInput {
    do throws(StoreError) {
      return .foundMessages(instance, try store.inbox(of: instance, after: after))
    } catch { return .loaded(instance, .failed(error.message)) }
  }

  func due(_ node: NodeID, _ now: TimestampMS) -> RuntimeInput {
    do throws(StoreError) {
      // Whoever reaps a node must say so: the next one to look finds nothing to reap.
      if try store.reapNodes() > 0 { hub.tellUnheldWork() }
      return .foundDue(try store.dueInstances(ownedBy: node, now: now, limit: Limits.pageRows))
    } catch { return .missed }
  }

  func lost(_ claims: [ActivityKey: ActivityClaim]) -> RuntimeInput {
    let asked = claims.map { ClaimedActivity(key: $0.key, claim: $0.value) }
    do throws(StoreError) {
      let lost = try store.lostClaims(of: asked).map { ($0.key, $0.claim) }
      return .claimsLost(Dictionary(lost, uniquingKeysWith: { one, _ in one }))
    } catch { return .missed }
  }

  func nextDue(_ now: TimestampMS) -> RuntimeInput {
    do throws(StoreError) {
      return .nextDueFound(try store.nextDue(after: now))
    } catch { return .nextDueFound(now + 1_000) }
  }
}
