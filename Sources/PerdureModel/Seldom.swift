/// A value that nearly always is its default, and takes one word then. Events, tasks and commits are copied a
/// lot on the hot path: what few of them have must not make all of them large.
package struct Seldom<Value: SeldomValue>: Hashable, Sendable {
  /// Empty for the default, so that equal values are equal here.
  private var box: [Value] = []

  package init() {}

  @inline(__always)
  package var isDefault: Bool { box.isEmpty }

  package var value: Value {
    @inline(__always) get { box.first ?? Value() }
    // In place: lists in here are appended to one by one.
    _modify {
      var value = box.popLast() ?? Value()
      defer { box = value == Value() ? [] : [value] }
      yield &value
    }
  }
}

package protocol SeldomValue: Hashable, Sendable {
  /// The default.
  init()
}
