'use strict';
// Which branch of the code a handle belongs to. Only `ctx.task` and `ctx.onCall` need to know: a cancelled
// task gives up what is awaited in it, and a cancellation of the instance does not reach the handlers of
// calls. So the storage, which makes promises dearer in the whole process, is not used before the first of
// them.

const { AsyncLocalStorage } = require('node:async_hooks');

const storage = new AsyncLocalStorage();
let isUsed = false;

/** A branch. `parent`: the one that it is part of, undefined for the code itself. */
class Scope {
  /** A cancellation of the instance does not reach it. */
  isSpared = false;

  constructor(parent) {
    this.parent = parent;
  }
}

/** The branch that runs, undefined for the code itself. */
function here() {
  return isUsed ? storage.getStore() : undefined;
}

/** Runs a function, and all that follows from it, as part of a branch. */
function within(scope, run) {
  if (scope === undefined && !isUsed) return run();
  isUsed = true;
  return storage.run(scope, run);
}

/** Whether `scope` is `other` or within it. */
function isWithin(scope, other) {
  for (let at = scope; at !== undefined; at = at.parent) if (at === other) return true;
  return false;
}

function isSpared(scope) {
  for (let at = scope; at !== undefined; at = at.parent) if (at.isSpared) return true;
  return false;
}

module.exports = { Scope, here, within, isWithin, isSpared };
