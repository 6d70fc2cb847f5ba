'use strict';
// One event, then run until everything is blocked, then the next: how microtasks are run dry in between.
//
//   idle --add--> block of immediates: step, step, step ... last step --work is left--> next block
//                                       `--nothing is left--> idle
//
// Node runs all ticks and microtasks dry between two immediates, and immediates that were queued together run
// one after the other, with nothing else in between. So a block of them is a loop with a drain in it: each
// step looks at what the last delivery came to, makes the next one and returns. The last step only looks, so
// that nobody's code is left running when timers and sockets have their turn. What a microtask throws does
// not end the block. All of it is documented behaviour; the decision page has what else was measured.

const { AsyncResource } = require('node:async_hooks');
const current = require('./current.js');

// Taken before the guards stand in their place.
const { setImmediate } = globalThis;
const now = performance.now.bind(performance);

/** Steps of a block. */
const BLOCK = 64;
/** Milliseconds after which others than orchestrations come to run. */
const SLICE_MS = 2;

/** Blocks begin here: what was in the asynchronous context of whoever asked for the turn must not show. */
const outside = new AsyncResource('PERDURE_TURNS', { requireManualDestroy: true });

let waiting = [];
let first = 0;
let job = null;
let scheduled = 0;
let isOpen = false;
let until = 0;
let putBack = () => {};
let answers = [];

/**
 * Runs a job when those before it have had their share. A job has
 * - `isBlocked`: it cannot begin yet; another one goes first;
 * - `begin()`: it comes to run, perhaps again;
 * - `deliver()`: lets the code run up to its microtasks; false when nothing is left to deliver;
 * - `settle()`: looks at what that came to;
 * - `isDone`, and then `finish()`, which returns a function that tells whoever asked;
 * - `fail(error)`: one of these threw; returns such a function, too;
 * - `left`: about how many deliveries are to come.
 */
function add(next) {
  waiting.push(next);
  if (scheduled === 0) outside.runInAsyncScope(schedule);
}

function schedule() {
  let steps = job === null ? 1 : job.left + 1;
  for (let at = first; at < waiting.length && steps < BLOCK; at += 1) steps += waiting[at].left;
  scheduled = Math.min(BLOCK, Math.max(2, steps));
  for (let count = scheduled; count > 0; count -= 1) setImmediate(step);
}

function step() {
  if (!isOpen) open();
  scheduled -= 1;
  current.execution = null;
  current.guarded = null;
  try {
    run(scheduled === 0);
  } catch (error) {
    current.execution = null;
    current.guarded = null;
    const failed = job;
    job = null;
    if (failed !== null) answers.push(failed.fail(error));
  }
  if (scheduled === 0) close();
}

function open() {
  isOpen = true;
  until = now() + SLICE_MS;
  watchErrors();
}

/**
 * Node asks `process` what is to become of errors that nobody caught. Those of a turn are its own matter:
 * they must not end the process, nor reach listeners that would. All of them come up inside of the block.
 */
function watchErrors() {
  const before = Object.getOwnPropertyDescriptor(process, 'emit');
  const real = process.emit;
  const value = function emitOutsideOfTurns(name, ...rest) {
    const { execution } = current;
    if (execution !== null && execution.trouble.take(name, rest)) return true;
    return Reflect.apply(real, this, [name, ...rest]);
  };
  Object.defineProperty(process, 'emit', { value, writable: true, enumerable: false, configurable: true });
  putBack = () => {
    // Somebody has put another one in front: it goes on to this one, which goes on to the real one.
    if (process.emit !== value) return;
    if (before === undefined) delete process.emit;
    else Object.defineProperty(process, 'emit', before);
  };
}

function close() {
  isOpen = false;
  putBack();
  // Only now: what whoever asked does with the answer is not to run among the code of orchestrations.
  const told = answers;
  answers = [];
  for (const tell of told) tell();
  if (job !== null || first < waiting.length) outside.runInAsyncScope(schedule);
}

function run(isLast) {
  if (job !== null) {
    job.settle();
    if (job.isDone) end();
  }
  while (!isLast && now() < until) {
    if (job === null) {
      job = take();
      if (job === null) return;
      job.begin();
    }
    if (job.deliver()) return;
    end();
  }
  // A long replay lets others in between.
  if (job !== null && first < waiting.length) {
    waiting.push(job);
    job = null;
  }
}

function end() {
  const ended = job;
  job = null;
  try {
    answers.push(ended.finish());
  } catch (error) {
    answers.push(ended.fail(error));
  }
}

function take() {
  for (let tries = waiting.length - first; tries > 0; tries -= 1) {
    const next = waiting[first];
    waiting[first] = undefined;
    first += 1;
    if (first > 1024 && first * 2 > waiting.length) {
      waiting = waiting.slice(first);
      first = 0;
    }
    if (!next.isBlocked) return next;
    waiting.push(next);
  }
  return null;
}

module.exports = { add };
