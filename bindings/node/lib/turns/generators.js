'use strict';
// Orchestrations may be generators: `yield` a handle (or any promise) to await it.

const { InvalidArgument } = require('../errors.js');

function isObject(value) {
  return typeof value === 'object' && value !== null;
}

function isThenable(value) {
  return (isObject(value) || typeof value === 'function') && typeof value.then === 'function';
}

function isGenerator(value) {
  return isObject(value) && typeof value.next === 'function' && typeof value.throw === 'function'
    && typeof value[Symbol.iterator] === 'function';
}

/** Runs a generator to its end. A generator that it yields is run as well. */
function drive(generator) {
  return new Promise((resolve, reject) => {
    function step(method, value) {
      let item;
      try {
        item = generator[method](value);
        if (item.done) resolve(outcome(item.value));
        else Promise.resolve(outcome(item.value)).then(next, fail);
      } catch (error) {
        reject(error);
      }
    }
    const next = (value) => step('next', value);
    const fail = (error) => step('throw', error);
    step('next', undefined);
  });
}

/** What a function of the user's returned, as something to wait for, or a value. */
function outcome(result) {
  if (isGenerator(result)) return drive(result);
  if (isObject(result) && typeof result.next === 'function' && Symbol.asyncIterator in result) {
    throw new InvalidArgument(
      'An async function* cannot be run: write an async function that awaits, or a function* that yields.',
    );
  }
  return result;
}

module.exports = { isThenable, outcome };
