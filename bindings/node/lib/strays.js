'use strict';
// Promises that activities leave behind and that are rejected later: reported with the instance, in place of
// the end of the process that Node would make of them. Rejections of other code are left to Node.

const { AsyncLocalStorage } = require('node:async_hooks');
const { clean, said } = require('./text.js');

const attempts = new AsyncLocalStorage();
let users = 0;
let report;

/** Runs `work` as part of an attempt. */
function enter(context, work) {
  return attempts.run(context, work);
}

function rejected(reason) {
  const context = attempts.getStore();
  if (context === undefined) {
    // Ours is the only listener: without it Node would have thrown this.
    if (process.listenerCount('unhandledRejection') === 1) throw reason;
    return;
  }
  report({
    level: 'error',
    instance: context.instanceId,
    execution: context.executionId,
    activity: context.name,
    attempt: context.attempt,
    message: `Activity '${context.name}' left a promise behind that was rejected: ${clean(said(() => reason))}. `
      + 'Await it, or catch its error.',
    stack: typeof reason?.stack === 'string' ? clean(reason.stack) : undefined,
  });
}

/** Listens while a runtime runs. */
function listen(write) {
  report = write;
  if (users++ === 0) process.on('unhandledRejection', rejected);
}

function unlisten() {
  if (--users === 0) process.off('unhandledRejection', rejected);
}

module.exports = { enter, listen, unlisten };
