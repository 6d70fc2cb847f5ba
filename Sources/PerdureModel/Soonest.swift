/// The earlier of two moments that may be none.
@inlinable
package func soonest(_ one: Int64?, _ other: Int64?) -> Int64? {
  guard let one else { return other }
  guard let other else { return one }
  return min(one, other)
}
