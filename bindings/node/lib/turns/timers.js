'use strict';
// What setTimeout, setInterval and setImmediate return inside of an orchestration.

const { inspect } = require('node:util');
const scopes = require('./scopes.js');

/**
 * A callback that a durable timer calls. Without a delay it needs no timer: it runs when the code has come to
 * rest at the event being delivered, as one of setImmediate does.
 */
class DurableTimeout {
  #execution;
  #callback;
  #delay;
  #repeats;
  #scope = scopes.here();
  #isOpen = false;
  /** The number of its CreateTimer, 0 if it has none. */
  action = 0;

  constructor(execution, callback, delay, repeats) {
    if (typeof callback !== 'function') {
      throw new TypeError('The "callback" argument must be of type function.');
    }
    this.#execution = execution;
    this.#callback = callback;
    // As with Node, what is no number is no delay. Fractions of a millisecond count as whole ones.
    const whole = Math.ceil(Number(delay) - 1e-6);
    this.#delay = Math.max(whole > 0 ? whole : 0, repeats ? 1 : 0);
    this.#repeats = repeats;
    this.#begin();
  }

  #begin() {
    this.#isOpen = true;
    if (this.#delay > 0) this.action = this.#execution.startTimeout(this.#delay, this);
    else this.#execution.soon(this);
  }

  /** Somebody waits for the callback. */
  get isAwaited() {
    return true;
  }

  /** A cancellation of the instance does not reach a callback. */
  get isSpared() {
    return true;
  }

  get scope() {
    return this.#scope;
  }

  /** The timer has fired. */
  answer() {
    this.run();
  }

  run() {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    if (this.#repeats) this.#begin();
    this.#execution.attempt(() => scopes.within(this.#scope, this.#callback));
  }

  /** What clearTimeout does. */
  close() {
    if (!this.#isOpen) return this;
    this.#isOpen = false;
    if (this.action !== 0) this.#execution.giveUp(this);
    return this;
  }

  /** Begins the delay anew. */
  refresh() {
    if (this.#isOpen) {
      this.close();
      this.#begin();
    }
    return this;
  }

  ref() {
    return this;
  }

  unref() {
    return this;
  }

  hasRef() {
    return true;
  }

  [Symbol.toPrimitive]() {
    return this.action;
  }

  [inspect.custom]() {
    return `<timer #${this.action} ${this.#isOpen ? 'open' : 'done'}>`;
  }
}

module.exports = { DurableTimeout };
