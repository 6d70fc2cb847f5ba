/// Behind the ABI a trap takes the host down with it.
extension Rules {
  static let safety = [noTraps, noPaths, boundSQL]

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

  /// Parts of statements that are constants of the code. Whatever comes from outside is bound.
  private static let sqlParts: Set<String> = [
    "ActivityRow.columns", "DescriptionColumns.list", "DescriptionColumns.tables",
    "DescriptionColumns.plain", "DescriptionColumns.options", "Self.remember",
    "Self.isInUse", "Self.conditions(orchestrations)", "Self.conditions(filter)", "Schema.applicationID",
    "version", "direction", "condition", "conditions.map(\\.sql).joined(separator: \" AND \")", "from", "key",
    "column", "marks", "list", "isNamed", "named", "tagged", "next", "parameter()", "first + $0",
    "list(marks)", "rows(marks)", "list(filter.names.count, from: 3)",
    "list(tags.count, from: filter.names.count + 3)",
  ]

  static let boundSQL = Rule.each(
    "No SQL is made of values",
    broken: [
      "\"SELECT 1 FROM instances WHERE id = '\\(instance)'\"",
      "\"DELETE FROM kv WHERE key = \\(quoted(key))\"",
      "Condition(sql: \"status = \\(status)\")", "ORDER BY \\(query.order)",
    ].map { SourceFile(path: "Sources/PerdureStoreSQL/A.swift", text: $0) },
    kept: [
      SourceFile(
        path: "Sources/PerdureStoreSQL/A.swift",
        text: "\"SELECT \\(ActivityRow.columns) FROM activities WHERE pk = ?1\"\n"
          + "\"ORDER BY \\(a ? \"x\" : \"\")\""
      ),
      SourceFile(path: "Sources/PerdureStoreSQL/A.swift", text: "\"The store \\(path) is not one\""),
    ]
  ) { file in
    guard file.sourceTarget?.hasPrefix("PerdureStore") == true else { return [] }
    let keywords = #/\b(?:SELECT|INSERT|UPDATE|DELETE|FROM|WHERE|ORDER BY|VALUES|PRAGMA|sql:)\s|\bIN \(/#
    return file.lines.enumerated().flatMap { index, line -> [Finding] in
      guard line.contains(keywords) else { return [] }
      return interpolations(of: String(line)).filter { part in
        // A choice between two texts of the code is as good as one.
        !sqlParts.contains(part) && !part.hasPrefix("dialect.")
          && part.wholeMatch(of: #/[\w. =]+ \? "[^"\\]*" : "[^"\\]*"/#) == nil
      }.map { Finding(path: file.path, line: index + 1, message: "\\(\($0)) in a statement") }
    }
  }

  private static func interpolations(of line: String) -> [String] {
    var found: [String] = []
    var rest = Substring(line)
    while let begin = rest.firstRange(of: "\\(") {
      var depth = 1
      let inner = rest[begin.upperBound...].prefix { character in
        depth += character == "(" ? 1 : character == ")" ? -1 : 0
        return depth > 0
      }
      found.append(String(inner))
      rest = rest[inner.endIndex...]
    }
    return found
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
