'use strict';
// Time, chance, timers and the outside, as orchestration code meets them. Outside of turns everything here
// does what it always did, at the price of a comparison.
//
// | deterministic                                    | refused, with what to use instead                    |
// | ------------------------------------------------ | ---------------------------------------------------- |
// | Date, Date.now, performance.now                  | fetch, fs.promises, network connections, processes,  |
// | Math.random, crypto.randomUUID                   | DNS, setInterval of timers/promises                  |
// | setTimeout, setInterval, setImmediate: durable   | crypto.randomBytes and its like, AbortSignal.timeout |
//
// What slips through (a copy of a function that was taken before, callbacks of fs, native modules) is found
// when the code waits for it: "blocked on nothing durable" in execution.js.

const childProcess = require('node:child_process');
const crypto = require('node:crypto');
const dns = require('node:dns');
const fs = require('node:fs');
const { syncBuiltinESMExports } = require('node:module');
const net = require('node:net');
const timers = require('node:timers');
const timersPromises = require('node:timers/promises');
const current = require('./current.js');
const { refusal } = require('./refusal.js');
const { DurableTimeout } = require('./timers.js');

let isInstalled = false;

/** Puts the guards in place, once for the process. They act only in the code of hosts that want them. */
function install() {
  if (isInstalled) return;
  isInstalled = true;
  guardTime();
  guardChance();
  guardTimers();
  guardOutside();
  // For `import { randomUUID } from 'node:crypto'`.
  syncBuiltinESMExports();
}

/** Replaces a function by what `make` makes of it, under the same name and with the same other properties. */
function replace(owner, name, make) {
  const descriptor = Object.getOwnPropertyDescriptor(owner, name);
  // Gone in this release of Node, or fixed by somebody (a frozen realm): left as it is.
  if (typeof descriptor?.value !== 'function' || !descriptor.configurable) return;
  const real = descriptor.value;
  const guarded = make(real);
  const properties = Object.getOwnPropertyDescriptors(real);
  if (guarded.prototype !== undefined) delete properties.prototype;
  Object.defineProperties(guarded, properties);
  Object.defineProperty(owner, name, { ...descriptor, value: guarded });
}

// ---- Time and chance --------------------------------------------------------------------------------

function guardTime() {
  const RealDate = globalThis.Date;
  // With --frozen-intrinsics nothing of this can be replaced.
  if (Object.isFrozen(RealDate.prototype)) return;
  const realNow = RealDate.now;
  function GuardedDate(...given) {
    const execution = current.guarded;
    if (new.target === GuardedDate) {
      // What nearly everybody writes, without detours.
      if (given.length === 0) return execution === null ? new RealDate() : new RealDate(execution.clock());
      if (given.length === 1) return new RealDate(given[0]);
    }
    const now = execution === null ? realNow() : execution.clock();
    if (new.target === undefined) return new RealDate(now).toString();
    const Target = new.target === GuardedDate ? RealDate : new.target;
    return Reflect.construct(RealDate, given.length === 0 ? [now] : given, Target);
  }
  const properties = Object.getOwnPropertyDescriptors(RealDate);
  delete properties.prototype;
  Object.defineProperties(GuardedDate, properties);
  GuardedDate.prototype = RealDate.prototype;
  replace(GuardedDate, 'now', () => function now() {
    return current.guarded === null ? realNow() : current.guarded.clock();
  });
  const constructor = { value: GuardedDate, writable: true, configurable: true };
  Object.defineProperty(RealDate.prototype, 'constructor', constructor);
  globalThis.Date = GuardedDate;
  replace(Object.getPrototypeOf(performance), 'now', (real) => function now() {
    const execution = current.guarded;
    return execution === null ? Reflect.apply(real, this, []) : execution.clock() - execution.startedMS;
  });
}

function guardChance() {
  replace(Math, 'random', (real) => function random() {
    return current.guarded === null ? real() : current.guarded.chance.number();
  });
  const randomUUID = (real) => function guarded(...given) {
    return current.guarded === null ? Reflect.apply(real, this, given) : current.guarded.chance.guid();
  };
  replace(crypto, 'randomUUID', randomUUID);
  const webcrypto = Object.getPrototypeOf(crypto.webcrypto);
  replace(webcrypto, 'randomUUID', randomUUID);
  const instead = 'Use ctx.random() or ctx.newGuid(), or do such work in an activity.';
  replace(webcrypto, 'getRandomValues', refusing('crypto.getRandomValues', instead));
  for (const name of ['randomBytes', 'randomInt', 'randomFill', 'randomFillSync', 'getRandomValues']) {
    replace(crypto, name, refusing(`crypto.${name}`, instead));
  }
}

// ---- Timers -----------------------------------------------------------------------------------------

function guardTimers() {
  guardPromisedTimers();
  const durable = (repeats) => (real) => function guarded(callback, delay, ...rest) {
    if (current.guarded === null) return Reflect.apply(real, this, [callback, delay, ...rest]);
    return begin(callback, delay, rest, repeats);
  };
  const clear = (real) => function guarded(timer) {
    if (timer instanceof DurableTimeout) timer.close();
    else Reflect.apply(real, this, [timer]);
  };
  // Each name twice: `timers.setTimeout` is what code imports.
  for (const owner of [globalThis, timers]) {
    replace(owner, 'setTimeout', durable(false));
    replace(owner, 'setInterval', durable(true));
    replace(owner, 'setImmediate', (real) => function guarded(callback, ...rest) {
      if (current.guarded === null) return Reflect.apply(real, this, [callback, ...rest]);
      return begin(callback, 0, rest, false);
    });
    replace(owner, 'clearTimeout', clear);
    replace(owner, 'clearInterval', clear);
    replace(owner, 'clearImmediate', clear);
  }
}

function begin(callback, delay, rest, repeats) {
  const run = rest.length > 0 && typeof callback === 'function' ? () => callback(...rest) : callback;
  return new DurableTimeout(current.guarded, run, delay, repeats);
}

/** These are also what util.promisify makes of the others. */
function guardPromisedTimers() {
  replace(timersPromises, 'setTimeout', (real) => function guarded(delay, value, options) {
    const execution = current.guarded;
    if (execution === null) return real(delay, value, options);
    const timer = execution.context.timer(delay ?? 1);
    options?.signal?.addEventListener('abort', () => timer.cancel(), { once: true });
    return timer.then(() => value);
  });
  replace(timersPromises, 'setImmediate', (real) => function guarded(value, options) {
    if (current.guarded === null) return real(value, options);
    return new Promise((resolve) => {
      begin(() => resolve(value), 0, [], false);
    });
  });
  const scheduler = Object.getPrototypeOf(timersPromises.scheduler);
  replace(scheduler, 'wait', (real) => function guarded(delay, options) {
    if (current.guarded === null) return Reflect.apply(real, this, [delay, options]);
    return timersPromises.setTimeout(delay, undefined, options);
  });
  replace(scheduler, 'yield', (real) => function guarded() {
    return current.guarded === null ? Reflect.apply(real, this, []) : timersPromises.setImmediate();
  });
  replace(AbortSignal, 'timeout', refusing('AbortSignal.timeout', 'Use ctx.withTimeout.'));
  const refused = refusing('setInterval of timers/promises', 'Use ctx.timer in a loop.');
  replace(timersPromises, 'setInterval', refused);
}

// ---- The outside ------------------------------------------------------------------------------------

function refusing(what, instead) {
  return (real) => function guarded(...given) {
    if (current.guarded !== null) throw refusal(what, instead);
    return Reflect.apply(real, this, given);
  };
}

/** The same for a function that returns a promise. */
function rejecting(what) {
  return (real) => function guarded(...given) {
    return current.guarded === null ? Reflect.apply(real, this, given) : Promise.reject(refusal(what));
  };
}

function guardOutside() {
  replace(globalThis, 'fetch', rejecting('fetch'));
  for (const name of Object.keys(fs.promises)) {
    const kind = name === 'watch' ? refusing : rejecting;
    replace(fs.promises, name, kind(`fs.promises.${name}`));
  }
  replace(net.Socket.prototype, 'connect', refusing('a network connection'));
  replace(childProcess.ChildProcess.prototype, 'spawn', refusing('a process'));
  replace(dns, 'lookup', refusing('dns.lookup'));
  replace(dns.promises, 'lookup', rejecting('dns.promises.lookup'));
}

module.exports = { install };
