import Foundation
import PerdureClient
import PerdureModel
import PerdureRuntime
import PerdureStore
import PerdureStoreConformance
import PerdureStoreMemory
import PerdureStoreSQLite
import Synchronization
import Testing

@testable import PerdureSimulation

/// An open store with its hub and client, as one process has them.
private final class Opened: @unchecked Sendable {
  let hub: Hub
  let client: Client
  private var runtime: Runtime?

  init(_ store: any Store, clock: ClockSettings = .system) throws {
    hub = try Hub(store: store, clock: clock, log: { _ in })
    client = Client(hub: hub)
  }

  func serve(_ host: ProgramHost) throws {
    let runtime = Runtime(hub: hub, settings: RuntimeSettings())
    try host.register(on: runtime)
    try runtime.start()
    self.runtime = runtime
  }

  func wait(_ instance: InstanceID) throws -> InstanceDescription? {
    let answer = OneShot<WaitDesk.Answer>()
    guard try client.wait(for: instance, timeoutMS: 20_000, answer: { answer.set($0) }) else { return nil }
    if case .reached(let row) = answer.wait() { return row }
    return nil
  }

  func close() throws {
    if let runtime {
      let stopped = OneShot<Void>()
      try runtime.stop(graceMS: 0) { stopped.set(()) }
      stopped.wait()
    }
    hub.close()
  }
}

/// What another process does to a file is noticed, whatever fails on the way; by the system's clock.
@Suite struct TwoProcessTests {
  /// Waits for a message; runs an activity; waits for another one.
  static let program = Program(
    body: .sequence([
      .message(.event, name: 0), .activity(Work(kind: .add, number: 1)), .message(.queue, name: 1),
    ]), rounds: 1, onCancel: .pass)

  /// The first looks for what others wrote fail: those for messages, for lost claims, for the dead.
  @Test(arguments: ["dueInstances", "reapNodes", "inbox", "load", "nextDue"])
  func aLookThatFailsIsMadeAgain(_ name: String) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "perdure-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appending(path: "store.sqlite").path
    let failures = Mutex(0)
    let isArmed = Atomic(false)
    let faulty = FaultStore(try SQLiteStore.open(path: path)) { call in
      guard isArmed.load(ordering: .relaxed), call.name.hasPrefix(name) else { return nil }
      return failures.withLock { count in
        count += 1
        return count <= 2 ? .failsBefore : nil
      }
    }
    let here = try Opened(faulty)
    let there = try Opened(try SQLiteStore.open(path: path))
    try here.serve(ProgramHost([Self.program]))
    _ = try here.client.start(
      StartRequest(orchestration: Program.name(0), instance: "a", input: ProgramInput().payload))
    let subscribed = try eventually { try here.client.describe("a").eventCount >= 2 }
    #expect(subscribed)
    isArmed.store(true, ordering: .relaxed)
    let messages: [(Channel, String)] = [(.event, "m0"), (.queue, "m1")]
    for (channel, message) in messages {
      _ = try there.client.send(SendRequest(instance: "a", channel: channel, name: message))
    }
    #expect(try there.wait("a")?.output == Payload("4"))
    try here.close()
    try there.close()
  }

  private func eventually(_ condition: () throws -> Bool) throws -> Bool {
    for _ in 0..<2_000 {
      if try condition() { return true }
      usleep(10_000)
    }
    return false
  }
}

/// A host whose turns fail over and over.
@Suite struct FailingHostTests {
  @Test(arguments: Place.allCases)
  func anInstanceWhoseTurnsFailIsSetAsideAndCanBePutBack(_ place: Place) throws {
    try place.with { store in
      let opened = try Opened(store, clock: .virtual(startMS: FaultyWorld.start))
      let isSick = Atomic(true)
      let runtime = Runtime(hub: opened.hub, settings: RuntimeSettings())
      let turns = Mutex(0)
      try runtime.registerOrchestration(
        "sick", version: .first,
        .callback { ticket in
          turns.withLock { $0 += 1 }
          guard !isSick.load(ordering: .relaxed) else {
            _ = ticket.fail(Failure(type: "HostError", message: "the host stumbled"))
            return
          }
          let end = TurnEnd(after: ticket.request.events.last?.id ?? 0, kind: .completed(output: .null))
          _ = ticket.answer(.ran(TurnResult(end: end)))
        })
      try ProgramHost([FailingHostTests.sound]).register(on: runtime)
      try runtime.start()
      _ = try opened.client.start(StartRequest(orchestration: "sick", instance: "bad"))
      for index in 0..<20 {
        _ = try opened.client.start(
          StartRequest(orchestration: "p0", instance: "good-\(index)", input: ProgramInput().payload))
      }
      for index in 0..<20 { #expect(try opened.wait("good-\(index)")?.output == Payload("2")) }
      let moved = OneShot<WaitDesk.Answer>()
      #expect(opened.hub.advance(byMS: 600_000, untilMonotonicNS: nil) { moved.set($0) })
      _ = moved.wait()
      let row = try opened.client.describe("bad")
      #expect(row.status == .quarantined && row.failure?.type == FailureType.poison)
      #expect(row.failure?.cause?.message == "the host stumbled")
      #expect(turns.withLock { $0 } == Limits.turnFailures)
      isSick.store(false, ordering: .relaxed)
      _ = try opened.client.control(ControlRequest(instance: "bad", operation: .control(.retry)))
      #expect(try opened.wait("bad")?.status == .completed)
      let stopped = OneShot<Void>()
      try runtime.stop(graceMS: 0) { stopped.set(()) }
      stopped.wait()
      try opened.close()
    }
  }

  static let sound = Program(body: .activity(Work(kind: .add, number: 1)), rounds: 1, onCancel: .pass)
}
