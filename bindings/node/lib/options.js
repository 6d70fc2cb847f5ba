'use strict';
// How activities are run: retries, time limits, routing. One table for each kind of options: names that are
// not in it are refused.

const { InvalidArgument } = require('./errors.js');
const json = require('./json.js');
const limits = require('./limits.js');
const { milliseconds, whole } = require('./durations.js');

const BACKOFFS = ['none', 'fixed', 'linear', 'exponential'];

/** `given` if it is an object whose names are all among `known`; {} for nothing. */
function known(given, names, what) {
  if (given === undefined || given === null) return {};
  if (typeof given !== 'object' || Array.isArray(given)) {
    throw new InvalidArgument(`${what} must be an object, not ${json.describe(given)}.`);
  }
  for (const key of Object.keys(given)) {
    if (!names.includes(key)) {
      throw new InvalidArgument(`${what} do not know '${key}'; they are ${names.join(', ')}.`);
    }
  }
  return given;
}

/** One of several words. */
function oneOf(value, words, what) {
  if (!words.includes(value)) {
    throw new InvalidArgument(`${what} is one of ${words.join(', ')}, not ${json.describe(value)}.`);
  }
  return value;
}

function boolean(value, what) {
  if (typeof value !== 'boolean') {
    throw new InvalidArgument(`${what} must be true or false, not ${json.describe(value)}.`);
  }
  return value;
}

// ---- Retries ----------------------------------------------------------------------------------------

const RETRY_NAMES = [
  'maxAttempts', 'backoff', 'initialInterval', 'coefficient', 'maxInterval', 'jitter', 'nonRetryable',
];
const RETRY_DEFAULTS = {
  maxAttempts: 3,
  backoff: 'exponential',
  initialIntervalMS: 100,
  coefficientPercent: 200,
  maxIntervalMS: 30_000,
  jitterPercent: 0,
};

/** A retry policy on the wire: what differs from the defaults. */
function retry(given) {
  const policy = known(given, RETRY_NAMES, 'The options of retry');
  const { coefficient = 2, jitter = 0 } = policy;
  const inRange = (value, least, most) => typeof value === 'number' && value >= least && value <= most;
  if (!inRange(coefficient, 1, 1000) || !inRange(jitter, 0, 1)) {
    throw new InvalidArgument(
      'A coefficient is from 1 to 1000 and a jitter from 0 to 1, not '
        + `${json.describe(coefficient)} and ${json.describe(jitter)}.`,
    );
  }
  const wire = {
    maxAttempts: whole(policy.maxAttempts ?? 3, 'maxAttempts', 0, 1_000_000),
    backoff: oneOf(policy.backoff ?? 'exponential', BACKOFFS, 'backoff'),
    initialIntervalMS: milliseconds(policy.initialInterval ?? 100, 'initialInterval'),
    coefficientPercent: Math.round(coefficient * 100),
    maxIntervalMS: milliseconds(policy.maxInterval ?? 30_000, 'maxInterval'),
    jitterPercent: Math.round(jitter * 100),
  };
  for (const [key, value] of Object.entries(RETRY_DEFAULTS)) if (wire[key] === value) delete wire[key];
  const types = policy.nonRetryable ?? [];
  if (!Array.isArray(types)) {
    throw new InvalidArgument(`nonRetryable is a list of error classes or names, not ${json.describe(types)}.`);
  }
  if (types.length > 0) wire.nonRetryableTypes = types.map(typeName);
  return wire;
}

function typeName(type) {
  const named = typeof type === 'function' ? type.name : type;
  limits.name(named, 'The name of a type of failure');
  return named;
}

// ---- Activities -------------------------------------------------------------------------------------

const ACTIVITY_NAMES = [
  'retry', 'scheduleToStart', 'startToClose', 'scheduleToClose', 'heartbeat', 'tag', 'session', 'priority',
];

/**
 * The options of one schedule over those of the definition (its wire object), as a wire object; undefined
 * when nothing is set. null takes back what the definition says.
 */
function activityOptions(given, base) {
  const options = known(given, ACTIVITY_NAMES, 'The options of an activity');
  const wire = { ...base };
  for (const name of Object.keys(options)) {
    const value = options[name];
    if (value === undefined) continue;
    const key = name === 'retry' || !/^(scheduleTo|startTo|heartbeat)/.test(name) ? name : `${name}MS`;
    if (value === null) delete wire[key];
    else wire[key] = optionValue(name, value);
  }
  return Object.keys(wire).length > 0 ? wire : undefined;
}

function optionValue(name, value) {
  switch (name) {
    case 'retry':
      return retry(value);
    case 'tag':
    case 'session':
      limits.name(value, `The ${name}`, limits.TAG_BYTES);
      return value;
    case 'priority':
      return whole(value, 'priority', -1000, 1000);
    default:
      return milliseconds(value, name);
  }
}

/** "Activity limits" on the wire, undefined for none. rate: { count, per } (per: a duration, default 1 s). */
function activityLimits({ concurrency, rate }) {
  const wire = {};
  if (concurrency !== undefined) wire.concurrency = whole(concurrency, 'concurrency', 1, 10_000);
  if (rate !== undefined) {
    const { count, per = 1000 } = known(rate, ['count', 'per'], 'The members of rate');
    wire.rate = whole(count, 'The count of rate', 1, 1_000_000);
    wire.ratePeriodMS = milliseconds(per, 'The period of rate');
  }
  return Object.keys(wire).length > 0 ? wire : undefined;
}

module.exports = { known, oneOf, boolean, retry, activityOptions, activityLimits, ACTIVITY_NAMES };
