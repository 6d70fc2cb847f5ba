'use strict';
// Runs a scenario once: the host of the library's simulation.

const json = require('../json.js');
const limits = require('../limits.js');
const native = require('../native.js');
const { ActivityContext, outcome } = require('../activities.js');
const { Unsupported, fromFailure, toFailure } = require('../errors.js');
const { report } = require('../logs.js');
const { TurnHost } = require('../turns/index.js');
const { World } = require('./simulation.js');

/** An invariant does not hold. */
class Broken {
  constructor(invariant, message, error) {
    this.invariant = invariant;
    this.message = message;
    this.error = error;
  }
}

/** One run. `ended` is the library's account of it; `broken` what did not hold. */
class Rehearsal {
  ended = {};
  broken = null;
  #run;
  #handle;
  #turns;
  #beats = new Map();
  #limits = limits.of();

  /** `config`: members of "Simulation config" beside those that the run says. */
  constructor(run, config) {
    this.#run = run;
    const { orchestrations } = run._registry;
    this.#turns = new TurnHost({ orchestrations, log: report });
    const whole = {
      ...config,
      observe: run._always.length > 0,
      orchestrations: [...orchestrations].flatMap(([name, versions]) =>
        [...versions.keys()].map((version) => ({ name, version }))),
      activities: run._activities().map((name) => ({ name })),
    };
    const text = `${json.encode(whole, 'The config').slice(0, -1)},"script":${run._takeLines()}}`;
    const value = native.check(native.load().simulationNew(text));
    this.#handle = new native.Handle(native.SIMULATION, value, 'simulation');
  }

  async play() {
    try {
      await this.#go();
      if (this.broken === null) this.broken = this.#judge();
    } finally {
      this.#turns.close();
      this.#handle.close();
    }
    return this;
  }

  async #go() {
    let answers = '';
    for (;;) {
      const work = JSON.parse(native.check(native.load().simulationStep(this.#handle.value, answers)));
      for (const refused of work.refused ?? []) {
        report({ level: 'warn', message: `The engine refused an answer: ${refused.message}` });
      }
      answers = '{"v":1';
      if (work.turn) answers += `,"turns":[${await this.#turn(work.turn)}]`;
      else if (work.activity) answers += await this.#activity(work.activity);
      else if (work.ended) {
        this.ended = work.ended;
        return;
      } else if (work.restarted) this.#turns.close();
      else if (this.broken === null) {
        // The run goes on: its end tells what had been decided.
        const instances = work.committed.instances.map((description) => ({ description }));
        this.broken = this.#hold(this.#run._always, new World(instances, {}));
      }
      if (this.#run._hasLines) answers += `,"script":${this.#run._takeLines()}`;
      answers += '}';
    }
  }

  async #turn({ token, request }) {
    try {
      return `{"token":${token},"answer":${await this.#turns.turnText(request)}}`;
    } catch (error) {
      return `{"token":${token},"failure":${JSON.stringify(toFailure(error))}}`;
    }
  }

  async #activity({ token, task }) {
    const context = new ActivityContext(task, token, {
      limits: this.#limits,
      get client() {
        throw new Unsupported('In a simulation there is no client: let the activity use the Simulation itself.');
      },
      heartbeat: (_, payload) => this.#beats.set(token, payload),
    });
    const answer = await outcome(token, context, this.#limits, () => this.#run._run(context, task.input ?? null));
    const beat = this.#beats.get(token);
    this.#beats.delete(token);
    return `,"activities":[${answer}]${beat === undefined ? '' : `,"heartbeat":${beat}`}`;
  }

  // ---- Invariants -----------------------------------------------------------------------------------

  #judge() {
    const { instances, why } = this.ended;
    const set = instances.find(({ description }) => description.status === 'Quarantined');
    if (set) {
      const { instance, failure } = set.description;
      return new Broken('no instance is quarantined', `'${instance}': ${fromFailure(failure)}`);
    }
    const open = instances
      .filter(({ description, waits }) => waits.length > 0 && this.#run._mustEnd(description.instance))
      .map(({ description, waits }) => `'${description.instance}' waits for ${waits.join(', ')}`);
    if (open.length > 0) return new Broken('every instance ends', [...(why ? [why] : []), ...open].join('; '));
    return this.#hold([...this.#run._always, ...this.#run._checks], new World(instances, this.ended));
  }

  /** The first that does not hold, or null. */
  #hold(checks, world) {
    for (const [name, check] of checks) {
      try {
        const holds = check(world);
        if (holds !== undefined && holds !== null && !holds) return new Broken(name, 'it does not hold');
      } catch (error) {
        return new Broken(name, `${error?.name ?? 'Error'}: ${error?.message ?? error}`, error);
      }
    }
    return null;
  }
}

module.exports = { Rehearsal };
