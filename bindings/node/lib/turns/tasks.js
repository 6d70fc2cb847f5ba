'use strict';
// Branches of the code, and what is done with several of them.

const { Cancelled, InvalidArgument, TimedOut } = require('../errors.js');
const json = require('../json.js');
const { outcome, isThenable } = require('./generators.js');
const { Handle } = require('./handles.js');
const scopes = require('./scopes.js');

function nothing() {}

/** A branch of the code that can be cancelled: what `ctx.task` returns. Await it like any promise. */
class Task extends Promise {
  #execution;
  #scope;
  #isDone = false;

  static get [Symbol.species]() {
    return Promise;
  }

  /** Runs a function of no arguments (async, or a generator) as a branch. */
  static begin(execution, run) {
    if (typeof run !== 'function') {
      throw new InvalidArgument(`A task is a function of no arguments, not ${json.describe(run)}.`);
    }
    let settle;
    const task = new Task((resolve, reject) => {
      settle = { resolve, reject };
    });
    task.#execution = execution;
    task.#scope = new scopes.Scope(scopes.here());
    scopes.within(task.#scope, () => {
      try {
        const result = outcome(run());
        if (!isThenable(result)) {
          task.#isDone = true;
          settle.resolve(result);
          return;
        }
        const end = (how) => (value) => {
          task.#isDone = true;
          how(value);
        };
        Promise.resolve(result).then(end(settle.resolve), end(settle.reject));
      } catch (error) {
        task.#isDone = true;
        settle.reject(error);
      }
    });
    return task;
  }

  /** Whether it has ended. */
  get isDone() {
    return this.#isDone;
  }

  /** Throws `Cancelled` at what the branch awaits, which is given up. False if it awaits nothing durable. */
  cancel() {
    if (this.#isDone) return false;
    // Whoever cancels it knows that it fails.
    Promise.prototype.then.call(this, undefined, nothing);
    const isMeant = (work) => scopes.isWithin(work.scope, this.#scope);
    return this.#execution.giveUpAll(isMeant, 'The task was cancelled by the code.');
  }

  /** Keeps a cancellation of the instance from it. */
  spare() {
    this.#scope.isSpared = true;
  }
}

/** Work of the code's own that waits for other work, and that a cancellation of the instance interrupts. */
class Shield {
  isAwaited = true;
  scope = scopes.here();

  constructor(execution, work) {
    this.promise = new Promise((resolve, reject) => {
      this.reject = reject;
      const end = (how) => (value) => {
        execution.shields.delete(this);
        how(value);
      };
      work.then(end(resolve), end(reject));
    });
    execution.shields.add(this);
  }

  interrupt(message) {
    this.reject(new Cancelled(message));
  }
}

/** A cancellation of the instance is thrown at who awaits the result, and does not reach the work. */
function shield(execution, work) {
  const known = Handle.workOf(work);
  if (known !== undefined) known.isSpared = true;
  else if (work instanceof Task) work.spare();
  else {
    throw new InvalidArgument(`A shield is for a handle or a task of ctx.task, not ${json.describe(work)}.`);
  }
  return new Shield(execution, work).promise;
}

function cancelAll(works) {
  for (const work of works) if (work instanceof Handle || work instanceof Task) work.cancel();
}

/** The first of [key, work] pairs to end; the others are cancelled. */
function first(pairs) {
  if (pairs.length === 0) throw new InvalidArgument('A race of nothing would never end.');
  return new Promise((resolve, reject) => {
    let isOver = false;
    pairs.forEach(([key, work], at) => {
      const end = (how) => {
        if (isOver) return;
        isOver = true;
        cancelAll(pairs.filter((_, other) => other !== at).map(([, loser]) => loser));
        how();
      };
      Promise.resolve(work).then(
        (value) => end(() => resolve([key, value])),
        (error) => end(() => reject(error)),
      );
    });
  });
}

/** The result of the first to end, or its error. */
async function race(works) {
  const [, value] = await first([...works].map((work, at) => [at, work]));
  return value;
}

/** [name, result] of the first to end, or its error. */
function select(works) {
  if (typeof works !== 'object' || works === null) {
    throw new InvalidArgument(`select takes an object of handles by name, not ${json.describe(works)}.`);
  }
  return first(Object.entries(works));
}

/** The result of `work`, or `TimedOut` when the timer is first. */
async function withTimeout(timer, work, delay) {
  const [winner, value] = await first([['work', work], ['timer', timer]]);
  if (winner === 'work') return value;
  const limit = typeof delay === 'number' ? `${delay} ms` : delay;
  throw new TimedOut(`The work took longer than ${limit} and was given up.`);
}

module.exports = { Task, shield, race, select, withTimeout };
