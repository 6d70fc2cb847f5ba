'use strict';
// Timeouts of calls that wait.

const { milliseconds } = require('./durations.js');

/** A timeout on the wire: none, and one without end, is -1. */
function timeoutMS(timeout) {
  if (timeout === undefined || timeout === null || timeout === Infinity) return -1;
  return milliseconds(typeof timeout === 'number' && timeout < 0 ? 0 : timeout, 'timeout', 0);
}

module.exports = { timeoutMS };
