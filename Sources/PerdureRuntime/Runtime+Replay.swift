package import PerdureModel
import PerdureReplay
package import PerdureStore
import PerdureWire

/// How a replay, or the replay of a whole store, came back.
package enum ReplayAnswer<Report: Sendable>: Sendable {
  case report(Report)
  /// The host did not answer in time.
  case timedOut
  /// The runtime has ended.
  case closed
  case failed(StoreError)
}

extension Runtime {
  /// Replays recorded executions, one after another, against the code that is registered here.
  ///
  /// - timeoutMS: negative for no limit.
  /// - done: called once, on a thread of its own, with a report for each.
  package func replay(
    _ recordings: [RecordedExecution], timeoutMS: Int64,
    done: @escaping @Sendable (ReplayAnswer<[ReplayReport]>) -> Void
  ) throws(RuntimeError) {
    try run(timeoutMS: timeoutMS, atOnce: 1, done: done) { job throws(ReplayFailure) in
      do throws(ReplayJob.Obstacle) {
        for recording in recordings { try job.add(recording) }
        try job.drain()
      } catch { throw .obstacle(error) }
      return job.takeReports()
    }
  }

  /// Replays the open instances of the store as they stand, and changes nothing.
  ///
  /// - timeoutMS: negative for no limit.
  /// - done: called once, on a thread of its own.
  package func preflight(
    _ request: PreflightRequest, timeoutMS: Int64,
    done: @escaping @Sendable (ReplayAnswer<PreflightReport>) -> Void
  ) throws(RuntimeError) {
    let atOnce = 16
    try run(timeoutMS: timeoutMS, atOnce: atOnce, done: done) { [self] job throws(ReplayFailure) in
      var report = PreflightReport()
      report.ignoresNotRegistered = request.ignoresNotRegistered
      func isFull() -> Bool { request.limit.map { report.checked &+ job.pending >= $0 } ?? false }
      for status in request.statuses {
        var cursor: Int64? = 0
        while let next = cursor, !isFull() {
          let query = ListQuery(
            orchestration: request.orchestration, status: status, cursor: next, limit: Self.pageRows)
          let page = try readStore { () throws(StoreError) in try hub.store.list(query) }
          for row in page.instances where !isFull() {
            try check(row, job, &report)
            for one in job.takeReports() { report.add(one) }
          }
          cursor = page.next
        }
      }
      do throws(ReplayJob.Obstacle) { try job.drain() } catch { throw .obstacle(error) }
      for one in job.takeReports() { report.add(one) }
      return report
    }
  }

  private static let pageRows = 200

  private enum ReplayFailure: Error {
    case obstacle(ReplayJob.Obstacle)
    case store(StoreError)
  }

  private func run<Report: Sendable>(
    timeoutMS: Int64, atOnce: Int, done: @escaping @Sendable (ReplayAnswer<Report>) -> Void,
    _ body: @escaping @Sendable (ReplayJob) throws(ReplayFailure) -> Report
  ) throws(RuntimeError) {
    let job = ReplayJob(self, timeoutMS: timeoutMS, atOnce: atOnce)
    guard begin(job) else {
      throw .wrongStage("histories are replayed by a runtime that has been started and not stopped")
    }
    let started = startThread { [self] in
      let answer: ReplayAnswer<Report>
      do throws(ReplayFailure) {
        answer = .report(try body(job))
      } catch {
        answer =
          switch error {
          case .obstacle(.timedOut): .timedOut
          case .obstacle(.closed): .closed
          case .store(let error): .failed(error)
          }
      }
      forget(job)
      done(answer)
    }
    guard started else {
      forget(job)
      throw .noThreads
    }
  }

  /// Replays one open instance as its row and history stand now.
  private func check(
    _ row: InstanceDescription, _ job: ReplayJob, _ report: inout PreflightReport
  ) throws(ReplayFailure) {
    var recording = RecordedExecution(
      instance: row.instance, execution: row.execution, orchestration: row.orchestration,
      version: row.version, events: [])
    if resolve(row.orchestration, row.version) == nil {
      return report.add(HistoryReplay.notRegistered(recording))
    }
    let snapshot: InstanceSnapshot
    do throws(StoreError) {
      // Gone since, or ended: nobody will run it.
      guard let found = try hub.store.load(row.instance), !found.description.status.isTerminal else { return }
      snapshot = found
    } catch {
      guard error.code == .corrupt else { throw .store(error) }
      return report.add(
        HistoryReplay.malformed(recording, HistoryFault(event: 0, message: error.message)))
    }
    if snapshot.start != nil || snapshot.history.isEmpty {
      report.checked &+= 1
      report.pending &+= 1
      return
    }
    recording.execution = snapshot.description.execution
    recording.version = snapshot.description.version
    recording.events = snapshot.history
    recording.kv = snapshot.kv
    do throws(ReplayJob.Obstacle) { try job.add(recording) } catch { throw .obstacle(error) }
  }

  private func readStore<Value>(_ body: () throws(StoreError) -> Value) throws(ReplayFailure) -> Value {
    do throws(StoreError) { return try body() } catch { throw .store(error) }
  }

  /// Replays one execution. `done` is called once, on whatever thread, unless the host never answers.
  func replay(_ given: RecordedExecution, done: @escaping @Sendable (ReplayReport) -> Void) {
    var recording = given
    if case .orchestrationStarted(let name, let version, _, _, _)? = given.events.first?.kind {
      recording.orchestration = given.orchestration ?? name
      recording.version = given.version ?? version
    }
    guard let version = resolve(recording.orchestration ?? "", recording.version) else {
      return done(HistoryReplay.notRegistered(recording))
    }
    recording.version = version
    let replay: HistoryReplay
    do throws(HistoryFault) {
      replay = try HistoryReplay(recording)
    } catch {
      return done(HistoryReplay.malformed(recording, error).with(recording))
    }
    if replay.isEmpty { return done(replay.unbegun) }
    guard let function = function(for: replay.request) else {
      return done(HistoryReplay.notRegistered(recording))
    }
    let ticket = TurnTicket(replay.request, self) { reply in
      switch reply {
      case .answered(let answer): done(replay.judge(answer).with(replay.recording))
      case .failed(let failure): done(replay.failed(failure))
      }
    }
    hosts.add(ticket, function)
    hosts.wake()
  }
}

extension ReplayReport {
  /// With the kind of its event.
  fileprivate func with(_ recording: RecordedExecution) -> ReplayReport {
    var report = self
    report.eventKind = recording.events.first { $0.id == event }.map { EventWire.kind(of: $0) }
    return report
  }
}
