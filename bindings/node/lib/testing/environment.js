'use strict';
// A store with virtual time, a runtime on it, and stubs in place of activities.

const { Client } = require('../client.js');
const { Activity } = require('../definitions.js');
const { moment } = require('../durations.js');
const { TimedOut } = require('../errors.js');
const { Runtime } = require('../runtime.js');
const { Store, asyncDisposeSymbol } = require('../store.js');
const { Stubs } = require('./stubs.js');

/**
 * For tests of orchestrations:
 *
 *     const env = await TestEnvironment.start([subscription], { stubs: { charge: [new CardDeclined(), 'paid'] } });
 *     assert.equal(await env.run(subscription, 'ada'), 12);
 *     assert.equal(env.calls('charge').length, 13);
 *     await env.close();
 *
 * Time stands still while anything is at work, and skips to the next moment at which something is due while the
 * test waits: for a result, a status, the answer to a call. A year takes milliseconds. Retries, time limits, timers
 * and delayed starts follow it. An activity that runs holds it.
 *
 * An activity that is neither defined nor stubbed fails with `perdure.NotRegistered`, and is not retried.
 */
class TestEnvironment {
  #definitions;
  #options;
  #stubs;

  /**
   * Opens the store and starts the runtime. `definitions`: orchestrations, and activities that may be stubbed
   * later. Options: `start` (the time at which it begins, 2026-01-01 UTC without), `stubs` (see `stub`), `store`
   * ("memory:" or "sqlite:PATH"), `timeout` (how much of the system's time `run`, `advance` and `settle` wait,
   * default 30 s), and those of `Runtime`.
   */
  static async start(definitions, { start, stubs = {}, store = 'memory:', timeout = '30s', ...options } = {}) {
    const clock = { mode: 'virtual', ...(start === undefined ? {} : { start }) };
    const opened = await Store.open(store, { clock });
    const made = new TestEnvironment(opened, definitions, stubs, timeout, options);
    try {
      await made.restart();
    } catch (error) {
      await made.close();
      throw error;
    }
    return made;
  }

  constructor(store, definitions, stubs, timeout, options) {
    this.store = store;
    /** An ordinary client. */
    this.client = new Client(store);
    this.timeout = timeout;
    this.#definitions = definitions;
    this.#options = { activityTags: 'any', ...options };
    this.#stubs = new Stubs(stubs, () => store.now());
  }

  // ---- Stubs ----------------------------------------------------------------------------------------

  /**
   * What runs in place of an activity, defined or not, from its next attempt on: a function of the input and the
   * context; an activity; an error, a class of errors, or a `Failure` to fail with; `NEVER`; a list of such stubs,
   * one for each attempt, the last one again and again; anything else is the result.
   */
  stub(activity, stub) {
    this.#stubs.set(activity, stub);
  }

  /** The activity runs as it is defined again. */
  unstub(activity) {
    this.#stubs.remove(activity);
  }

  /**
   * The attempts so far, of one activity or of all, stubbed or not, in the order of their beginning:
   * { activity, instance, input, attempt, key, token, at }.
   */
  calls(activity) {
    return this.#stubs.calls(activity);
  }

  // ---- Time -----------------------------------------------------------------------------------------

  /** The virtual time, a Date. */
  get now() {
    return this.store.now();
  }

  /**
   * Moves time, stopping at each moment on the way at which something is due, until nothing is at work. Resolves
   * to the time that it is then. Rejects with TimedOut when something goes on, such as an activity that does not
   * answer.
   */
  advance(duration) {
    return this.store.advance(duration, { timeout: this.timeout });
  }

  /** The same to a moment; one that has passed is as good as now. */
  async advanceTo(time) {
    return this.advance(Math.max(moment(time, 'The time') - this.now.getTime(), 0));
  }

  /** Waits until nothing is at work, without moving time. */
  async settle() {
    await this.advance(0);
  }

  // ---- Instances ------------------------------------------------------------------------------------

  /**
   * Starts an instance; resolves to its result, however long that takes in virtual time. The options are those of
   * `Client.start`. Rejects with what `Client.result` does; TimedOut says what the instance waits for.
   */
  async run(orchestration, input, options) {
    const instance = await this.client.start(orchestration, input, options);
    try {
      return await this.client.result(instance, { timeout: this.timeout });
    } catch (error) {
      if (!(error instanceof TimedOut)) throw error;
      const { summary } = await this.client.management().why(instance);
      throw new TimedOut(`${error.message}: ${summary}`, { details: error.details });
    }
  }

  // ---- Life -----------------------------------------------------------------------------------------

  /**
   * Stops the runtime and starts another one on the same store, as a deployment does; with other code, if given.
   * Stubs and the record of calls stay.
   */
  async restart(definitions = this.#definitions) {
    await this.runtime?.close();
    this.#definitions = definitions;
    const wrapped = definitions.map((each) => (each instanceof Activity ? this.#stubs.wrap(each) : each));
    this.runtime = await new Runtime(this.store, [...wrapped, this.#stubs.unknown()], this.#options).start();
  }

  /** Ends the runtime and drops the store. A second call does nothing. */
  async close() {
    await this.runtime?.close();
    this.client.close();
    this.store.close();
  }

  async [asyncDisposeSymbol]() {
    await this.close();
  }
}

module.exports = { TestEnvironment };
