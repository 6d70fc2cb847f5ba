'use strict';
// A handler with its validator, at work on one call after the other.

const { CallRejected, Failure, InvalidArgument, fromFailure, toFailure } = require('../errors.js');
const { isThenable, outcome } = require('./generators.js');
const { Handle, REJECTED } = require('./handles.js');
const { isA } = require('./is-a.js');
const scopes = require('./scopes.js');

class CallServer {
  #execution;
  #name;
  #handler;
  #validator;

  constructor(execution, name, handler, validator) {
    this.#execution = execution;
    this.#name = name;
    this.#handler = handler;
    this.#validator = validator;
  }

  /** Waits for the next call, in no branch of the code: handlers do not keep it from ending. */
  next() {
    const handle = this.#execution.waitFor('WaitForCall', this.#name, 'call');
    const work = Handle.workOf(handle);
    work.isSpared = true;
    work.scope = undefined;
    handle.then((call) => this.#serve(call));
  }

  #serve(call) {
    try {
      const branch = new scopes.Scope();
      branch.isSpared = true;
      const result = scopes.within(branch, () => {
        this.#check(call.input);
        return outcome(this.#handler(call.input));
      });
      if (!isThenable(result)) {
        this.#answer(call, result);
        return;
      }
      Promise.resolve(result).then(
        (value) => this.#answer(call, value),
        (error) => this.#reject(call, error),
      );
    } catch (error) {
      this.#reject(call, error);
    }
  }

  #check(input) {
    if (this.#validator === undefined) return;
    let verdict;
    try {
      verdict = this.#validator(input);
    } catch (error) {
      const { message, details } = toFailure(error);
      const failure = new Failure({ type: REJECTED, message, details });
      throw new CallRejected(this.#execution.instance, this.#name, failure);
    }
    if (isThenable(verdict)) {
      Promise.resolve(verdict).catch(() => {});
      throw new InvalidArgument(`The validator of call '${this.#name}' must be a plain function.`);
    }
  }

  #answer(call, result) {
    try {
      call.answer(result);
    } catch (error) {
      this.#reject(call, error);
      return;
    }
    this.next();
  }

  #reject(call, error) {
    try {
      call.reject(isA(error, Error) ? error : fromFailure(toFailure(error)));
    } catch (unfit) {
      // A failure that is too large to be sent is told by what was wrong with it.
      const { type, message } = toFailure(unfit);
      call.reject(new Failure({ type, message }));
    }
    this.next();
  }
}

module.exports = { CallServer };
