/// Documents that can be trusted: present, linked, and in step with the tests.
extension Rules {
  static let documents = [title, links, expected, vectors, conformanceNames, claims]

  static let title = Rule.each(
    "A document begins with its title and has one",
    broken: [
      SourceFile(path: "a.md", text: "Text\n# Title\n"), SourceFile(path: "a.md", text: "# A\n\n# B\n"),
      SourceFile(path: "a.md", text: "## A\n"),
    ],
    kept: [SourceFile(path: "a.md", text: "# A\n\n```sh\n# not a title\n```\n## B\n")]
  ) { file in
    guard file.path.hasSuffix(".md") else { return [] }
    let prose = proseLines(file)
    let titles = prose.filter { $0.text.hasPrefix("# ") }
    if file.lines.first?.hasPrefix("# ") == true, titles.count == 1 { return [] }
    return [Finding(path: file.path, line: titles.last?.line ?? 1, message: "\(titles.count) titles")]
  }

  static let links = Rule(
    "Links between files lead somewhere",
    broken: [
      [SourceFile(path: "README.md", text: "# A\n[b](docs/b.md)")],
      [SourceFile(path: "docs/a.md", text: "[b](docs/b.md)"), SourceFile(path: "docs/b.md", text: "# B")],
      [SourceFile(path: "README.md", text: "# A\nSee `docs/missing.md`.")],
    ],
    kept: [
      [
        SourceFile(
          path: "docs/a.md", text: "[b](b.md#top) [c](../c.c) [d](https://d) [e](#e) [f](decisions)"),
        SourceFile(path: "docs/b.md", text: "# B\n`docs/a.md`"), SourceFile(path: "c.c", text: ""),
        SourceFile(path: "docs/decisions/f.md", text: "# F"),
      ]
    ]
  ) { files in
    let paths = Set(files.map(\.path))
    return files.filter { $0.path.hasSuffix(".md") }.flatMap { file in
      linkTargets(file).filter { target in
        !paths.contains(target.path) && !paths.contains { $0.hasPrefix(target.path + "/") }
      }.map { Finding(path: file.path, line: $0.line, message: "\($0.path) is not there") }
    }
  }

  static let expected = Rule(
    "What a newcomer looks for is there",
    broken: [[SourceFile(path: "README.md", text: "# A")]],
    kept: [expectedPaths.map { SourceFile(path: $0, text: "text") }]
  ) { files in
    expectedPaths.filter { path in !files.contains { $0.path == path && !$0.text.isEmpty } }
      .map { Finding(path: $0, line: 0, message: "is missing or empty") }
  }

  private static let expectedPaths = [
    "README.md", "LICENSE", "CHANGELOG.md", "Makefile", "docs/README.md", "docs/architecture.md",
    "docs/c-abi.md", "docs/wire-format.md", "docs/operations.md", "docs/writing-a-binding.md",
  ]

  static let vectors = Rule(
    "Each kind of event, action and end has a vector",
    broken: [
      [
        SourceFile(path: "docs/wire-format.md", text: "## Events\n| `TimerFired`, `EventRaised` | `a` |\n"),
        SourceFile(path: "Tests/Vectors/a.json", text: "{\"kind\":\"TimerFired\"}"),
      ]
    ],
    kept: [
      [
        SourceFile(
          path: "docs/wire-format.md", text: "## Actions\n| `Cancel` | `a` |\n## Failure\n| `No` |\n"),
        SourceFile(path: "Tests/Vectors/a.json", text: "{\"kind\":\"Cancel\"}"),
      ]
    ]
  ) { files in
    let vectors = files.filter { $0.path.hasPrefix("Tests/Vectors/") }.map(\.text)
    return files.filter { $0.path == "docs/wire-format.md" }.flatMap { file in
      kinds(file).filter { kind in !vectors.contains { $0.contains(kind.quoted) } }
        .map { Finding(path: file.path, line: $0.line, message: "no vector has \($0.quoted)") }
    }
  }

  static let conformanceNames = Rule(
    "Conformance cases have names of their own",
    broken: [
      [SourceFile(path: "Sources/PerdureStoreConformance/A.swift", text: twice)],
      [
        SourceFile(path: "Sources/PerdureStoreConformance/A.swift", text: once),
        SourceFile(path: "Sources/PerdureStoreConformance/B.swift", text: once),
      ],
    ],
    kept: [[SourceFile(path: "Sources/PerdureStoreConformance/A.swift", text: once)]]
  ) { files in
    var seen: [String: Finding] = [:]
    var findings: [Finding] = []
    for file in files where file.sourceTarget == "PerdureStoreConformance" {
      for (index, line) in file.lines.enumerated() {
        guard let match = line.firstMatch(of: #/ConformanceCase\(\s*"([^"]+)"/#) else {
          continue
        }
        let name = String(match.output.1)
        let finding = Finding(path: file.path, line: index + 1, message: "\"\(name)\" is taken")
        if seen.updateValue(finding, forKey: name) != nil { findings.append(finding) }
      }
    }
    return findings
  }

  private static let once = "ConformanceCase(\"a start lands\") {}\n"
  private static let twice = once + once
}

extension Rules {
  private static func proseLines(_ file: SourceFile) -> [(line: Int, text: Substring)] {
    var isFenced = false
    return file.lines.enumerated().compactMap { index, line in
      if line.hasPrefix("```") { isFenced.toggle() }
      return isFenced ? nil : (index + 1, line)
    }
  }

  /// Paths from the root: of Markdown links, relative to the file, and of code spans that name a file in
  /// docs.
  private static func linkTargets(_ file: SourceFile) -> [(line: Int, path: String)] {
    let folder = file.path.split(separator: "/").dropLast().map(String.init)
    return proseLines(file).flatMap { line, text in
      let links = text.matches(of: #/\]\(([^)#:\s]+)(?:#[^)]*)?\)/#).map {
        resolve(String($0.output.1), in: folder)
      }
      let spans = text.matches(of: #/`(docs/[\w./-]+\.md)`/#).map { String($0.output.1) }
      return (links + spans).map { (line, $0) }
    }
  }

  private static func resolve(_ link: String, in folder: [String]) -> String {
    var parts = folder
    for part in link.split(separator: "/") where part != "." {
      if part == ".." { _ = parts.popLast() } else { parts.append(String(part)) }
    }
    return parts.joined(separator: "/")
  }

  /// The names in the first column of the tables under "Actions" and "Events".
  private static func kinds(_ file: SourceFile) -> [(line: Int, quoted: String)] {
    var section: Substring = ""
    return file.lines.enumerated().flatMap { index, line -> [(line: Int, quoted: String)] in
      if line.hasPrefix("## ") { section = line.dropFirst(3) }
      guard ["Actions", "Events"].contains(section), line.hasPrefix("| `") else { return [] }
      let column = line.dropFirst(2).prefix { $0 != "|" }
      return column.matches(of: #/`([A-Z]\w+)`/#).map { (index + 1, "\"\($0.output.1)\"") }
    }
  }
}
