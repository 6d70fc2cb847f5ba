'use strict';
// Statuses of Perdure as those of this API.

const { ofFailure } = require('./errors.js');
const { plain } = require('./tasks.js');

const BY_STATUS = {
  Running: ['Pending', 'Running', 'Suspended'],
  Completed: ['Completed'],
  Failed: ['Failed', 'Cancelled', 'Terminated', 'Quarantined'],
};
const ENDED = ['Completed', 'Failed', 'Cancelled', 'Terminated'];

/** Running, Completed or Failed. */
function nameOf({ status }) {
  return Object.keys(BY_STATUS).find((name) => BY_STATUS[name].includes(status));
}

/** What clients get of a description. What there is not is undefined. */
function statusOf(description) {
  const status = nameOf(description);
  const found = { status, customStatusVersion: description.customStatusVersion };
  if (status === 'Completed') found.output = description.output;
  if (status === 'Failed') found.error = errorOf(description);
  if (description.customStatus !== null) found.customStatus = plain(description.customStatus);
  return found;
}

/** Why an instance counts as failed. */
function errorOf({ failure, status, pendingReason }) {
  return failure === null ? `${status}: ${pendingReason ?? 'no reason is known'}` : ofFailure(failure);
}

module.exports = { BY_STATUS, ENDED, errorOf, nameOf, statusOf };
