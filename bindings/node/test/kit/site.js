'use strict';
// The scripts of the conformance kit (docs/kit.md), with the public API of the package.

const path = require('node:path');
const { setTimeout: pause } = require('node:timers/promises');
const perdure = require('../../lib/index.js');
const { Attempt, Board } = require('./activities.js');
const { Thrown, Unknown } = require('./expressions.js');
const { Orchestration } = require('./orchestrations.js');
const { Patterns } = require('./patterns.js');

/** Milliseconds that anything may take. */
const WAIT = 20_000;
const STATE = [
  'status', 'output', 'customStatus', 'customStatusVersion', 'execution', 'version', 'attributes', 'memo', 'priority',
  'pendingReason', 'suspendReason',
]; // prettier-ignore
const START = ['instance', 'version', 'policy', 'priority', 'attributes', 'memo', 'dedupKey'];

/** Something is not as the scenario says. */
class Mismatch extends Error {}

function require_(condition, what) {
  if (!condition) throw new Mismatch(what);
}

const only = (object, keys) => Object.fromEntries(keys.filter((key) => key in object).map((key) => [key, object[key]]));

/** A store with a runtime, and the script that goes over them. */
class Site {
  constructor(scenario, folder, cache) {
    this.scenario = scenario;
    this.url = `sqlite:${path.join(folder, 'kit.sqlite')}`;
    this.cache = cache;
    this.board = new Board();
    this.patterns = new Patterns();
    this.code = scenario;
  }

  // ---- Life -----------------------------------------------------------------------------------------

  async open() {
    const { limits } = this.scenario;
    this.store = await perdure.Store.open(this.url, limits && { limits });
    this.client = new perdure.Client(this.store);
  }

  async begin({ code, runtime = this.scenario.runtime ?? {} }) {
    if (code !== undefined) this.code = this.scenario.code[code];
    const orchestrations = Object.entries(this.code.orchestrations).map(([key, block]) => {
      const [name, version = '1.0.0'] = key.split('@');
      return perdure.orchestration(name, (ctx, input) => new Orchestration(ctx).run(block, input), { version });
    });
    const activities = Object.entries(this.code.activities ?? {}).map(([name, block]) =>
      perdure.activity(name, (ctx, input) => new Attempt(ctx, this.board).run(block, input)),
    );
    const options = { ...runtime, cache: this.cache };
    this.runtime = new perdure.Runtime(this.store, [...orchestrations, ...activities], options);
    await this.runtime.start();
  }

  async stop() {
    await this.runtime?.stop({ grace: 0 });
    this.runtime = undefined;
  }

  async close() {
    this.client.close();
    await this.stop();
    this.store.close();
  }

  // ---- Script ---------------------------------------------------------------------------------------

  async run() {
    await this.open();
    try {
      await this.begin({});
      for (const [index, command] of this.scenario.script.entries()) {
        try {
          const name = Object.keys(command).find((key) => typeof this[`on_${key}`] === 'function');
          if (!name) throw new Unknown('there is no such command');
          await this[`on_${name}`](command);
        } catch (error) {
          error.message = `command ${index + 1}, ${JSON.stringify(command)}: ${error.message}`;
          throw error;
        }
      }
    } finally {
      await this.close();
    }
  }

  /** Waits for a call and compares what comes of it with `gives`, `failure` or `error`. */
  async check(command, calling) {
    let given;
    try {
      given = await calling();
    } catch (error) {
      if (error instanceof perdure.WorkFailed) {
        require_(command.failure, `it failed: ${error}`);
        const wrong = this.failure(command.failure, error.failure, this.patterns);
        return require_(wrong.length === 0, wrong.join('; '));
      }
      if (!(error instanceof perdure.PerdureError)) throw error;
      const code = error.name[0].toLowerCase() + error.name.slice(1);
      return require_(code === command.error, `it was refused: ${error}`);
    }
    require_(!command.failure && !command.error, `it gave ${JSON.stringify(given)}`);
    if ('gives' in command) require_(this.patterns.match(command.gives, given), `it gave ${JSON.stringify(given)}`);
  }

  on_start(command) {
    const options = { ...only(command, START), ...('delayMS' in command && { delay: command.delayMS }) };
    return this.check(command, () => this.client.start(command.start, command.with ?? null, options));
  }

  on_raise(command) {
    const options = { keep: command.keep === true };
    return this.check(command, () =>
      this.client.raiseEvent(command.to, command.raise, command.with ?? null, options),
    );
  }

  on_enqueue(command) {
    const options = { keep: command.keep === true };
    return this.check(command, () => this.client.enqueue(command.to, command.enqueue, command.with ?? null, options));
  }

  on_publish(command) {
    return this.check(command, () => this.client.publish(command.publish, command.with ?? null));
  }

  on_call(command) {
    const options = { timeout: command.timeoutMS ?? WAIT, ...('id' in command && { callId: command.id }) };
    return this.check(command, () => this.client.call(command.of, command.call, command.with ?? null, options));
  }

  on_query(command) {
    const options = { timeout: WAIT };
    return this.check(command, () => this.client.query(command.of, command.query, command.with ?? null, options));
  }

  on_cancel(command) {
    const options = 'graceMS' in command ? { grace: command.graceMS } : undefined;
    return this.check(command, () => this.client.cancel(command.cancel, command.reason ?? '', options));
  }

  on_suspend(command) {
    return this.check(command, () => this.client.suspend(command.suspend, command.reason ?? ''));
  }

  on_resume(command) {
    return this.check(command, () => this.client.resume(command.resume));
  }

  on_terminate(command) {
    return this.check(command, () => this.client.terminate(command.terminate, command.reason ?? ''));
  }

  on_retry(command) {
    return this.check(command, () => this.client.retry(command.retry));
  }

  on_rewind(command) {
    return this.check(command, () => this.client.management('kit').rewind(command.rewind));
  }

  on_reset(command) {
    return this.check(command, () => this.client.management('kit').reset(command.reset, command.toEvent));
  }

  on_delete(command) {
    return this.check(command, () => this.client.delete(command.delete, { force: command.force === true }));
  }

  on_complete(command) {
    return this.deferred(command, command.complete, (token) =>
      this.client.completeActivity(token, command.with ?? null),
    );
  }

  on_failActivity(command) {
    const error = new Thrown(command.failureIs);
    return this.deferred(command, command.failActivity, (token) => this.client.failActivity(token, error));
  }

  on_heartbeatActivity(command) {
    return this.deferred(command, command.heartbeatActivity, (token) =>
      this.client.heartbeatActivity(token, command.with ?? null),
    );
  }

  /** Tries again while the deferral is on its way to the disk. */
  deferred(command, activity, call) {
    return this.check(command, async () => {
      const deadline = Date.now() + WAIT;
      for (;;) {
        try {
          return await call(this.board.tokens.get(activity));
        } catch (error) {
          if (!(error instanceof perdure.WrongStatus) || Date.now() > deadline) throw error;
          await pause(5);
        }
      }
    });
  }

  on_release(command) {
    this.board.released.add(command.release);
  }

  async on_waitMark(command) {
    const marks = () => this.board.marks.get(command.waitMark) ?? 0;
    for (const deadline = Date.now() + WAIT; marks() < (command.count ?? 1); await pause(5)) {
      require_(Date.now() < deadline, `there are ${marks()} marks`);
    }
  }

  on_stop() {
    return this.stop();
  }

  on_begin(command) {
    return this.begin(command.begin);
  }

  async on_restart(command) {
    await this.close();
    await this.open();
    await this.begin(command.restart);
  }

  on_runs(command) {
    for (const [activity, count] of Object.entries(command.runs)) {
      const found = this.board.runs.get(activity) ?? 0;
      require_(found === count, `'${activity}' ran ${found} times`);
    }
  }

  async on_metrics(command) {
    for (const deadline = Date.now() + WAIT; ; await pause(5)) {
      const metrics = this.store.metrics();
      const wrong = Object.keys(command.metrics).filter((name) => metrics.value(name) !== command.metrics[name]);
      if (wrong.length === 0) return;
      require_(Date.now() < deadline, wrong.map((name) => `${name} is ${metrics.value(name)}`).join('; '));
    }
  }

  // ---- Looking --------------------------------------------------------------------------------------

  async on_wait(command) {
    for (const deadline = Date.now() + WAIT; ; await pause(5)) {
      // What has ended stays as it is, so that it need not be looked at again.
      const hasEnded = (await this.find(command.wait))?.isEnded ?? false;
      const wrong = await this.differences(command.wait, command);
      if (wrong.length === 0) return;
      require_(!hasEnded && Date.now() < deadline, wrong.join('; '));
    }
  }

  async on_expect(command) {
    const wrong = await this.differences(command.expect, command);
    require_(wrong.length === 0, wrong.join('; '));
  }

  async find(instance) {
    try {
      return await this.client.describe(instance);
    } catch (error) {
      if (error instanceof perdure.NotFound) return undefined;
      throw error;
    }
  }

  /** What is not as the members of `state` say. */
  async differences(instance, state) {
    const row = await this.find(instance);
    if (!row) return state.exists === false ? [] : ['there is no such instance'];
    if (state.exists === false) return ['it exists'];
    const patterns = new Patterns(this.patterns.known);
    const found = only(row, STATE.filter((key) => key in state));
    if ('parent' in state) found.parent = row.parent?.instance ?? null;
    if ('kv' in state) found.kv = Object.fromEntries(await this.client.kv(instance));
    if ('children' in state) found.children = await this.children(instance);
    if ('history' in state || 'counts' in state) {
      const options = 'in' in state ? { execution: state.in } : undefined;
      const kinds = (await this.client.history(instance, options)).map((event) => event.kind);
      if (state.history) found.history = kinds;
      if (state.counts) found.counts = this.counts(Object.keys(state.counts), kinds);
    }
    const known = new Set([...Object.keys(found), 'wait', 'expect', 'failure', 'in']);
    const unknown = Object.keys(state).find((key) => !known.has(key));
    if (unknown) throw new Unknown(`instances have no '${unknown}'`);
    const wrong = Object.keys(found)
      .filter((key) => !patterns.match(state[key], found[key]))
      .map((key) => `${key} is ${JSON.stringify(found[key])}`);
    if (state.failure) wrong.push(...this.failure(state.failure, row.failure, patterns));
    if (wrong.length === 0) this.patterns = patterns;
    return wrong;
  }

  counts(wanted, kinds) {
    return Object.fromEntries(wanted.map((kind) => [kind, kinds.filter((each) => each === kind).length]));
  }

  async children(instance) {
    let count = 0;
    for await (const _ of this.client.list({ parent: instance })) count += 1;
    return count;
  }

  failure(pattern, found, patterns) {
    if (!found) return ['there is no failure'];
    const wrong = Object.keys(pattern)
      .filter((key) => key !== 'cause' && !patterns.match(pattern[key], found[key]))
      .map((key) => `failure.${key} is ${JSON.stringify(found[key])}`);
    if (pattern.cause) wrong.push(...this.failure(pattern.cause, found.cause, patterns));
    return wrong;
  }
}

module.exports = { Mismatch, Site };
