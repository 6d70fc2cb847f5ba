'use strict';
// The limits that code meets at the call: "State that the host keeps" in docs/wire-format.md.

const { InvalidArgument, LimitExceeded } = require('./errors.js');
const json = require('./json.js');
const { whole } = require('./durations.js');

const NAME_BYTES = 256;
const INSTANCE_BYTES = 512;
const TAG_BYTES = 256;
const KEY_BYTES = 256;
const REASON_BYTES = 16 * 1024;

/** What a store takes unless its config says otherwise; the names are those of the config. */
const DEFAULTS = Object.freeze({
  payloadBytes: 2 * 1024 * 1024,
  customStatusBytes: 256 * 1024,
  kvKeys: 1_000,
  kvValueBytes: 256 * 1024,
  historyEvents: 50_000,
  historyBytes: 64 * 1024 * 1024,
  pendingActions: 10_000,
  inboxMessages: 100_000,
  subOrchestrationDepth: 64,
});

/** The defaults with what `given` says: `new Store(url, { limits: { kvKeys: 100 } })`. */
function of(given = {}) {
  if (typeof given !== 'object' || given === null) {
    throw new InvalidArgument(`limits must be an object, not ${json.describe(given)}.`);
  }
  for (const [key, value] of Object.entries(given)) {
    if (!Object.hasOwn(DEFAULTS, key)) {
      throw new InvalidArgument(`There is no limit '${key}'; there are ${Object.keys(DEFAULTS).join(', ')}.`);
    }
    if (value !== undefined) whole(value, `The limit ${key}`, 1, 1_000_000_000);
  }
  const known = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return Object.freeze({ ...DEFAULTS, ...known });
}

/** `text` if it has at most that many bytes of UTF-8. */
function check(text, most, what) {
  // No character takes more than three bytes of UTF-8 per unit of UTF-16, so short text need not be counted.
  if (text.length * 3 > most) {
    const size = Buffer.byteLength(text);
    if (size > most) throw exceeded(`${what} has ${size} bytes; the limit is ${most}.`, { size, limit: most });
  }
  return text;
}

function exceeded(message, details = {}) {
  return new LimitExceeded(message, { details });
}

/** A payload as JSON text. Throws InvalidArgument, or LimitExceeded when it is too large. */
function payload(value, limits, what) {
  return check(json.encode(value, what), limits.payloadBytes, what);
}

/** A checked name as a JSON string: text, not empty, not too long. */
function name(value, what, most = NAME_BYTES) {
  const quoted = json.quote(value, what);
  if (value === '') throw exceeded(`${what} is empty.`);
  check(value, most, what);
  return quoted;
}

/** The same for the id of an instance. */
function instance(value, what = 'The instance id') {
  return name(value, what, INSTANCE_BYTES);
}

module.exports = {
  DEFAULTS, NAME_BYTES, INSTANCE_BYTES, TAG_BYTES, KEY_BYTES, REASON_BYTES,
  of, check, exceeded, payload, name, instance,
};
