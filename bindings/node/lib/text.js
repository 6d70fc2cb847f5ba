'use strict';
// Text and JSON that can be stored. No errors of our own here: errors.js needs this file.

/** Characters of a message, and of a stack. */
const TEXT = 16_384;
/** Levels that a payload may nest; the engine takes 512, with what it puts around. */
const DEPTH = 500;

/** Text that can be stored, whatever it was: for messages that we did not write. */
function clean(text, limit = TEXT) {
  let kept = text;
  if (kept.length > limit) {
    const half = Math.floor(limit / 2) - 4;
    kept = `${kept.slice(0, half)} [...] ${kept.slice(-half)}`;
  }
  return kept.replaceAll('\0', '\\0').toWellFormed();
}

/** Text that somebody else's code makes, which may throw anything, or not return text. */
function said(make) {
  try {
    return clean(String(make()));
  } catch {
    return '(no text: making it threw an error)';
  }
}

/** Why a text cannot be stored, undefined if it can. */
function blameText(text) {
  const at = text.indexOf('\0');
  if (at >= 0) return `has a NUL character at position ${at}, which not every store can keep`;
  if (!text.isWellFormed()) {
    const place = [...text].findIndex((letter) => letter.length === 1 && /[\ud800-\udfff]/.test(letter));
    return `has half a surrogate pair (letter ${place}), which UTF-8 cannot hold`;
  }
  return undefined;
}

/**
 * Why a value cannot be JSON, undefined if it can. JSON.stringify leaves out functions, writes null for NaN
 * and {} for a Map or a Promise: what would be lost in silence is refused.
 */
function blame(value, path, depth) {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'undefined':
      return undefined;
    case 'number':
      return Number.isFinite(value) ? undefined : { path, reason: `is ${value}, which JSON cannot hold` };
    case 'object':
      return value === null ? undefined : blameObject(value, path, depth);
    default:
      return { path, reason: `is a ${typeof value}, which JSON cannot hold` };
  }
}

function blameObject(value, path, depth) {
  if (depth > DEPTH) return { path: '', reason: `is nested more than ${DEPTH} deep, or contains itself` };
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at += 1) {
      const found = blame(value[at], `${path}[${at}]`, depth + 1);
      if (found) return found;
    }
    return undefined;
  }
  if (typeof value.toJSON === 'function') return blame(value.toJSON(''), path, depth + 1);
  const kind = lossy(value);
  if (kind) return { path, reason: `is a ${kind}, which JSON cannot hold${advice[kind] ?? ''}` };
  for (const key of Object.keys(value)) {
    const found = blame(value[key], `${path}.${key}`, depth + 1);
    if (found) return found;
  }
  return undefined;
}

const advice = {
  Promise: ' (is an await missing?)',
  Map: '; Object.fromEntries makes an object of it',
  Set: '; spread it into an array',
  Error: '; write its message',
};

function lossy(value) {
  const proto = Object.getPrototypeOf(value);
  if (proto === Object.prototype || proto === null) return undefined;
  if (value instanceof Promise || typeof value.then === 'function') return 'Promise';
  if (value instanceof Map || value instanceof WeakMap) return 'Map';
  if (value instanceof Set || value instanceof WeakSet) return 'Set';
  if (value instanceof Error) return 'Error';
  if (value instanceof RegExp) return 'RegExp';
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return value.constructor?.name ?? 'buffer';
  return undefined;
}

/** Finds a text (or a key) that cannot be stored, once it is known that there is one. */
function blameTexts(value, path, depth) {
  if (typeof value === 'string') {
    const reason = blameText(value);
    return reason && { path, reason };
  }
  if (typeof value !== 'object' || value === null || depth > DEPTH) return undefined;
  if (typeof value.toJSON === 'function') return blameTexts(value.toJSON(''), path, depth + 1);
  for (const key of Object.keys(value)) {
    const reason = blameText(key);
    if (reason) return { path, reason: `has a key that ${reason}` };
    const found = blameTexts(value[key], Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`, depth + 1);
    if (found) return found;
  }
  return undefined;
}

/** { text }, or { path, reason } for a value that cannot be stored as JSON. undefined is null. */
function encoded(value) {
  const found = blame(value, '', 0);
  if (found) return found;
  const text = JSON.stringify(value) ?? 'null';
  // Stringify escapes NUL and halves of surrogate pairs; the escapes may also be somebody's text.
  if (text.includes('\\u0000') || text.includes('\\ud')) {
    const bad = blameTexts(value, '', 0);
    if (bad) return bad;
  }
  return { text };
}

/** The value as JSON text, undefined when it cannot be. */
function tryEncode(value) {
  try {
    return encoded(value).text;
  } catch {
    return undefined;
  }
}

module.exports = { clean, said, blameText, encoded, tryEncode };
