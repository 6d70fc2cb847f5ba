'use strict';
// What the calls of an orchestration return, and how its code is left.

const { inspect } = require('node:util');
const { Cancelled, Failure, InvalidArgument, WrongStatus, fromFailure, toFailure } = require('../errors.js');
const json = require('../json.js');
const limits = require('../limits.js');
const { isA } = require('./is-a.js');
const scopes = require('./scopes.js');

function nothing() {}

/** What the host knows of a handle. */
class Work {
  resolve = nothing;
  reject = nothing;
  isAwaited = false;
  isDone = false;
  /** A cancellation of the instance does not reach it. */
  isSpared = false;
  /** The number of the action in the history; 0 for work that was not begun, since the code has ended. */
  action = 0;

  /**
   * `what` names it in messages, `subject` in the error that `failedAs` makes of a failure; `decode` turns
   * the result into what the code gets.
   */
  constructor(execution, what, subject, failedAs, decode) {
    this.execution = execution;
    this.what = what;
    this.subject = subject;
    this.failedAs = failedAs;
    this.decode = decode;
    this.scope = scopes.here();
    this.handle = new Handle(this);
  }

  answer(result) {
    this.isDone = true;
    this.resolve(this.decode === undefined ? result : this.decode(result));
  }

  refuse(failure) {
    this.#throw(new this.failedAs(this.subject, fromFailure(failure)));
  }

  interrupt(message) {
    this.#throw(new Cancelled(message));
  }

  #throw(error) {
    this.isDone = true;
    // Failures are in the history: Node need not complain that nobody asked for this one.
    if (!this.isAwaited) Promise.prototype.then.call(this.handle, undefined, nothing);
    this.reject(error);
  }
}

/**
 * Durable work that has been started: await it, give it to Promise.all and its like, or `cancel()` it.
 *
 * Only `cancel()` gives it up. One that is dropped goes on, and what is still open when the orchestration
 * ends is given up then.
 *
 * A subclass of Promise, so that `await` and the combinators come to `then` (into a plain promise they would
 * look): what has been awaited is what a cancellation of the instance gives up. Which one wins a race of
 * promises is decided by the order of events: no two handles are settled by the same one.
 */
class Handle extends Promise {
  #work;

  constructor(work) {
    super((resolve, reject) => {
      work.resolve = resolve;
      work.reject = reject;
    });
    this.#work = work;
  }

  /** What `then`, `catch` and `finally` return is a plain promise. */
  static get [Symbol.species]() {
    return Promise;
  }

  static workOf(value) {
    return typeof value === 'object' && value !== null && #work in value ? value.#work : undefined;
  }

  then(onFulfilled, onRejected) {
    this.#work.isAwaited = true;
    return super.then(onFulfilled, onRejected);
  }

  /** The number of the action in the history. */
  get action() {
    return this.#work.action;
  }

  /** Whether it has been answered or cancelled. */
  get isDone() {
    return this.#work.isDone;
  }

  /** Gives the work up; its awaits throw `Cancelled`. An activity is told so. False if it was done before. */
  cancel() {
    const work = this.#work;
    if (work.isDone || !work.execution.giveUp(work)) return false;
    work.interrupt(`The ${work.what} was cancelled by the code.`);
    return true;
  }

  [inspect.custom]() {
    return `<${this.#work.what} #${this.action} ${this.isDone ? 'done' : 'open'}>`;
  }
}

/** How `continueAsNew` leaves the code: let it pass. */
class ContinueAsNew extends Error {
  /** `end`: the members of the end. */
  constructor(end) {
    super('continueAsNew ends this execution: let this error pass');
    Object.defineProperty(this, 'name', { value: 'ContinueAsNew' });
    Object.defineProperty(this, 'end', { value: end });
  }
}

const REJECTED = 'perdure.CallRejected';

/** A call that a client waits for. Exactly one `answer` or `reject`. */
class Call {
  #execution;
  #isAnswered = false;

  constructor(execution, id, name, input) {
    this.#execution = execution;
    this.id = id;
    this.name = name;
    this.input = input;
  }

  get isAnswered() {
    return this.#isAnswered;
  }

  /** What `client.call` returns. */
  answer(result) {
    const what = `The answer to call '${this.name}'`;
    this.#settle(`"result":${limits.payload(result, this.#execution.limits, what)}`);
  }

  /** What `client.call` throws: text (of type `perdure.CallRejected`), a `Failure`, or an error. */
  reject(reason) {
    let failure;
    if (isA(reason, Failure) || isA(reason, Error)) failure = toFailure(reason);
    else if (typeof reason === 'string') {
      failure = { type: REJECTED, message: json.text(reason, 'The reason') };
    } else {
      throw new InvalidArgument(
        `A call is rejected with a text, a Failure or an error, not ${json.describe(reason)}.`,
      );
    }
    this.#settle(`"failure":${limits.payload(failure, this.#execution.limits, 'The failure')}`);
  }

  #settle(outcome) {
    if (this.#isAnswered) {
      throw new WrongStatus(`Call '${this.id}' was answered before; each call has one answer.`);
    }
    const id = json.quote(this.id, 'The id of the call');
    this.#execution.emit(`"kind":"AnswerCall","call":${id},${outcome}`, `the answer to call '${this.name}'`);
    this.#isAnswered = true;
  }

  [inspect.custom]() {
    return `<call '${this.name}' '${this.id}'>`;
  }
}

module.exports = { Work, Handle, Call, ContinueAsNew, REJECTED };
