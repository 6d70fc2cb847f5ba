import PerdureModel
import Testing

@testable import Perdure

@Suite struct DerivedValueTests {
  /// Numbers that every language must give; worked out from docs/wire-format.md by hand and by the reference
  /// SplitMix64.
  @Test func splitMixMatchesItsReference() {
    var generator = SplitMix64(seed: 1_234_567)
    let expected: [UInt64] = [
      6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
      4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
    ]
    #expect(expected.map { _ in generator.next() } == expected)
  }

  @Test func guidsCarryVersionAndVariant() {
    var generator = SplitMix64(instance: "order-7", execution: 1)
    for _ in 0..<100 {
      let guid = Array(generator.nextGUID())
      #expect(guid.count == 36)
      #expect([8, 13, 18, 23].allSatisfy { guid[$0] == "-" })
      #expect(guid[14] == "4")
      #expect("89ab".contains(guid[19]))
    }
  }

  @Test func instancesAndExecutionsDiffer() {
    var first: [UInt64] = []
    for (instance, execution) in [("a", 1), ("a", 2), ("b", 1), ("a1", 1)] {
      var generator = SplitMix64(instance: instance, execution: Int64(execution))
      first.append(generator.next())
    }
    #expect(Set(first).count == 4)
  }

  @Test func theyAreTheSameInReplay() {
    let rig = Rig { context in
      let before = [context.newGUID(), "\(context.random())", "\(context.now)"]
      try await context.sleep(for: .milliseconds(5))
      return before + [context.newGUID(), "\(context.random())", "\(context.now)"]
    }
    rig.start()
    rig.deliver(.timerFired(action: 1))
    #expect(rig.output != nil)
    #expect(rig.replay()?.end == rig.end)
  }

  @Test func durationsAreRoundedUpAndClamped() {
    let table: [(Duration, Int64)] = [
      (.zero, 0), (.milliseconds(5), 5), (.microseconds(1), 1), (.nanoseconds(1_000_001), 2),
      (.seconds(2), 2_000), (.milliseconds(-3), -3), (.microseconds(-1_500), -1),
      (.seconds(Int64.max), Timestamp.largest), (.seconds(Int64.min), -Timestamp.largest),
    ]
    for (duration, expected) in table { #expect(duration.millisecondsRoundedUp == expected, "\(duration)") }
    let late = Timestamp(millisecondsSince1970: .max).advanced(by: .seconds(1))
    #expect(late.millisecondsSince1970 == Timestamp.largest)
  }
}
