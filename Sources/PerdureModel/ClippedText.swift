extension String {
  /// The beginning that has at most so many bytes of UTF-8. A single character can have any number of them:
  /// whatever is bounded in characters has no bound.
  package func clipped(toBytes limit: Int) -> String {
    guard utf8.count > limit else { return self }
    var end = utf8.index(startIndex, offsetBy: max(0, limit))
    // Not in the middle of a scalar.
    while end > startIndex, end.samePosition(in: unicodeScalars) == nil { end = utf8.index(before: end) }
    return String(unicodeScalars[..<end])
  }
}
