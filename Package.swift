// swift-tools-version:6.2
import PackageDescription

let strict: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .treatAllWarnings(as: .error),
]

func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []) -> Target {
  .testTarget(name: name, dependencies: dependencies, resources: resources, swiftSettings: strict)
}

// The self-contained libdx.so: Swift runtime linked in (release), only dx_* exported, never unloaded.
let exportFlags: [LinkerSetting] = [
  .unsafeFlags(["-static-stdlib", "-use-ld=lld"], .when(platforms: [.linux], configuration: .release)),
  .unsafeFlags(
    [
      "-Xlinker", "--version-script=\(Context.packageDirectory)/Sources/PerdureExport/exports.map",
      "-Xlinker", "-soname=libdx.so",
      "-Xlinker", "-z", "-Xlinker", "nodelete",
      "-Xlinker", "-z", "-Xlinker", "defs",
    ], .when(platforms: [.linux])),
]

let package = Package(
  name: "perdure",
  products: [
    .library(name: "dx", type: .dynamic, targets: ["PerdureABI", "PerdureExport"]),
    .library(name: "Perdure", targets: ["Perdure", "PerdureABI"]),
    .library(name: "PerdureStoreConformance", targets: ["PerdureStoreConformance"]),
    .executable(name: "dx-sim", targets: ["dx-sim"]),
  ],
  targets: [
    .target(name: "CDX", path: ".", sources: ["Sources/CDX"], publicHeadersPath: "include"),
    .systemLibrary(name: "CSQLite", providers: [.apt(["libsqlite3-dev"])]),

    library("PerdureModel"),
    library("PerdureWire", ["PerdureModel"]),
    library("PerdureReplay", ["PerdureModel"]),
    library("PerdureDispatch", ["PerdureModel", "PerdureReplay"]),
    library("PerdureStore", ["PerdureModel"]),
    library("PerdureStoreMemory", ["PerdureStore", "PerdureModel"]),
    .target(
      name: "PerdureStoreSQLite", dependencies: ["PerdureStore", "PerdureModel", "PerdureWire", "CSQLite"],
      swiftSettings: strict, linkerSettings: [.linkedLibrary(":libsqlite3.a")]),
    library("PerdureStoreConformance", ["PerdureStore", "PerdureModel"]),
    library(
      "PerdureRuntime", ["PerdureModel", "PerdureWire", "PerdureReplay", "PerdureDispatch", "PerdureStore"]),
    library("PerdureClient", ["PerdureModel", "PerdureStore", "PerdureRuntime"]),
    library(
      "PerdureABI",
      [
        "CDX", "PerdureModel", "PerdureWire", "PerdureStore", "PerdureStoreMemory", "PerdureStoreSQLite",
        "PerdureRuntime", "PerdureClient",
      ]),
    .target(
      name: "PerdureExport", dependencies: ["PerdureABI"], exclude: ["exports.map"],
      linkerSettings: exportFlags),
    library("Perdure", ["CDX", "PerdureModel", "PerdureWire"]),
    library(
      "PerdureSimulation",
      ["PerdureModel", "PerdureReplay", "PerdureDispatch", "PerdureStore", "PerdureStoreMemory"]),
    .executableTarget(name: "dx-sim", dependencies: ["PerdureSimulation"], swiftSettings: strict),

    .executableTarget(
      name: "example-hello", dependencies: ["Perdure", "PerdureABI"], path: "examples/hello",
      exclude: ["hello.c"], sources: ["hello.swift"], swiftSettings: strict),
    .executableTarget(
      name: "example-order", dependencies: ["Perdure", "PerdureABI"], path: "examples/order",
      sources: ["order.swift"], swiftSettings: strict),
    .executableTarget(
      name: "bench-swift", dependencies: ["Perdure", "PerdureABI"], path: "benchmarks/swift",
      swiftSettings: strict),

    tests("PerdureWireTests", ["PerdureWire", "PerdureModel"]),
    tests("PerdureReplayTests", ["PerdureReplay", "PerdureModel"]),
    tests("PerdureDispatchTests", ["PerdureDispatch", "PerdureReplay", "PerdureModel"]),
    tests(
      "PerdureStoreTests",
      [
        "PerdureStore", "PerdureStoreMemory", "PerdureStoreSQLite", "PerdureStoreConformance", "PerdureModel",
        "CSQLite",
      ]),
    tests(
      "PerdureRuntimeTests",
      ["PerdureRuntime", "PerdureClient", "PerdureStore", "PerdureStoreMemory", "PerdureModel"]),
    tests("PerdureABITests", ["PerdureABI", "CDX"]),
    tests("PerdureTests", ["Perdure", "PerdureABI", "PerdureModel", "PerdureWire"]),
    tests("SimulationTests", ["PerdureSimulation"]),
    tests("TidyTests", []),
  ],
  swiftLanguageModes: [.v6]
)
