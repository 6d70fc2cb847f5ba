'use strict';
// Runs orchestrations and activities in this process.

const native = require('./native.js');
const json = require('./json.js');
const strays = require('./strays.js');
const { Attempts } = require('./activities.js');
const { Client } = require('./client.js');
const { Activity, Orchestration, Registry } = require('./definitions.js');
const { InvalidArgument, Stale, WrongStatus, toFailure } = require('./errors.js');
const { PreflightReport, ReplayReport } = require('./reports.js');
const { TurnHost } = require('./turns/index.js');
const { known, oneOf, boolean } = require('./options.js');
const { milliseconds, whole } = require('./durations.js');
const { report } = require('./logs.js');
const { handleOf, asyncDisposeSymbol } = require('./store.js');
const { timeoutMS } = require('./waiting.js');

// Taken before the guards of turns stand in their place: some of this runs in the microtasks of a turn, where they
// would be durable timers of somebody's orchestration.
const { clearTimeout, setImmediate, setTimeout } = globalThis;
const now = performance.now.bind(performance);

/** Turns taken in one call: enough to spread its cost, few enough to answer the first one soon. */
const TURNS_PER_POLL = 32;
/** So long this begins turns and activities before the rest of the loop has its turn, in milliseconds. */
const BUDGET_MS = 1;
/** A runtime that was made and not started within so many milliseconds was probably forgotten. */
const FORGOTTEN_MS = 3000;
const OPTION_NAMES = [
  'activitySlots', 'cachedInstances', 'cache', 'activityTags', 'untaggedActivities', 'sessions', 'sessionIdle',
  'activityGrace', 'nondeterminism', 'replayOnly', 'schedules', 'guards',
];

/** "Runtime options" of docs/wire-format.md. */
function config(options) {
  const given = known(options, OPTION_NAMES, 'The options of Runtime');
  const wire = {};
  const add = (name, key, convert) => {
    if (given[name] !== undefined) wire[key] = convert(given[name], name);
  };
  const truth = (value, name) => boolean(value, name);
  add('activitySlots', 'activitySlots', (value, name) => whole(value, name, 1, 10_000));
  add('cache', 'cache', (value, name) => (boolean(value, name) ? 'on' : 'off'));
  add('cachedInstances', 'cachedInstances', (value, name) => whole(value, name, 0, 1_000_000));
  add('activityTags', 'activityTags', tags);
  add('untaggedActivities', 'untaggedActivities', truth);
  add('sessions', 'sessions', (value, name) => whole(value, name, 0, 100_000));
  add('sessionIdle', 'sessionIdleMS', (value, name) => milliseconds(value, name));
  add('activityGrace', 'activityGraceMS', (value, name) => milliseconds(value, name, 0));
  add('nondeterminism', 'nondeterminism', (value, name) => oneOf(value, ['quarantine', 'fail'], name));
  add('replayOnly', 'replayOnly', truth);
  add('schedules', 'schedules', truth);
  if (given.guards !== undefined) boolean(given.guards, 'guards');
  return wire;
}

function tags(value) {
  if (value === 'any') return value;
  if (!Array.isArray(value)) {
    throw new InvalidArgument(`activityTags are a list of tags or 'any', not ${json.describe(value)}.`);
  }
  return value.map((tag) => json.text(tag, 'A tag'));
}

/**
 * Runs what is registered with it, from `start` until `stop`:
 *
 *     const runtime = await new Runtime(store, [order, charge]).start();
 *
 * A runtime that runs keeps the process alive.
 */
class Runtime {
  #handle;
  #registry = new Registry();
  #turns;
  #attempts;
  #slots;
  #replayOnly;
  #client;
  #state = 'new';
  #poller;
  #stopping;
  #forgotten;
  #work = [];
  #begins = false;
  #turnAnswers = [];
  #activityAnswers = [];
  #flushes = false;

  /** The options are those of docs/node.md "Runtimes". */
  constructor(store, definitions = [], options = undefined) {
    const wire = config(options);
    const value = native.check(native.load().runtimeNew(handleOf(store, 'A runtime'), JSON.stringify(wire)));
    this.store = store;
    this.#handle = new native.Handle(native.RUNTIME, value, 'runtime');
    this.#slots = wire.activitySlots ?? 16;
    this.#replayOnly = wire.replayOnly === true;
    const host = this;
    this.#attempts = new Attempts(
      this.#registry.activities,
      {
        limits: store.limits,
        get client() {
          return host.#sharedClient();
        },
        heartbeat: (token, payload) => native.check(native.load().heartbeat(token, payload, '')),
      },
      (text) => this.#answer(this.#activityAnswers, text),
    );
    this.#turns = new TurnHost({
      orchestrations: this.#registry.orchestrations,
      log: report,
      limits: store.limits,
      cached: wire.cache === 'off' ? 0 : wire.cachedInstances,
      guards: options?.guards,
    });
    if (!Array.isArray(definitions)) {
      throw new InvalidArgument(`A runtime takes a list of definitions, not ${json.describe(definitions)}.`);
    }
    this.register(...definitions);
    const message = 'A runtime was made and not started, so that nothing runs here: await runtime.start().';
    this.#forgotten = setTimeout(() => report({ level: 'warn', message }), FORGOTTEN_MS).unref();
  }

  /** Registers what `activity` and `orchestration` made. Before `start` only. */
  register(...definitions) {
    if (this.#state !== 'new') {
      throw new WrongStatus('Register orchestrations and activities before the runtime is started.');
    }
    const library = native.load();
    for (const definition of definitions) {
      this.#registry.add(definition);
      if (definition instanceof Orchestration) {
        native.check(library.registerOrchestration(this.#handle.value, definition.name, definition.version));
      } else if (definition instanceof Activity) {
        native.check(library.registerActivity(this.#handle.value, definition.name, ''));
        if (definition.limits !== undefined) {
          const limits = JSON.stringify(definition.limits);
          native.check(library.limitActivity(this.#handle.value, definition.name, limits));
        }
      }
    }
  }

  #sharedClient() {
    this.#client ??= new Client(this.store);
    return this.#client;
  }

  // ---- Life -----------------------------------------------------------------------------------------

  /** Begins to take work; resolves to the runtime. Rejects with a StoreError if the store cannot be used. */
  async start() {
    const handle = this.#handle.value;
    if (this.#state !== 'new') throw new WrongStatus('The runtime was started before; make a new one.');
    this.#state = 'starting';
    clearTimeout(this.#forgotten);
    try {
      await native.call('runtime_start', this, handle);
    } catch (error) {
      this.#state = 'failed';
      throw error;
    }
    if (this.#state !== 'starting') return this;
    this.#state = 'running';
    const activities = this.#replayOnly || this.#registry.activities.size === 0 ? 0 : this.#slots;
    const turns = this.#registry.orchestrations.size === 0 ? 0 : TURNS_PER_POLL;
    strays.listen(report);
    this.#poller = native.poll(
      {
        work: (text) => this.#take(text),
        reply: (text) => this.#heed(JSON.parse(text)),
        broken: (error, polling) => this.#broken(error, polling),
      },
      handle, turns, activities,
    );
    return this;
  }

  /**
   * Takes no new work, gives running activities `grace` (default 5 s), hands the rest back, and closes.
   * Instances stay where they are; the next runtime on the store goes on with them. Stopping twice is harmless.
   */
  stop(options) {
    this.#stopping ??= this.#stop(options);
    return this.#stopping;
  }

  async #stop(options) {
    const { grace = 5000 } = known(options, ['grace'], 'The options of stop');
    const ms = milliseconds(grace, 'grace', 0);
    const ran = this.#state === 'running' || this.#state === 'starting';
    this.#state = 'stopped';
    clearTimeout(this.#forgotten);
    try {
      if (ran && this.#handle.isOpen) await native.call('runtime_stop', this, this.#handle.value, '', '', ms);
    } finally {
      this.#end();
      this.#client?.close();
      this.#handle.close();
    }
  }

  /** Stops without grace. */
  close() {
    return this.stop({ grace: 0 });
  }

  async [asyncDisposeSymbol]() {
    await this.stop();
  }

  /** No more work: what runs is told, and the process may end. */
  #end() {
    if (this.#poller === undefined) return;
    this.#flush();
    native.endPoll(this.#poller);
    this.#poller = undefined;
    this.#work = [];
    strays.unlisten();
    this.#attempts.cancelAll();
    this.#turns.close();
  }

  #broken(error, polling) {
    if (error.transient) {
      // The engine tries again; so does the poller.
      if (polling) native.load().took(this.#poller);
      return;
    }
    if (!polling) report({ level: 'warn', message: `The engine took no answers: ${error.message}` });
    else if (this.#state === 'running') {
      report({ level: 'error', message: `The runtime ends: ${error.message}` });
      this.close().catch((again) => report({ level: 'error', message: again.message }));
    }
  }

  // ---- Work -----------------------------------------------------------------------------------------

  #take(text) {
    let work;
    try {
      work = JSON.parse(text);
    } catch (error) {
      report({ level: 'error', message: `Work cannot be read and waits for another runtime: ${error.message}` });
      native.load().took(this.#poller);
      return;
    }
    this.#heed(work);
    if (work.stopped) {
      this.#attempts.cancelAll();
      return;
    }
    for (const { token, task } of work.activities) this.#work.push(() => this.#attempts.run(token, task));
    for (const { token, request } of work.turns) this.#work.push(() => this.#turn(token, request));
    this.#work.push(() => native.load().took(this.#poller));
    if (!this.#begins) this.#begin();
  }

  /** Begins what was taken, in slices: the rest of the loop must not wait for all of it. */
  #begin() {
    const end = now() + BUDGET_MS;
    const work = this.#work;
    let at = 0;
    do work[at++]();
    while (at < work.length && now() < end);
    // A piece of work may have ended the runtime, which drops the rest.
    if (this.#work !== work) return;
    this.#work = work.slice(at);
    this.#begins = this.#work.length > 0;
    if (this.#begins) setImmediate(() => this.#work.length > 0 ? this.#begin() : (this.#begins = false));
  }

  /** What every answer of the engine may say beside work. */
  #heed(work) {
    this.#attempts.cancel(work.cancelled);
    for (const refused of work.refused) {
      // Results that nobody needs any more are part of life.
      const level = refused.code === Stale.code ? 'debug' : 'warn';
      report({ level, message: `The engine refused an answer: ${refused.message} (code ${refused.code})` });
    }
  }

  /** Runs a turn and answers it; never rejects. */
  async #turn(token, request) {
    let answer;
    try {
      answer = `{"token":${token},"answer":${await this.#turns.turnText(request)}}`;
    } catch (error) {
      // A turn that cannot be run says nothing about the instance: the engine tries again later.
      const message = `The turn could not be run: ${error?.message ?? error}`;
      report({ level: 'error', instance: request.instance, message, stack: error?.stack });
      answer = `{"token":${token},"failure":${JSON.stringify(toFailure(error))}}`;
    }
    this.#answer(this.#turnAnswers, answer);
  }

  #answer(list, text) {
    list.push(text);
    if (this.#flushes) return;
    this.#flushes = true;
    // Behind the turns of this round of the loop (turns/pump.js): answers of one round go in together.
    setImmediate(() => this.#flush());
  }

  #flush() {
    this.#flushes = false;
    const members = [];
    if (this.#turnAnswers.length > 0) members.push(`"turns":[${this.#turnAnswers.join(',')}]`);
    if (this.#activityAnswers.length > 0) members.push(`"activities":[${this.#activityAnswers.join(',')}]`);
    this.#turnAnswers = [];
    this.#activityAnswers = [];
    // Without a poller the runtime has ended: nobody wants the results.
    if (members.length > 0 && this.#poller !== undefined) {
      native.load().answer(this.#poller, `{"v":1,${members.join(',')}}`);
    }
  }

  // ---- Replay ---------------------------------------------------------------------------------------

  /**
   * Replays a recorded history (`Management.exportInstance`, or a history page as JSON text) against the code
   * of this runtime, which must have been started. Changes nothing.
   */
  async replay(history, options) {
    const { timeout = 60_000 } = known(options, ['timeout'], 'The options of replay');
    const text = json.text(history, 'The history');
    const answer = await native.call(
      'history_replay', this, this.#handle.value, text, '', timeoutMS(timeout),
    );
    return new ReplayReport(JSON.parse(answer));
  }

  /**
   * Replays every open instance of the store against the code of this runtime, which must have been started.
   * Changes nothing.
   */
  async preflight(options) {
    const names = [
      'orchestration', 'statuses', 'limit', 'includeQuarantined', 'ignoreNotRegistered', 'timeout',
    ];
    const { timeout, ...request } = known(options, names, 'The options of preflight');
    const text = json.encode(request, 'The request');
    const answer = await native.call(
      'runtime_preflight', this, this.#handle.value, text, '', timeoutMS(timeout),
    );
    return new PreflightReport(JSON.parse(answer));
  }
}

module.exports = { Runtime };
