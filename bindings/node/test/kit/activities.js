'use strict';
// The activities of the conformance kit (docs/kit.md), and what all activities of a scenario share.

const { once } = require('node:events');
const { setTimeout: pause } = require('node:timers/promises');
const { Program, Scope, Thrown } = require('./expressions.js');

/** Marks, releases, counts and tokens. They outlive the runtimes of their scenario. */
class Board {
  runs = new Map();
  marks = new Map();
  tokens = new Map();
  released = new Set();

  begin(activity) {
    const run = (this.runs.get(activity) ?? 0) + 1;
    this.runs.set(activity, run);
    return run;
  }

  mark(name) {
    this.marks.set(name, (this.marks.get(name) ?? 0) + 1);
  }
}

/** One run of the code of an activity. */
class Attempt extends Program {
  constructor(context, board) {
    super();
    this.context = context;
    this.board = board;
  }

  run(block, input) {
    const { attempt, name, lastHeartbeat, idempotencyKey, tag, session } = this.context;
    const variables = { input, attempt, run: this.board.begin(name), key: idempotencyKey, tag, session };
    return this.body(block, new Scope(undefined, { ...variables, heartbeat: lastHeartbeat }));
  }

  do_heartbeat(step, scope) {
    this.context.heartbeat(this.value(step.heartbeat, scope));
  }

  do_mark(step, scope) {
    this.board.mark(this.value(step.mark, scope));
  }

  async do_hold(step, scope) {
    const name = this.value(step.hold, scope);
    this.board.mark(name);
    while (!this.board.released.has(name)) {
      if (this.context.isCancelled) throw new Thrown({ type: 'kit.Cancelled', message: 'nobody wants it any more' });
      await pause(5);
    }
  }

  async do_untilCancelled(step, scope) {
    if (!this.context.signal.aborted) await once(this.context.signal, 'abort');
    this.board.mark(this.value(step.untilCancelled, scope));
  }

  do_defer() {
    this.board.tokens.set(this.context.name, this.context.token);
    return this.context.defer();
  }
}

module.exports = { Attempt, Board };
