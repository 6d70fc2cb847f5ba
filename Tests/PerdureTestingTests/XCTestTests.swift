import Perdure
import PerdureABI
import PerdureTesting
import XCTest

/// The other test framework: what is thrown is the failure of the test there, too.
final class XCTestTests: XCTestCase {
  func testExpectationsThrow() async throws {
    try await withTestEnvironment([ExpectationTests.pay], stubs: ExpectationTests.stubs) { environment in
      let result = try await environment.run(ExpectationTests.pay, input: 5, instance: "p-1")
      XCTAssertEqual(result, "shipped")
      try environment.expectCalls(of: "charge", inputs: [5])
      do {
        try environment.expectCalls(of: "charge", count: 2)
        XCTFail("it is not so")
      } catch let error as ExpectationFailed {
        XCTAssertTrue(error.description.contains("charge(5) of 'p-1', attempt 1"), error.description)
      }
    }
  }
}
