'use strict';
// What an orchestration yields: descriptions of work, which schedule nothing before they are yielded.

const json = require('../lib/json.js');

const MAX_WORKER_TAGS = 5;
const MAX_TAG_NAME_BYTES = 256;
const MAX_KV_KEYS = 150;
const MAX_KV_VALUE_BYTES = 65_536;
const MAX_CUSTOM_STATUS_BYTES = 262_144;

/** The same object with a tag: only workers whose filter takes it run it. */
function withTag(tag) {
  this.tag = tag;
  return this;
}

/** Lets a description carry a tag. */
function taggable(task) {
  return Object.defineProperty(task, 'withTag', { value: withTag });
}

/** The JSON text of a value as it is now. */
function encoded(value) {
  return json.encode(value, 'The input');
}

/** Custom status and key-value state as text: JSON, if other programs have put something else there. */
function plain(value) {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The result of a typed call: text that can be read as JSON is read once more. */
function parsed(value) {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

module.exports = {
  MAX_WORKER_TAGS, MAX_TAG_NAME_BYTES, MAX_KV_KEYS, MAX_KV_VALUE_BYTES, MAX_CUSTOM_STATUS_BYTES,
  encoded, parsed, plain, taggable,
};
