import PerdureModel
import PerdureSchedule
import PerdureStore
import PerdureWire
import Synchronization

/// The engine's own orchestration and activities, as every runtime registers them: hosts never see them.
/// Answered on the reader thread of the runtime.
final class Schedules: Sendable {
  private let store: any Store
  private let machines: Mutex<ScheduleMachines>

  /// - machines: how many schedules stay in memory between turns.
  init(store: any Store, machines limit: Int) {
    self.store = store
    machines = Mutex(ScheduleMachines(limit: limit))
  }

  var turn: HostFunction<TurnTicket> {
    .engine { [self] ticket in
      _ = ticket.answer(machines.withLock { $0.answer(ticket.request) })
    }
  }

  /// Each activity by its name.
  var activities: [(name: String, function: HostFunction<ActivityTicket>)] {
    [
      (Reserved.scheduleNext, .engine { ticket in _ = ticket.end(Self.next(ticket.task.input)) }),
      (Reserved.scheduleLook, .engine { [store] in _ = $0.end(Self.look($0.task.input, store)) }),
    ]
  }

  /// The due times after a moment: read from the zone files of this machine, now.
  private static func next(_ input: Payload) -> Outcome {
    let question: ScheduleQuestion
    do throws(WireError) {
      question = try ScheduleWire.question(input)
    } catch { return unreadable(error) }
    do throws(ScheduleFault) {
      let times = try DueTimes(question.spec, zone: try ZoneFiles.rules(of: question.spec.timeZone))
      return .completed(ScheduleWire.payload(times.answer(question)))
    } catch {
      // Another runtime may know the zone, or this one after an update: the activity is retried.
      return .failed(Failure(type: Reserved.schedule, message: error.message))
    }
  }

  /// Which of these runs have ended, and how.
  private static func look(_ input: Payload, _ store: any Store) -> Outcome {
    let instances: [InstanceID]
    do throws(WireError) {
      instances = try ScheduleWire.instances(input)
    } catch { return unreadable(error) }
    var ended: [ScheduleRun] = []
    for instance in instances {
      do throws(StoreError) {
        if let run = ScheduleRun(ended: instance, try store.describe(instance)) { ended.append(run) }
      } catch {
        return .failed(Failure(type: Reserved.schedule, message: error.message))
      }
    }
    return .completed(ScheduleWire.payload(ScheduleLook(ended: ended)))
  }

  private static func unreadable(_ error: WireError) -> Outcome {
    .failed(
      Failure(type: FailureType.protocolViolation, message: error.message, isNonRetryable: true))
  }
}

extension ScheduleRun {
  /// - row: nil: it has been deleted. Answers nil for one that has not ended.
  fileprivate init?(ended instance: InstanceID, _ row: InstanceDescription?) {
    self.init(instance: instance, dueAt: 0, startedAt: 0)
    guard let row else {
      status = .unknown
      return
    }
    guard row.status.isTerminal else { return nil }
    switch row.status {
    case .completed: end(.completed(row.output ?? .null), at: row.endedAt ?? row.updatedAt)
    case .cancelled:
      end(
        .failed(Failure(type: FailureType.cancelled, message: "cancelled")), at: row.endedAt ?? row.updatedAt)
    case .terminated:
      end(
        .failed(row.failure ?? Failure(type: FailureType.terminated, message: "terminated")),
        at: row.endedAt ?? row.updatedAt)
    default:
      let failure = row.failure ?? Failure(type: "", message: "failed")
      end(.failed(failure), at: row.endedAt ?? row.updatedAt)
    }
  }
}
