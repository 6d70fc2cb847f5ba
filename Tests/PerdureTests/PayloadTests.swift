import PerdureModel
import Testing

@testable import Perdure

@Suite struct PayloadTests {
  struct Sample: Codable, Hashable {
    var zeta = 1
    var alpha: String? = "x/y"
    var map = ["b": 2, "a": 1, "c": 3]
  }

  @Test func theSameValueAlwaysGivesTheSameBytes() throws {
    #expect(
      try PayloadCoding.encode(Sample(), "").text
        == #"{"alpha":"x/y","map":{"a":1,"b":2,"c":3},"zeta":1}"#)
  }

  @Test func scalarsStandAlone() throws {
    #expect(try PayloadCoding.encode(5, "").text == "5")
    #expect(try PayloadCoding.encode("é\n", "").text == #""é\n""#)
    #expect(try PayloadCoding.encode(Int?.none, "").text == "null")
    #expect(try PayloadCoding.encode(Nothing(), "").text == "null")
    #expect(try PayloadCoding.encode([Nothing()], "").text == "[null]")
    #expect(try PayloadCoding.decode(Int?.self, .null, "") == nil)
    #expect(try PayloadCoding.decode(Nothing.self, Payload(#"{"a":[1]}"#), "") == Nothing())
    #expect(try PayloadCoding.decode(UInt64.self, Payload("18446744073709551615"), "") == .max)
  }

  @Test func whatCannotBeStoredIsNamed() {
    let nul = #expect(throws: PayloadError.self) { try PayloadCoding.encode("a\0b", "the input of 'x'") }
    #expect(nul?.message.hasPrefix("the input of 'x' cannot be stored") == true)
    let nan = #expect(throws: PayloadError.self) { try PayloadCoding.encode(Double.nan, "the output") }
    #expect(nan?.message.hasPrefix("the output cannot be written as JSON") == true)
  }

  struct Declined: Error, Codable, Hashable {
    var limit: Int
  }

  enum Plain: Error {
    case broken(String)
  }

  @Test func errorsBecomeFailures() throws {
    let declined = PerdureModel.Failure(Declined(limit: 5))
    #expect(declined.type == "Declined")
    #expect(try Failure(declined).details(as: Declined.self) == Declined(limit: 5))
    let plain = PerdureModel.Failure(Plain.broken("a\0b"))
    #expect(plain.type == "Plain")
    #expect(plain.message == "broken(\"a\\0b\")")
    #expect(plain.details == nil)
    #expect(throws: PayloadError.self) { try Failure(plain).details(as: Int.self) }
  }

  @Test func aFailureOfOnesOwnTravelsWhole() {
    let inner = Failure(type: "Inner", message: "i", detailsJSON: "[1]")
    let outer = Failure(
      type: "Outer", message: "o", detailsJSON: #"{"a":1}"#, stack: "line 1", isNonRetryable: true,
      cause: inner)
    #expect(Failure(PerdureModel.Failure(outer)) == outer)
    let wrapped = ActivityFailure(activity: "a", failure: outer)
    #expect(Failure(PerdureModel.Failure(wrapped)) == outer)
    let noJSON = Failure(type: "T", message: "m", detailsJSON: "no json")
    #expect(PerdureModel.Failure(noJSON).details == Payload(#""no json""#))
  }
}
