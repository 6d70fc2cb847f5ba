'use strict';
// Values to JSON text, with errors that say what is wrong and where.

const { InvalidArgument } = require('./errors.js');
const { blameText, encoded } = require('./text.js');

/** `value` as JSON text; undefined is null. `what` names it in the error: "The input of activity 'charge'". */
function encode(value, what = 'The value') {
  let made;
  try {
    made = encoded(value);
  } catch (error) {
    throw new InvalidArgument(`${what} cannot be encoded as JSON: it threw ${error?.name ?? typeof error}.`, {
      cause: error,
    });
  }
  if (made.reason === undefined) return made.text;
  const place = made.path ? `${what} at ${made.path.replace(/^\./, '')}` : what;
  throw new InvalidArgument(`${place} ${made.reason}.`);
}

/** `value` as it is, if it is text that every store can keep. */
function text(value, what) {
  if (typeof value !== 'string') {
    throw new InvalidArgument(`${what} must be a string, not ${describe(value)}.`);
  }
  const reason = blameText(value);
  if (reason) throw new InvalidArgument(`${what} ${reason}.`);
  return value;
}

/** Checked text as a JSON string. */
function quote(value, what) {
  return JSON.stringify(text(value, what));
}

/** A value in a message: short, and never an error. */
function describe(value) {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'number' || typeof value === 'boolean') return `${typeof value} ${value}`;
  if (typeof value === 'string') return `'${value.length > 60 ? `${value.slice(0, 60)}...` : value}'`;
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') return `an object (${Object.prototype.toString.call(value).slice(8, -1)})`;
  return `a ${typeof value}`;
}

module.exports = { encode, text, quote, describe };
