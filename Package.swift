// swift-tools-version:6.2
import PackageDescription

let strict: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .treatAllWarnings(as: .error),
]

// Each function in a section of its own, for the linker to order (see order.txt). SwiftPM takes such flags
// from nobody whom it has checked out as a dependency.
let isDependency = Context.packageDirectory.contains("/checkouts/")
let sectioned: [SwiftSetting] =
  isDependency
  ? []
  : [.unsafeFlags(["-Xfrontend", "-function-sections"], .when(platforms: [.linux], configuration: .release))]

func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict + sectioned)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []) -> Target {
  .testTarget(name: name, dependencies: dependencies, resources: resources, swiftSettings: strict)
}

// Set by Tests/sanitize/run.py. The runtime of a sanitizer stands in the program, not in libdx.so, and must
// see Swift's own library from outside.
let isSanitized = Context.environment["PERDURE_SANITIZE"] != nil
let export = "\(Context.packageDirectory)/Sources/PerdureExport"
let selfContainedFlags =
  isSanitized
  ? []
  : [
    "-static-stdlib", "-use-ld=lld", "-L", "\(export)/static",
    "-Xlinker", "--symbol-ordering-file=\(export)/order.txt", "-Xlinker", "--no-warn-symbol-ordering",
  ]
// A program, as docs/swift.md links it for release: what --static-swift-stdlib adds for Foundation.
let selfContainedProgramFlags =
  isSanitized ? [] : selfContainedFlags + ["-l_FoundationCollections", "-l_FoundationCShims"]
let completeFlags = isSanitized ? [] : ["-Xlinker", "-z", "-Xlinker", "defs"]

// The self-contained libdx.so: runtimes of Swift and C++ linked in (release), what programs use of it side by
// side, only dx_* exported, never unloaded.
let exportFlags: [LinkerSetting] = [
  .unsafeFlags(selfContainedFlags, .when(platforms: [.linux], configuration: .release)),
  .unsafeFlags(
    [
      "-Xlinker", "--version-script=\(export)/exports.map",
      "-Xlinker", "-soname=libdx.so",
      "-Xlinker", "-z", "-Xlinker", "nodelete",
    ] + completeFlags, .when(platforms: [.linux])),
]

// Each in Swift and in Python.
let scenarios = [
  "account", "approval_timeout", "chat_agent", "dsl", "early_return", "expense_approval",
  "file_processing", "greetings", "money_transfer", "mutex", "order_items", "polling",
  "provisioning", "sliding_window", "subscription", "updatable_timer", "versioning",
]

// Everything that reads bytes from outside, as functions of bytes. `make fuzz` drives them with libFuzzer,
// which `swift build` alone does not link: dx-fuzz is part of the package only with PERDURE_FUZZ set.
let fuzzed: [Target.Dependency] = [
  "CDX", "CSQLite", "PerdureModel", "PerdureWire", "PerdureReplay", "PerdureSchedule", "PerdureStore",
  "PerdureStoreSQL", "PerdureStoreSQLite", "PerdureABI",
]
let fuzzer: [Target] =
  Context.environment["PERDURE_FUZZ"] == nil
  ? []
  : [
    .systemLibrary(name: "CFuzzer"),
    .executableTarget(
      name: "dx-fuzz", dependencies: ["CFuzzer", "PerdureFuzzing"],
      swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])]),
  ]

let package = Package(
  name: "perdure",
  products: [
    .library(name: "dx", type: .dynamic, targets: ["PerdureABI", "PerdureExport"]),
    .library(name: "Perdure", targets: ["Perdure", "PerdureABI"]),
    .library(name: "PerdureTesting", targets: ["PerdureTesting", "PerdureABI"]),
    .library(name: "PerdureStoreConformance", targets: ["PerdureStoreConformance"]),
    .executable(name: "dx-sim", targets: ["dx-sim"]),
  ],
  targets: [
    .target(name: "CDX", path: ".", sources: ["Sources/CDX"], publicHeadersPath: "include"),
    .systemLibrary(name: "CSQLite", providers: [.apt(["libsqlite3-dev"])]),
    .systemLibrary(name: "CFork"),

    library("PerdureModel"),
    library("PerdureWire", ["PerdureModel"]),
    library("PerdureReplay", ["PerdureModel"]),
    library("PerdureDispatch", ["PerdureModel", "PerdureReplay"]),
    library("PerdureSchedule", ["PerdureModel", "PerdureWire"]),
    library("PerdureStore", ["PerdureModel"]),
    library("PerdureStoreMemory", ["PerdureStore", "PerdureModel", "PerdureWire"]),
    library("PerdureDriver", ["PerdureModel", "PerdureDispatch", "PerdureStore"]),
    library(
      "PerdureRehearsal",
      [
        "PerdureModel", "PerdureReplay", "PerdureDispatch", "PerdureDriver", "PerdureStore",
        "PerdureStoreMemory",
      ]),
    library("PerdureStoreSQL", ["PerdureStore", "PerdureModel", "PerdureWire"]),
    .target(
      name: "PerdureStoreSQLite",
      dependencies: ["PerdureStore", "PerdureStoreSQL", "PerdureModel", "CSQLite"],
      swiftSettings: strict + sectioned, linkerSettings: [.linkedLibrary(":libsqlite3.a")]),
    library("PerdureStorePostgres", ["PerdureStore", "PerdureStoreSQL", "PerdureModel", "PerdureWire"]),
    library("PerdureStoreConformance", ["PerdureStore", "PerdureModel"]),
    library(
      "PerdureRuntime",
      [
        "PerdureModel", "PerdureWire", "PerdureReplay", "PerdureDispatch", "PerdureDriver", "PerdureSchedule",
        "PerdureStore",
      ]),
    library(
      "PerdureClient",
      [
        "PerdureModel", "PerdureWire", "PerdureReplay", "PerdureSchedule", "PerdureStore", "PerdureRuntime",
      ]),
    library(
      "PerdureABI",
      [
        "CDX", "CFork", "PerdureModel", "PerdureWire", "PerdureStore", "PerdureStoreMemory",
        "PerdureStoreSQLite", "PerdureStorePostgres", "PerdureRuntime", "PerdureClient", "PerdureRehearsal",
      ]),
    .target(
      name: "PerdureExport", dependencies: ["PerdureABI"], exclude: ["exports.map", "order.txt", "static"],
      linkerSettings: exportFlags),
    library("Perdure", ["CDX", "PerdureModel", "PerdureWire"]),
    library("PerdureTesting", ["Perdure", "PerdureModel", "PerdureWire"]),
    library(
      "PerdureSimulation",
      [
        "PerdureModel", "PerdureReplay", "PerdureDispatch", "PerdureDriver", "PerdureStore",
        "PerdureStoreMemory",
      ]),
    .executableTarget(name: "dx-sim", dependencies: ["PerdureSimulation"], swiftSettings: strict),
    library("PerdureFuzzing", fuzzed),

    .executableTarget(
      name: "example-hello", dependencies: ["Perdure", "PerdureABI"], path: "examples/hello",
      exclude: ["hello.c", "hello.cpp", "hello.js", "hello.py"], sources: ["hello.swift"],
      swiftSettings: strict),
    .executableTarget(
      name: "example-order", dependencies: ["Perdure", "PerdureABI"], path: "examples/order",
      exclude: ["demo.py", "order.c", "order.cpp", "order.js", "order.py", "timeline.py"],
      sources: ["order.swift"], swiftSettings: strict),
    .executableTarget(
      name: "example-simulate", dependencies: ["Perdure", "PerdureTesting", "PerdureABI"],
      path: "examples/simulate",
      exclude: [
        "double_charge.js", "double_charge.py", "forgotten_event.py", "lost_compensation.py", "simulate.cpp",
      ],
      sources: ["simulate.swift"], swiftSettings: strict),
    .executableTarget(
      name: "example-mixed", dependencies: ["Perdure", "PerdureABI"], path: "examples/mixed",
      exclude: ["README.md", "orders.py", "place.c", "prices.mjs"], sources: ["ship.swift"],
      swiftSettings: strict),
    .systemLibrary(name: "CYAML", providers: [.apt(["libyaml-dev"])]),
    .executableTarget(
      name: "scenarios", dependencies: ["Perdure", "PerdureABI", "CYAML"], path: "examples/scenarios",
      exclude: ["README.md", "common.py", "dsl/parallel.yaml", "dsl/sequence.yaml"]
        + scenarios.map { "\($0)/\($0).py" },
      swiftSettings: strict),
    .executableTarget(
      name: "bench-swift", dependencies: ["Perdure", "PerdureABI"], path: "benchmarks/swift",
      swiftSettings: strict + sectioned,
      linkerSettings: [
        .unsafeFlags(selfContainedProgramFlags, .when(platforms: [.linux], configuration: .release))
      ]),

    tests("PerdureWireTests", ["PerdureWire", "PerdureModel"]),
    tests("PerdureReplayTests", ["PerdureReplay", "PerdureModel"]),
    tests("PerdureScheduleTests", ["PerdureSchedule", "PerdureWire", "PerdureModel"]),
    tests("PerdureDispatchTests", ["PerdureDispatch", "PerdureReplay", "PerdureModel"]),
    tests(
      "PerdureStoreTests",
      [
        "PerdureStore", "PerdureStoreMemory", "PerdureStoreSQL", "PerdureStoreSQLite", "PerdureStorePostgres",
        "PerdureStoreConformance", "PerdureModel", "CSQLite",
      ]),
    tests(
      "PerdureRuntimeTests",
      ["PerdureRuntime", "PerdureClient", "PerdureStore", "PerdureStoreMemory", "PerdureModel"]),
    tests(
      "FaultTests",
      [
        "PerdureRuntime", "PerdureClient", "PerdureStore", "PerdureStoreMemory", "PerdureStoreSQL",
        "PerdureStoreSQLite", "PerdureStoreConformance", "PerdureSimulation", "PerdureModel",
      ]),
    .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: strict),
    tests("PerdureABITests", ["PerdureABI", "CDX", "TestSupport"]),
    tests(
      "PerdureTests",
      ["Perdure", "PerdureTesting", "PerdureABI", "PerdureModel", "PerdureWire", "TestSupport"]),
    tests("PerdureTestingTests", ["Perdure", "PerdureTesting", "PerdureABI", "TestSupport"]),
    tests("DocumentationTests", ["Perdure", "PerdureTesting", "PerdureABI", "TestSupport"]),
    tests("KitTests", ["Perdure", "PerdureABI"]),
    tests("SimulationTests", ["PerdureSimulation"]),
    tests("PerdureRehearsalTests", ["PerdureRehearsal", "PerdureModel", "PerdureWire"]),
    tests("FuzzTests", ["PerdureFuzzing", "TestSupport"]),
    // They read every file of the repository byte by byte.
    .testTarget(name: "TidyTests", swiftSettings: strict + [.unsafeFlags(["-O"])]),
  ] + fuzzer,
  swiftLanguageModes: [.v6]
)
