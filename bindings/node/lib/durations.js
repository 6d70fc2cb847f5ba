'use strict';
// Durations are milliseconds, as with setTimeout, or text such as '90s'. Moments are Dates or milliseconds
// since 1970.

const { InvalidArgument } = require('./errors.js');
const { describe } = require('./json.js');

/** About 35 years, the longest duration that the engine takes. */
const LONGEST_MS = 2 ** 40;
const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A duration on the wire: whole milliseconds, rounded up. `least` is 1 or 0. */
function milliseconds(value, what, least = 1) {
  const given = typeof value === 'string' ? parse(value) : value;
  if (typeof given !== 'number') {
    throw new InvalidArgument(
      `${what} must be milliseconds, or text such as '500ms', '30s', '5m', '24h' or '7d', not ${describe(value)}.`,
    );
  }
  const whole = Math.ceil(given - 1e-6);
  // NaN is not within bounds either.
  if (!(whole >= least && whole <= LONGEST_MS)) {
    throw new InvalidArgument(`${what} must be from ${least} to ${LONGEST_MS} ms, not ${describe(value)}.`);
  }
  return whole === 0 ? 0 : whole;
}

function parse(text) {
  const found = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/.exec(text.trim());
  return found ? Number(found[1]) * UNITS[found[2]] : undefined;
}

/** A moment on the wire, never early: a part of a millisecond counts as a whole one. */
function moment(value, what) {
  const given = value instanceof Date ? value.getTime() : value;
  if (typeof given !== 'number' || !Number.isFinite(given)) {
    throw new InvalidArgument(`${what} must be a Date, or milliseconds since 1970, not ${describe(value)}.`);
  }
  return Math.ceil(given);
}

/** A whole number in that range. */
function whole(value, what, least, most) {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new InvalidArgument(`${what} must be a whole number from ${least} to ${most}, not ${describe(value)}.`);
  }
  return value;
}

module.exports = { milliseconds, moment, whole, LONGEST_MS };
