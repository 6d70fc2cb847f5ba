/// Who may know whom. One step reads through the folders in one direction, and what decides does not act.
extension Rules {
  static let modules = [imports, noFoundation, pureTargets, publicOnlyAtTheEdge]

  /// Targets whose code decides: the same input gives the same answer, anywhere, at any time.
  static let pure: Set<String> = [
    "PerdureModel", "PerdureWire", "PerdureReplay", "PerdureDispatch", "PerdureDriver", "PerdureRehearsal",
    "PerdureSchedule",
  ]

  /// Targets that end up in libdx.
  static let engine: Set<String> = pure.union([
    "PerdureStore", "PerdureStoreMemory", "PerdureStoreSQL", "PerdureStoreSQLite", "PerdureStorePostgres",
    "PerdureStoreConformance", "PerdureRuntime",
    "PerdureClient", "PerdureABI", "PerdureExport",
  ])

  /// What each target may import.
  static let importTable: [String: Set<String>] = [
    "PerdureModel": [],
    "PerdureWire": ["PerdureModel"],
    "PerdureReplay": ["PerdureModel"],
    "PerdureDispatch": ["PerdureModel", "PerdureReplay"],
    "PerdureSchedule": ["PerdureModel", "PerdureWire"],
    "PerdureStore": ["PerdureModel", "Glibc"],
    "PerdureStoreMemory": ["PerdureModel", "PerdureWire", "PerdureStore", "Synchronization"],
    "PerdureStoreSQL": ["PerdureModel", "PerdureWire", "PerdureStore", "Glibc", "Synchronization"],
    "PerdureStoreSQLite": [
      "PerdureModel", "PerdureStore", "PerdureStoreSQL", "CSQLite", "Glibc", "Synchronization",
    ],
    "PerdureStorePostgres": [
      "PerdureModel", "PerdureWire", "PerdureStore", "PerdureStoreSQL", "Glibc", "Synchronization",
    ],
    "PerdureStoreConformance": ["PerdureModel", "PerdureStore", "Glibc", "Synchronization"],
    "PerdureRuntime": [
      "PerdureModel", "PerdureWire", "PerdureReplay", "PerdureDispatch", "PerdureDriver", "PerdureSchedule",
      "PerdureStore", "Glibc", "Synchronization",
    ],
    "PerdureClient": [
      "PerdureModel", "PerdureWire", "PerdureReplay", "PerdureSchedule", "PerdureStore", "PerdureRuntime",
      "Synchronization",
    ],
    "PerdureABI": [
      "CDX", "CFork", "PerdureModel", "PerdureWire", "PerdureStore", "PerdureStoreMemory",
      "PerdureStoreSQLite",
      "PerdureStorePostgres", "PerdureRuntime", "PerdureClient", "PerdureRehearsal", "Glibc",
      "Synchronization",
    ],
    "PerdureExport": [],
    "Perdure": [
      "CDX", "PerdureModel", "PerdureWire", "Dispatch", "Foundation", "FoundationEssentials", "Glibc",
      "Synchronization",
    ],
    "PerdureTesting": [
      "Perdure", "PerdureModel", "PerdureWire", "Foundation", "FoundationEssentials", "Glibc",
      "Synchronization",
    ],
    "PerdureDriver": ["PerdureModel", "PerdureDispatch", "PerdureStore"],
    "PerdureRehearsal": [
      "PerdureModel", "PerdureReplay", "PerdureDispatch", "PerdureDriver", "PerdureStore",
      "PerdureStoreMemory",
    ],
    "PerdureSimulation": [
      "PerdureModel", "PerdureReplay", "PerdureDispatch", "PerdureDriver", "PerdureStore",
      "PerdureStoreMemory",
    ],
    "dx-sim": ["PerdureSimulation", "Glibc"],
    "PerdureFuzzing": [
      "CDX", "CSQLite", "PerdureModel", "PerdureWire", "PerdureReplay", "PerdureSchedule", "PerdureStore",
      "PerdureStoreSQL", "PerdureStoreSQLite", "PerdureABI", "Glibc", "Synchronization",
    ],
    "dx-fuzz": ["CFuzzer", "PerdureFuzzing", "Glibc"],
  ]

  static let imports = Rule.each(
    "Targets import only what their place allows",
    broken: [
      SourceFile(path: "Sources/PerdureModel/A.swift", text: "import Glibc"),
      SourceFile(path: "Sources/PerdureStore/A.swift", text: "package import PerdureWire"),
      SourceFile(path: "Sources/PerdureReplay/A.swift", text: "import struct PerdureStore.StoreError"),
      SourceFile(path: "Sources/Unknown/A.swift", text: "import PerdureModel"),
    ],
    kept: [
      SourceFile(path: "Sources/PerdureReplay/A.swift", text: "package import PerdureModel // import Glibc"),
      SourceFile(
        path: "Sources/PerdureABI/A.swift", text: "public import CDX\ninternal import PerdureClient"),
      SourceFile(path: "Tests/A/B.swift", text: "import Foundation"),
    ]
  ) { file in
    guard let target = file.sourceTarget, file.language == .swift else { return [] }
    return importedModules(file).compactMap { line, module in
      guard importTable[target]?.contains(module) != true else { return nil }
      return Finding(path: file.path, line: line, message: "\(target) may not import \(module)")
    }
  }

  static let noFoundation = Rule.each(
    "No Foundation in libdx",
    broken: [SourceFile(path: "Sources/PerdureABI/A.swift", text: "internal import Foundation")],
    kept: [SourceFile(path: "Sources/Perdure/A.swift", text: "import Foundation")]
  ) { file in
    guard let target = file.sourceTarget, engine.contains(target) else { return [] }
    return importedModules(file).filter { $0.module.hasPrefix("Foundation") || $0.module == "Dispatch" }
      .map { Finding(path: file.path, line: $0.line, message: "\($0.module) does not go into libdx") }
  }

  static let pureTargets = Rule.each(
    "Pure targets reach no clock, chance, thread or file",
    broken: [
      "let a = Date()", "ContinuousClock.now", "try await Task.sleep(for: a)", "let id = UUID()",
      "Int.random(in: 0..<2)", "a.shuffled()", "let lock = Mutex(0)", "pthread_create(a)", "print(a)",
      "fopen(a)", "clock_gettime(a)", "usleep(1)", "DispatchQueue.main", "SystemRandomNumberGenerator()",
      "Task { a() }", "Thread.sleep(1)", "getenv(a)", "Atomic<Int>(0)",
    ].map { SourceFile(path: "Sources/PerdureDispatch/A.swift", text: $0) },
    kept: [
      SourceFile(
        path: "Sources/PerdureDispatch/A.swift", text: "/// like UUID()\nlet a = validate(updateDate(b))"),
      SourceFile(path: "Sources/PerdureModel/A.swift", text: "case activity(ActivityTask) // print(a)"),
      SourceFile(path: "Sources/PerdureRuntime/A.swift", text: "pthread_create(a)"),
    ]
  ) { file in
    guard let target = file.sourceTarget, pure.contains(target) else { return [] }
    let calls = #/\b(?:Date|UUID|print|fopen|open|getenv|usleep|sleep|clock_gettime|gettimeofday|time)\(/#
    let names =
      #/\b(?:ContinuousClock|SuspendingClock|SystemRandomNumberGenerator|DispatchQueue|FileManager)\b/#
    let threads = #/\bpthread_\w+|\b(?:Mutex|Atomic)[<(]|\bThread\.|\bTask(?:\.| \{)|\bactor \w/#
    let chance = #/\.random(?:Element)?\(|\.shuffled?\(/#
    return [calls, names, threads, chance].flatMap { file.findings($0, "not in a pure target") }
  }

  static let publicOnlyAtTheEdge = Rule.each(
    "Only the SDK and the ABI are public",
    broken: [
      SourceFile(path: "Sources/PerdureModel/A.swift", text: "  public var a = 1"),
      SourceFile(path: "Sources/PerdureStore/A.swift", text: "open class A {}"),
    ],
    kept: [
      SourceFile(path: "Sources/Perdure/A.swift", text: "public struct A {}"),
      SourceFile(path: "Sources/PerdureStore/A.swift", text: "/// public\npackage struct A {}"),
      SourceFile(path: "Sources/PerdureModel/FIFO.swift", text: "public struct FIFO {}"),
    ]
  ) { file in
    guard let target = file.sourceTarget,
      !["Perdure", "PerdureTesting", "PerdureABI", "dx-fuzz"].contains(target),
      // Generic, and hot in other modules: it says why it must be.
      file.path != "Sources/PerdureModel/FIFO.swift"
    else { return [] }
    return file.findings(#/\bpublic\b|\bopen (?:class|func|var)\b/#, "package is enough")
  }

  private static func importedModules(_ file: SourceFile) -> [(line: Int, module: String)] {
    file.codeLines.enumerated().compactMap { index, line in
      guard line.utf8.contains(UInt8(ascii: "i")), line.contains("import") else { return nil }
      let pattern =
        #/^\s*(?:@\w+\s+)*(?:\w+\s+)?import\s+(?:struct |class |enum |protocol |func |var |typealias )?(\w+)/#
      return line.firstMatch(of: pattern).map { (index + 1, String($0.output.1)) }
    }
  }
}
