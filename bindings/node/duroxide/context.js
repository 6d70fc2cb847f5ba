'use strict';
// What orchestrations receive as their first argument.

const json = require('../lib/json.js');
const tasks = require('./tasks.js');

const { encoded, plain, taggable } = tasks;

/** Key-value state that carries the custom status to the next execution, where code can read it. */
const CARRIED_STATUS = 'perdure.duroxide.custom_status';
/** The last moment that is one. */
const LAST_MS = 8_640_000_000_000_000;

/** Describes durable work, to be yielded, and keeps the state of the instance. */
class OrchestrationContext {
  #live;
  #status = null;

  /** `live`: the context of Perdure. */
  constructor(live) {
    this.instanceId = live.instanceId;
    this.executionId = live.executionId;
    this.orchestrationName = live.name;
    this.orchestrationVersion = live.version;
    this.#live = live;
    this.#status = live.kv.get(CARRIED_STATUS, null);
  }

  /** Before the next execution begins, which finds its status among the key-value state. */
  _carryStatus() {
    const { kv } = this.#live;
    if (this.#status !== null) {
      if (kv.get(CARRIED_STATUS) !== this.#status) kv.set(CARRIED_STATUS, this.#status);
    } else if (kv.has(CARRIED_STATUS)) {
      kv.clear(CARRIED_STATUS);
    }
  }

  // ---- Activities -----------------------------------------------------------------------------------

  scheduleActivity(name, input, options) {
    return taggable(activity(name, input, { session: options?.sessionId }));
  }

  scheduleActivityTyped(name, input, options) {
    return taggable(activity(name, input, { session: options?.sessionId, typed: true }));
  }

  scheduleActivityOnSession(name, input, sessionId) {
    return taggable(activity(name, input, { session: sessionId }));
  }

  scheduleActivityOnSessionTyped(name, input, sessionId) {
    return taggable(activity(name, input, { session: sessionId, typed: true }));
  }

  scheduleActivityWithRetry(name, input, retry) {
    return activity(name, input, { retry: { ...retry } });
  }

  scheduleActivityWithRetryTyped(name, input, retry) {
    return activity(name, input, { retry: { ...retry }, typed: true });
  }

  scheduleActivityWithRetryOnSession(name, input, retry, sessionId) {
    return activity(name, input, { retry: { ...retry }, session: sessionId });
  }

  scheduleActivityWithRetryOnSessionTyped(name, input, retry, sessionId) {
    return activity(name, input, { retry: { ...retry }, session: sessionId, typed: true });
  }

  // ---- Timers and messages --------------------------------------------------------------------------

  scheduleTimer(delayMs) {
    return { type: 'timer', delayMs };
  }

  waitForEvent(name) {
    return { type: 'waitEvent', name };
  }

  waitForEventTyped(name) {
    return this.waitForEvent(name);
  }

  dequeueEvent(queue) {
    return { type: 'dequeueEvent', name: queue };
  }

  dequeueEventTyped(queue) {
    return this.dequeueEvent(queue);
  }

  // ---- Other orchestrations -------------------------------------------------------------------------

  scheduleSubOrchestration(name, input) {
    return child('subOrchestration', name, input);
  }

  scheduleSubOrchestrationTyped(name, input) {
    return child('subOrchestration', name, input, { typed: true });
  }

  scheduleSubOrchestrationWithId(name, instance, input) {
    return child('subOrchestration', name, input, { instance });
  }

  scheduleSubOrchestrationWithIdTyped(name, instance, input) {
    return child('subOrchestration', name, input, { instance, typed: true });
  }

  scheduleSubOrchestrationVersioned(name, version, input) {
    return child('subOrchestration', name, input, { version });
  }

  scheduleSubOrchestrationVersionedWithId(name, version, instance, input) {
    return child('subOrchestration', name, input, { instance, version });
  }

  startOrchestration(name, instance, input) {
    return child('startOrchestration', name, input, { instance });
  }

  startOrchestrationTyped(name, instance, input) {
    return this.startOrchestration(name, instance, input);
  }

  startOrchestrationVersioned(name, version, instance, input) {
    return child('startOrchestration', name, input, { instance, version });
  }

  startOrchestrationVersionedTyped(name, version, instance, input) {
    return this.startOrchestrationVersioned(name, version, instance, input);
  }

  continueAsNew(input) {
    return { type: 'continueAsNew', input: encoded(input) };
  }

  continueAsNewTyped(input) {
    return this.continueAsNew(input);
  }

  continueAsNewVersioned(input, version) {
    return { type: 'continueAsNew', input: encoded(input), version };
  }

  getValueFromInstance(instance, key) {
    return { type: 'getKvValue', instance, key };
  }

  // ---- Time, identity, groups -----------------------------------------------------------------------

  newGuid() {
    return { type: 'newGuid' };
  }

  utcNow() {
    return { type: 'utcNow' };
  }

  all(works) {
    return { type: 'all', tasks: [...works] };
  }

  allTyped(works) {
    return { type: 'all', tasks: [...works], typed: true };
  }

  race(...works) {
    return { type: 'race', tasks: works };
  }

  raceTyped(...works) {
    return { type: 'race', tasks: works, typed: true };
  }

  // ---- Custom status --------------------------------------------------------------------------------

  setCustomStatus(status) {
    const text = String(status);
    checkSize(text, tasks.MAX_CUSTOM_STATUS_BYTES, 'Custom status size');
    this.#live.setCustomStatus(text);
    this.#status = text;
  }

  resetCustomStatus() {
    this.#live.setCustomStatus(null);
    this.#status = null;
  }

  getCustomStatus() {
    return this.#status;
  }

  // ---- Key-value state ------------------------------------------------------------------------------

  setValue(key, value) {
    const { kv } = this.#live;
    const text = String(value);
    checkKey(key);
    checkSize(text, tasks.MAX_KV_VALUE_BYTES, `KV value for key '${key}'`);
    const count = this.getKvLength() + 1;
    if (!kv.has(key) && count > tasks.MAX_KV_KEYS) {
      throw new Error(`KV key count (${count}) exceeds limit (${tasks.MAX_KV_KEYS})`);
    }
    kv.set(key, text);
  }

  getValue(key) {
    const { kv } = this.#live;
    return key === CARRIED_STATUS || !kv.has(key) ? null : plain(kv.get(key));
  }

  getKvAllValues() {
    return Object.fromEntries(this.getKvAllKeys().map((key) => [key, this.getValue(key)]));
  }

  getKvAllKeys() {
    return this.#live.kv.keys().filter((key) => key !== CARRIED_STATUS);
  }

  getKvLength() {
    const { kv } = this.#live;
    return kv.size - (kv.has(CARRIED_STATUS) ? 1 : 0);
  }

  clearValue(key) {
    checkKey(key);
    this.#live.kv.clear(key);
  }

  clearAllValues() {
    this.#live.kv.clearAll();
  }

  /** Removes what was set before, by the time of the events. Returns how many. */
  pruneKvValuesUpdatedBefore(cutoffMs) {
    const { kv } = this.#live;
    const carried = kv.has(CARRIED_STATUS);
    const pruned = kv.pruneBefore(Math.min(Math.max(Number(cutoffMs), 0), LAST_MS));
    return pruned - (carried && !kv.has(CARRIED_STATUS) ? 1 : 0);
  }

  // ---- Log ------------------------------------------------------------------------------------------

  traceInfo(message) {
    this.#live.log.info(String(message));
  }

  traceWarn(message) {
    this.#live.log.warn(String(message));
  }

  traceError(message) {
    this.#live.log.error(String(message));
  }

  traceDebug(message) {
    this.#live.log.debug(String(message));
  }
}

function activity(name, input, more) {
  return { type: 'activity', name, input: encoded(input), ...more };
}

function child(type, name, input, more) {
  return { type, name, input: encoded(input), ...more };
}

function checkSize(text, most, what) {
  const size = Buffer.byteLength(text);
  if (size > most) throw new Error(`${what} (${size} bytes) exceeds limit (${most} bytes)`);
}

function checkKey(key) {
  json.text(key, 'A key');
  if (key === CARRIED_STATUS) {
    throw new Error(`The key '${key}' is taken: perdure/duroxide keeps the custom status there.`);
  }
}

module.exports = { OrchestrationContext, CARRIED_STATUS };
