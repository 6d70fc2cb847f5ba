/// What the rows of a store may look like: how a release of the engine writes them, and what it reads.
///
/// Releases may work on a store at the same time as long as each reads what the others write. A change that
/// older ones do not read is made in two steps: a release that reads it and does not write it, then one that
/// writes it.
package struct EngineFormat: Hashable, Sendable {
  /// Such as "0.1.0".
  package var release: String
  package var writes: Int64
  package var reads: ClosedRange<Int64>

  package init(release: String, writes: Int64, reads: ClosedRange<Int64>) {
    self.release = release
    self.writes = writes
    self.reads = reads
  }

  /// The release that this is.
  package static let release: StaticString = "0.1.0"
  /// Of this release.
  package static let current = EngineFormat(release: "\(release)", writes: 1, reads: 1...1)
  /// Of those that do not say: they are older than the first change.
  package static let unsaid = EngineFormat(release: "0.1.0", writes: 1, reads: 1...1)

  /// Why the two cannot work on one store at the same time, as the end of a sentence; nil: they can.
  package func objection(to other: EngineFormat) -> String? {
    if !reads.contains(other.writes) {
      return "has release \(other.release) and writes format \(other.writes), which this release "
        + "(\(release)) does not read"
    }
    if !other.reads.contains(writes) {
      return "has release \(other.release) and does not read format \(writes), which this release "
        + "(\(release)) writes"
    }
    return nil
  }
}
