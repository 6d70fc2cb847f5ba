/// Deliberate bugs, so that a test can show that the checkers see them. They exist in the simulator only:
/// around the store, between a dispatcher and the world, or in the scripted host.
package enum Mutation: String, Sendable, CaseIterable {
  /// A turn lands although the row has another revision.
  case skipTheCAS
  /// A message is acknowledged and not stored.
  case dropAMessage
  /// A client is answered before the commit.
  case acknowledgeEarly
  /// An activity runs before the commit that schedules it.
  case dispatchEarly
  /// A message stays in the inbox though a turn has taken it.
  case deliverTwice
  /// Timers fire before they are due.
  case fireEarly
  /// The end of a child is not told.
  case forgetTheParent
  /// Of a turn the events land, the activities do not.
  case applyHalf
  /// A result is taken whatever claim it comes under.
  case loseTheClaimCheck
  /// What a dead node held stays with it.
  case ignoreDeadNodes
  /// Continue-as-new loses the messages that nobody took.
  case forgetCarried
  /// Messages are read in the wrong order.
  case reorderTheInbox
  /// The end of an instance does not end it.
  case goOnAfterTheEnd
  /// A node runs an activity twice.
  case runTwice
  /// The answer of an activity is off by one.
  case answerWrong
  /// Code built anew does something else than the first time.
  case replayDiffers
}
