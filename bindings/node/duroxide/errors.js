'use strict';
// What goes wrong, in the words that programs written for Duroxide know. Errors of calls are those of Perdure,
// which are Errors; what an orchestration gets for work that failed is a plain Error with a text, whose cause
// is the error of Perdure with its Failure.

const { ActivityFailed, TimedOut } = require('../lib/errors.js');

const TIMED_OUT = 'Operation timed out';
const ACTIVITY_TIMED_OUT = 'timeout: activity timed out';

/** Something that Perdure has no counterpart of. Names what to use in its place. */
class NotSupported extends Error {}
Object.defineProperty(NotSupported.prototype, 'name', { value: 'NotSupported', configurable: true });

/** Gives the error of a wait that took too long the text that it has there. */
async function translated(work) {
  try {
    return await work;
  } catch (error) {
    if (error instanceof TimedOut) error.message = TIMED_OUT;
    throw error;
  }
}

/** What an orchestration gets for work that failed. */
function ofWork(error) {
  return new Error(error instanceof ActivityFailed ? ofActivity(error) : ofFailure(error.failure), {
    cause: error,
  });
}

function ofActivity({ activity, failure }) {
  if (failure.type === 'perdure.Timeout') return ACTIVITY_TIMED_OUT;
  return `Activity '${activity}' JS execution failed: ${isOfEngine(failure) ? failure.message : failure}`;
}

/** The failure of an instance as one text: with its stack, if code threw it. */
function ofFailure(failure) {
  if (failure.type === 'perdure.Cancelled') return `canceled: ${reasonOf(failure)}`;
  if (failure.type === 'perdure.Nondeterminism') return `nondeterministic: ${failure.message}`;
  if (isOfEngine(failure)) return failure.message;
  if (failure.stack === null) return String(failure);
  return failure.stack.includes(failure.message) ? failure.stack : `${failure}\n${failure.stack}`;
}

/** Why somebody cancelled it. */
function reasonOf(failure) {
  const at = failure.message.indexOf(': ');
  return at < 0 ? '' : failure.message.slice(at + 2);
}

function isOfEngine(failure) {
  return failure.type.startsWith('perdure.');
}

module.exports = { NotSupported, TIMED_OUT, translated, ofWork, ofFailure, reasonOf };
