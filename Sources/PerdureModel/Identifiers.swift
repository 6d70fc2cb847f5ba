/// A caller-chosen instance name, unique in its store (UTF-8, 1...`Limits.instanceIDBytes` bytes, no NUL).
package typealias InstanceID = String

/// The generation of an instance: 1 for the first, one more for each continue-as-new.
package typealias ExecutionID = Int64

/// The position of an event in the history of its execution: 1, 2, 3... without gaps.
package typealias EventID = Int64

/// The number that the host gave to an action of its execution: 1, 2, 3... in emission order.
package typealias ActionID = Int64

/// A runtime, as the store knows it. Never used twice in one store.
package typealias NodeID = Int64

/// Milliseconds since 1970-01-01T00:00:00Z.
package typealias TimestampMS = Int64

/// The compare-and-swap counter of an instance row: each turn that lands adds one.
package typealias Revision = Int64

/// The position of a message in the inbox of its instance: grows, never reused.
package typealias MessageSequence = Int64
