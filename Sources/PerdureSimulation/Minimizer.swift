/// Leaves out faults of a failing world while the same promise stays broken (delta debugging).
package enum Minimizer {
  /// Worlds that may be run for it.
  package static let runsMax = 400

  /// - report: of a run of `options` that broke a promise.
  /// - Returns: faults that suffice, in order, and the sentence of that run.
  package static func minimize(
    _ options: Simulation.Options, _ report: Simulation.Report, runsMax: Int = runsMax
  ) -> (faults: [Fault], violation: String) {
    let shape = report.violation.map(Self.shape)
    var needed = report.happened
    var violation = report.violation ?? ""
    var runs = 0
    func fails(_ faults: [Fault]) -> Bool {
      guard runs < runsMax else { return false }
      runs += 1
      var options = options
      options.only = faults
      let report = Simulation.run(options)
      guard let sentence = report.violation, Self.shape(sentence) == shape else { return false }
      // Some of them may not have happened any more.
      needed = report.happened
      violation = sentence
      return true
    }
    if fails([]) { return (needed, violation) }
    // Whole kinds first.
    for kind in FaultKind.allCases where needed.contains(where: { $0.kind == kind }) {
      _ = fails(needed.filter { $0.kind != kind })
    }
    var parts = 2
    while needed.count > 1, runs < runsMax {
      let size = (needed.count + parts - 1) / parts
      let isSmaller = stride(from: 0, to: needed.count, by: size).contains { start in
        fails(Array(needed.prefix(start) + needed.dropFirst(start + size)))
      }
      if isSmaller {
        parts = max(2, parts - 1)
      } else if size == 1 {
        break
      } else {
        parts = min(parts * 2, needed.count)
      }
    }
    return (needed, violation)
  }

  /// What stays of a sentence when names and numbers are taken out of it.
  static func shape(_ sentence: String) -> String {
    var isQuoted = false
    var shape = ""
    for letter in sentence {
      if letter == "'" { isQuoted.toggle() }
      if !isQuoted, letter.isLetter || letter == " " { shape.append(letter) }
    }
    return shape
  }
}
