/// Behind the ABI a trap takes the host down with it.
extension Rules {
  static let safety = [noTraps, noPaths]

  static let noTraps = Rule.each(
    "Nothing behind the ABI traps",
    broken: [
      "let a = b!", "let a = b!.c", "f()!", "a[0]!.b = 1", "let a: Int!", "try! f()", "a as! B",
      "fatalError()", "preconditionFailure(a)", "precondition(a > 0)", "a.unsafelyUnwrapped",
      "unowned(unsafe) let a: B", "let a = b! + c", "let s = \"\\(b!)\"",
    ].map { SourceFile(path: "Sources/PerdureRuntime/A.swift", text: $0) },
    kept: [
      SourceFile(
        path: "Sources/PerdureRuntime/A.swift", text: "if a != b, !c, d(!e), [!f] == g { h = i != j }"),
      SourceFile(path: "Sources/PerdureRuntime/A.swift", text: "let a = \"Stop!\" // b!\nassert(a)"),
      SourceFile(path: "Sources/PerdureSimulation/A.swift", text: "let a = b!"),
    ]
  ) { file in
    guard let target = file.sourceTarget, Rules.engine.contains(target) else { return [] }
    let unwraps = #/[\w)\]}"?>]!(?!=)/#
    let calls = #/\b(?:fatalError|preconditionFailure|precondition|assertionFailure)\(/#
    let unsafe = #/\btry!|\bas!|\bunsafelyUnwrapped\b|\bunowned\(unsafe\)/#
    return [unwraps, calls, unsafe].flatMap { file.findings($0, "can trap") }
  }

  /// A checkout works wherever it lies. The paths are put together here so that this file keeps its own rule.
  static let noPaths = Rule.each(
    "No file knows the machine it was written on",
    broken: [
      SourceFile(path: "a.md", text: "see /wo" + "rk/main"),
      SourceFile(path: "a.py", text: "'/tm" + "p/bash_jobs'"),
      SourceFile(path: "Makefile", text: "cp ../sha" + "red/a ."),
      SourceFile(path: "a.c", text: "// /ro" + "ot/.a"),
    ],
    kept: [SourceFile(path: "a.md", text: "networking /usr/local works/all")]
  ) { file in
    let paths = [
      "/wo" + "rk/", "/tm" + "p/bash_jobs", "../sha" + "red", "/ro" + "ot/", "/far" + "m/", ".libr" + "ary/",
      "/op" + "t/swift", "sub-ses" + "sion", "sub" + "agent",
    ]
    return file.lines.enumerated().flatMap { index, line in
      paths.filter { line.contains($0) }.map { Finding(path: file.path, line: index + 1, message: $0) }
    }
  }
}
