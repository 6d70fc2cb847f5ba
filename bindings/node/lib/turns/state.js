'use strict';
// The key-value state of an instance, kept by the host: docs/wire-format.md, "State that the host keeps".

const { moment } = require('../durations.js');
const json = require('../json.js');
const limits = require('../limits.js');

/**
 * `ctx.kv`: durable with the next commit, readable by clients and other instances, kept after the end.
 * Values are JSON; what `get` returns is a copy.
 */
class KeyValue {
  #execution;
  // The JSON text of each value, and when it was set.
  #entries;

  constructor(execution, given) {
    this.#execution = execution;
    this.#entries = new Map(
      given.map(({ key, value, at }) => [key, { text: JSON.stringify(value ?? null), at }]),
    );
  }

  /** The value of the key, or `fallback`. */
  get(key, fallback = undefined) {
    const entry = this.#entries.get(key);
    return entry === undefined ? fallback : JSON.parse(entry.text);
  }

  /** Throws LimitExceeded for too many keys, or a key or value that is too large. */
  set(key, value) {
    const execution = this.#execution;
    const most = execution.limits;
    const quoted = limits.name(key, 'The key', limits.KEY_BYTES);
    const what = `The value of key '${key}'`;
    const text = limits.check(json.encode(value, what), most.kvValueBytes, what);
    if (!this.#entries.has(key) && this.#entries.size >= most.kvKeys) {
      throw limits.exceeded(`${this.#entries.size} keys are set; the limit is ${most.kvKeys} per instance.`);
    }
    if (execution.emit(`"kind":"SetKV","key":${quoted},"value":${text}`, 'kv.set')) {
      this.#entries.set(key, { text, at: execution.nowMS });
    }
  }

  /** All keys, in the order of their bytes. */
  keys() {
    const keys = [...this.#entries.keys()];
    return keys.map((key) => Buffer.from(key)).sort(Buffer.compare).map(String);
  }

  /** All keys with their values, in the order of `keys`. */
  all() {
    return Object.fromEntries(this.keys().map((key) => [key, this.get(key)]));
  }

  /** Whether the key is set. */
  has(key) {
    return this.#entries.has(key);
  }

  /** How many keys are set. */
  get size() {
    return this.#entries.size;
  }

  /** Removes the key, if it is there. */
  clear(key) {
    const quoted = limits.name(key, 'The key', limits.KEY_BYTES);
    if (this.#execution.emit(`"kind":"ClearKV","key":${quoted}`, 'kv.clear')) this.#entries.delete(key);
  }

  /** Removes all keys. */
  clearAll() {
    if (this.#execution.emit('"kind":"ClearAllKV"', 'kv.clearAll')) this.#entries.clear();
  }

  /**
   * Removes the keys that were set before `time` (a Date, or milliseconds since 1970), by the time of the
   * events. Returns how many.
   */
  pruneBefore(time) {
    const before = moment(time, 'The time of pruneBefore');
    const old = this.keys().filter((key) => this.#entries.get(key).at < before);
    for (const key of old) this.clear(key);
    return old.length;
  }
}

module.exports = { KeyValue };
