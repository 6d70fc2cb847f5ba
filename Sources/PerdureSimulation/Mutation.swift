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
  /// An activity that is told to end has no slot from then on.
  case freeSlotsEarly
  /// The answer of an activity is off by one.
  case answerWrong
  /// Code built anew does something else than the first time.
  case replayDiffers

  /// A failed attempt is not counted.
  case retryUncounted
  /// The pause before another attempt is skipped.
  case retryEarly
  /// What an attempt said of its progress is not kept.
  case loseHeartbeats
  /// Activities are ended for want of time although somebody runs them.
  case expireTheClaimed
  /// An old token ends a new attempt.
  case takeStaleTokens
  /// The parent of a terminated child is not told.
  case terminateSilently
  /// A turn that was under way lands on a suspended instance.
  case loseTheSuspension
  /// What is kept for an instance that is yet to be started is lost.
  case dropKept
  /// Code that is built anew begins with the values of now.
  case wrongBase
  /// Continue-as-new begins without values.
  case forgetValues
  /// A second answer to a call counts.
  case answerTwice
  /// An instance that gives way leaves its messages to the next.
  case restartWithOldMessages
  /// Children of a parent that ended go on.
  case ignoreClosePolicies
  /// A published message comes twice.
  case publishTwice
  /// A delayed start does not wait.
  case startEarly
  /// A sender is not told what became of its message.
  case forgetTheSender
  /// Finished instances go before their time.
  case sweepEarly
  /// Who changed something is not recorded.
  case forgetTheNote
  /// A second start with a key makes a second instance.
  case ignoreDedupKeys
  /// A node whose clock is behind is taken for dead.
  case leaseByWallClock
  /// As long as one instance is quarantined, no other is found.
  case poisonAtTheHead
  /// Nobody counts how often a turn has ended its process.
  case forgetLostTurns
  /// Timers wait for something else to happen.
  case fireLate
  /// A client is told that a message is stored, though the disk is full.
  case acknowledgeOnFullDisk
  /// One history more goes than was asked for.
  case pruneTooMuch
  /// The children of what is deleted stay.
  case deleteWithoutChildren
  /// A reset does not tell again what was taken back.
  case resetLosesMessages
  /// A reset forgets the work that is open.
  case resetForgetsActivities
  /// A node asks the store all the time.
  case pollTheStore
  /// What code logged goes with what is held of its instance.
  case forgetWhatWasLogged

  /// What a node held before it was taken for dead counts as held when it comes back.
  case honourLostClaims
  /// A client is told that a message is stored, though the store cannot be reached.
  case acknowledgeWhileAway
  /// A node that comes back does not look at what it missed, and hears of nothing any more.
  case comeBackDeaf
}
