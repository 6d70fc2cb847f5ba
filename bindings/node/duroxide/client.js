'use strict';
// Starts, messages and observes instances. Needs no runtime in its process.

const { setTimeout: pause } = require('node:timers/promises');
const native = require('../lib/client.js');
const json = require('../lib/json.js');
const { NotFound, TimedOut, WrongStatus } = require('../lib/errors.js');
const { report } = require('../lib/logs.js');
const { Administration } = require('./administration.js');
const { CARRIED_STATUS } = require('./context.js');
const { TIMED_OUT, translated } = require('./errors.js');
const { storeOf } = require('./providers.js');
const { statusOf } = require('./statuses.js');
const { plain } = require('./tasks.js');

/** Milliseconds that the code of a cancelled instance has to clean up before it is ended. */
const GRACE = 30_000;
/** Pauses between two looks at what nothing announces, in milliseconds: doubled from the first to the last. */
const FIRST_LOOK = 5;
const LAST_LOOK = 100;

/** What changes something is on disk when its promise is fulfilled. */
class Client extends Administration {
  #client;

  constructor(provider) {
    const client = new native.Client(storeOf(provider, 'A Client'));
    super(client);
    this.#client = client;
  }

  // ---- Starting -------------------------------------------------------------------------------------

  /** Starts an instance; one that exists stays as it is. */
  async startOrchestration(instanceId, name, input) {
    await this.#start(instanceId, name, input);
  }

  async startOrchestrationVersioned(instanceId, name, input, version) {
    await this.#start(instanceId, name, input, version);
  }

  async startOrchestrationTyped(instanceId, name, input) {
    await this.#start(instanceId, name, input);
  }

  async startOrchestrationVersionedTyped(instanceId, name, input, version) {
    await this.#start(instanceId, name, input, version);
  }

  async #start(instanceId, name, input, version) {
    const instance = json.text(instanceId, 'The instance id');
    if (instance.startsWith('sub::') || instance.includes('::sub::')) {
      throw new Error(`Invalid input: the id '${instance}' is like those of children.`);
    }
    await this.#client.start(name, input, { instance, version, policy: 'useExisting' });
  }

  // ---- Messages -------------------------------------------------------------------------------------

  /**
   * For the next `waitForEvent` of that name, also one that comes later. For an id that nobody has yet, it waits
   * for the start.
   */
  async raiseEvent(instanceId, name, data) {
    const sent = this.#client.raiseEvent(instanceId, name, data, { keep: true });
    await unlessEnded(sent, `event '${name}'`);
  }

  async raiseEventTyped(instanceId, name, data) {
    await this.raiseEvent(instanceId, name, data);
  }

  /** The same for `dequeueEvent`. */
  async enqueueEvent(instanceId, queue, data) {
    const sent = this.#client.enqueue(instanceId, queue, data, { keep: true });
    await unlessEnded(sent, `message to queue '${queue}'`);
  }

  async enqueueEventTyped(instanceId, queue, data) {
    await this.enqueueEvent(instanceId, queue, data);
  }

  /**
   * Ends the instance and its children as Failed. Generators are left through their `finally`, which may do
   * durable work.
   */
  async cancelInstance(instanceId, reason) {
    const asked = this.#client.cancel(instanceId, reason ?? '', { grace: GRACE });
    await unlessEnded(asked, 'cancellation');
  }

  // ---- Observing ------------------------------------------------------------------------------------

  /** `output` is JSON text here, as it always was. */
  async getStatus(instanceId) {
    const found = await this.#find(instanceId);
    if (found.output !== undefined) found.output = JSON.stringify(found.output);
    return found;
  }

  async #find(instanceId) {
    try {
      return statusOf(await this.#client.describe(instanceId));
    } catch (error) {
      if (error instanceof NotFound) return { status: 'NotFound', customStatusVersion: 0 };
      throw error;
    }
  }

  /** Waits for the end, also of one that is yet to be started. Rejects after the time. */
  async waitForOrchestration(instanceId, timeoutMs = 30_000) {
    return this.#wait(instanceId, timeoutMs, (timeout) => this.#client.wait(instanceId, { timeout }));
  }

  /**
   * Waits for a custom status with a higher version, or the end. Nothing is polled: `_pollIntervalMs` has no
   * effect.
   */
  async waitForStatusChange(instanceId, lastSeenVersion = 0, _pollIntervalMs = 500, timeoutMs = 30_000) {
    return this.#wait(instanceId, timeoutMs, (timeout) => {
      return this.#client.waitForStatus(instanceId, { afterVersion: lastSeenVersion, timeout });
    });
  }

  /** The output itself. Rejects with the error of one that failed. */
  async waitForOrchestrationTyped(instanceId, timeoutMs = 30_000) {
    const result = await this.waitForOrchestration(instanceId, timeoutMs);
    if (result.status !== 'Completed') throw new Error(result.error);
    return result.output;
  }

  async #wait(instanceId, timeoutMs, wait) {
    const looks = new Looks(timeoutMs);
    for (;;) {
      try {
        return statusOf(await translated(wait(looks.left)));
      } catch (error) {
        if (error instanceof NotFound) {
          if (!(await looks.again())) throw new TimedOut(TIMED_OUT);
        } else {
          // It has failed but not ended, if a person must look at it.
          const found = error instanceof TimedOut ? await this.#find(instanceId) : undefined;
          if (found?.status !== 'Failed') throw error;
          return found;
        }
      }
    }
  }

  // ---- Key-value state ------------------------------------------------------------------------------

  async getValue(instanceId, key) {
    const all = await this.getKvAllValues(instanceId);
    return Object.hasOwn(all, key) ? all[key] : null;
  }

  /** All values by key. */
  async getKvAllValues(instanceId) {
    try {
      const all = await this.#client.kv(instanceId);
      all.delete(CARRIED_STATUS);
      return Object.fromEntries([...all].map(([key, value]) => [key, plain(value)]));
    } catch (error) {
      if (error instanceof NotFound) return {};
      throw error;
    }
  }

  /** Waits until the key is set. Rejects after the time. */
  async waitForValue(instanceId, key, timeoutMs = 30_000) {
    const looks = new Looks(timeoutMs);
    for (;;) {
      const value = await this.getValue(instanceId, key);
      if (value !== null) return value;
      if (!(await looks.again())) {
        throw new Error(`Timed out waiting for value '${key}' on instance '${instanceId}'`);
      }
    }
  }

  /** For tests: waits that are open are rejected. */
  close() {
    this.#client.close();
  }
}

/** Looks again and again, ever less often, until a time has passed. */
class Looks {
  #deadline;
  #pause = FIRST_LOOK;

  constructor(timeoutMs) {
    if (typeof timeoutMs !== 'number' || Number.isNaN(timeoutMs)) {
      throw new TypeError(`A timeout is a number of milliseconds, not ${json.describe(timeoutMs)}.`);
    }
    this.#deadline = performance.now() + timeoutMs;
  }

  get left() {
    return Math.max(0, this.#deadline - performance.now());
  }

  /** Pauses; false if the time has passed. */
  async again() {
    const { left } = this;
    if (left <= 0) return false;
    await pause(Math.min(this.#pause, left));
    this.#pause = Math.min(2 * this.#pause, LAST_LOOK);
    return true;
  }
}

/** Waits for a message to be taken. One to an instance that has ended, or a cancellation of nobody, is told. */
async function unlessEnded(sent, what) {
  try {
    await sent;
  } catch (error) {
    if (!(error instanceof WrongStatus || error instanceof NotFound)) throw error;
    report({ level: 'warn', message: `The ${what} was not delivered: ${error.message}` });
  }
}

module.exports = { Client };
