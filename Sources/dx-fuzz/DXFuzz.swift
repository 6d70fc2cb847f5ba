// dx-fuzz TARGET [libFuzzer options, corpus folders or input files...]: drives one target of PerdureFuzzing.
// Tests/fuzz/run.py (`make fuzz`) builds it with libFuzzer and the address sanitizer.
import CFuzzer
import Glibc
import PerdureFuzzing

private let variable = "PERDURE_FUZZ_TARGET"

private enum Chosen {
  static let target = getenv(variable).flatMap { FuzzTarget.named(String(cString: $0)) }
}

/// Takes the name of the target out of the arguments. It is kept in the environment, since libFuzzer runs
/// this program again for some of what it does.
@c(LLVMFuzzerInitialize)
public func initialize(
  _ count: UnsafeMutablePointer<Int32>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>
) -> Int32 {
  if count.pointee > 1, let first = arguments.pointee[1], FuzzTarget.named(String(cString: first)) != nil {
    setenv(variable, first, 1)
    arguments.pointee[1] = arguments.pointee[0]
    arguments.pointee += 1
    count.pointee -= 1
  }
  guard Chosen.target != nil else {
    print("usage: dx-fuzz TARGET [OPTION | FOLDER | FILE]...")
    for target in FuzzTarget.all { print("  \(target.name): \(target.what)") }
    exit(2)
  }
  return 0
}

@c(LLVMFuzzerTestOneInput)
public func testOneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> Int32 {
  do throws(Finding) {
    try Chosen.target?.run(Array(UnsafeBufferPointer(start: data, count: size)))
  } catch {
    let line = Array("FINDING: \(error)\n".utf8)
    _ = write(STDERR_FILENO, line, line.count)
    abort()
  }
  return 0
}

/// What `swift build` makes the process begin with, by its name.
@c(dx_fuzz_main)
public func begin(
  _ count: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
) -> Int32 {
  var count = count
  var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = arguments
  return LLVMFuzzerRunDriver(&count, &arguments, testOneInput)
}
