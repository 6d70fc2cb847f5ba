'use strict';
// What runs in place of activities, and what was called.

const json = require('../json.js');
const { Activity, nameOf } = require('../definitions.js');
const { Failure, PerdureError, WorkFailed } = require('../errors.js');

/** Registered for all activities that nobody defined. */
const ANY = 'perdure.any';

/** A stub that does not answer: a time limit ends the attempt, or a test that takes its token. */
const NEVER = Symbol('never');

/** An activity is neither defined nor stubbed. Its orchestration meets `perdure.NotRegistered`, not retried. */
class NotRegistered extends PerdureError {
  failureType = 'perdure.NotRegistered';
  nonRetryable = true;
}

/** Runs a stub that is no list; resolves to what the activity does. */
async function answer(stub, ctx, input) {
  if (stub instanceof Error) throw stub;
  if (stub instanceof Failure) throw new WorkFailed(`Activity '${ctx.name}'`, stub);
  if (stub === NEVER) return ctx.defer();
  if (stub instanceof Activity) return stub.fn(ctx, input);
  if (typeof stub !== 'function') return stub;
  if (stub.prototype instanceof Error || stub === Error) throw new stub();
  return stub(input, ctx);
}

/** The stubs of a test environment, and its record of attempts. Kept when its runtime is restarted. */
class Stubs {
  #stubs = new Map();
  #uses = new Map();
  #calls = [];
  #now;

  constructor(stubs, now) {
    for (const [name, stub] of Object.entries(stubs)) this.set(name, stub);
    this.#now = now;
  }

  set(activity, stub) {
    const name = json.text(nameOf(activity, 'The activity'), 'The name of the activity');
    this.#stubs.set(name, stub);
    this.#uses.delete(name);
  }

  remove(activity) {
    const name = nameOf(activity, 'The activity');
    this.#stubs.delete(name);
    this.#uses.delete(name);
  }

  has(name) {
    return this.#stubs.has(name);
  }

  names() {
    return [...this.#stubs.keys()];
  }

  calls(activity) {
    if (activity === undefined) return [...this.#calls];
    const name = nameOf(activity, 'The activity');
    return this.#calls.filter((call) => call.activity === name);
  }

  /** What is to run for this attempt: a stub that is no list, or `original`. */
  take(name, original) {
    if (!this.#stubs.has(name)) return original;
    const stub = this.#stubs.get(name);
    if (!Array.isArray(stub)) return stub;
    const use = this.#uses.get(name) ?? 0;
    this.#uses.set(name, use + 1);
    return stub.length > 0 ? stub[Math.min(use, stub.length - 1)] : original;
  }

  /** The activity with its attempts noted, and its stub in its place if there is one. */
  wrap(original) {
    const fn = (ctx, input) => {
      const { name: activity, instanceId: instance, attempt, idempotencyKey: key, token } = ctx;
      this.#calls.push({ activity, instance, input, attempt, key, token, at: this.#now() });
      return answer(this.take(ctx.name, original), ctx, input);
    };
    return original.copy(fn);
  }

  /** Stands for all activities that nobody defined. */
  unknown() {
    return this.wrap(new Activity(ANY, (ctx) => {
      throw new NotRegistered(`Activity '${ctx.name}' is neither defined nor stubbed in this test environment.`);
    }));
  }
}

module.exports = { Stubs, NotRegistered, NEVER, answer };
