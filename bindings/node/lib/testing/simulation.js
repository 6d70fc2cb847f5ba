'use strict';
// What a scenario says: who is registered, what happens from outside, and what must hold.

const json = require('../json.js');
const { Activity, Orchestration, Registry, nameOf } = require('../definitions.js');
const { Description, startRequest } = require('../descriptions.js');
const { milliseconds } = require('../durations.js');
const { NotFound, toFailure } = require('../errors.js');
const { known } = require('../options.js');
const { answer } = require('./stubs.js');

/** What an invariant looks at: the instances, at the end of a run or after a commit. */
class World {
  #instances;
  #descriptions = new Map();

  constructor(instances, ended) {
    this.#instances = new Map(instances.map((each) => [each.description.instance, each]));
    /** Why lines of the script were refused, by the number that `run.event` and its like returned. */
    this.refused = new Map((ended.refused ?? []).map(({ line, why }) => [line, why]));
    /** Virtual time since the begin, in milliseconds. */
    this.elapsed = ended.elapsedMS ?? 0;
  }

  get instances() {
    return [...this.#instances.keys()].map((each) => this.instance(each));
  }

  /** The description of an instance. Throws NotFound. */
  instance(instance) {
    if (!this.#descriptions.has(instance)) {
      this.#descriptions.set(instance, new Description(this.#known(instance).description));
    }
    return this.#descriptions.get(instance);
  }

  /** The events of the current execution, at the end of a run only. */
  history(instance) {
    return this.#known(instance).history ?? [];
  }

  /** The key-value state as a Map, at the end of a run only. */
  kv(instance) {
    return new Map((this.#known(instance).kv ?? []).map(({ key, value }) => [key, value]));
  }

  /** What an instance that has not ended waits for, in words. */
  waits(instance) {
    return this.#known(instance).waits ?? [];
  }

  #known(instance) {
    const found = this.#instances.get(instance);
    if (found === undefined) throw new NotFound(`There is no instance '${instance}' in the simulation.`);
    return found;
  }
}

/**
 * One run, as the scenario describes it. The scenario is called anew for each schedule: state that it makes is
 * fresh.
 */
class Simulation {
  #stubs = new Map();
  #uses = new Map();
  #lines = [];
  #count = 0;
  #instances = 0;
  #patient = new Set();
  /** For the run. */
  _registry = new Registry();
  _checks = [];
  _always = [];

  // ---- Who is registered ----------------------------------------------------------------------------

  /** Orchestrations, and activities that are to run as they are. */
  register(...definitions) {
    for (const definition of definitions) this._registry.add(definition);
  }

  /** Runs `stub` in place of an activity: whatever a `TestEnvironment` takes for one. */
  activity(activity, stub) {
    if (activity instanceof Activity && !this._registry.has(activity)) this._registry.add(activity);
    this.#stubs.set(json.text(nameOf(activity, 'The activity'), 'The name of the activity'), stub);
  }

  /** Names of all activities that can be run. */
  _activities() {
    return [...new Set([...this._registry.activities.keys(), ...this.#stubs.keys()])].sort();
  }

  _run(ctx, input) {
    if (!this.#stubs.has(ctx.name)) return this._registry.activities.get(ctx.name).fn(ctx, input);
    const stub = this.#stubs.get(ctx.name);
    if (!Array.isArray(stub)) return answer(stub, ctx, input);
    const use = this.#uses.get(ctx.name) ?? 0;
    this.#uses.set(ctx.name, use + 1);
    return answer(stub[Math.min(use, stub.length - 1)], ctx, input);
  }

  // ---- What happens from outside --------------------------------------------------------------------
  // `after`: how long after the begin, or after the moment in which an activity says so.

  /** Starts an instance and returns its id. The options are those of `Client.start`, and `after`. */
  start(orchestration, input, { after = 0, ...options } = {}) {
    this.#instances += 1;
    const instance = options.instance ?? `${nameOf(orchestration, 'The orchestration')}-${this.#instances}`;
    if (orchestration instanceof Orchestration && !this._registry.has(orchestration)) {
      this._registry.add(orchestration);
    }
    this.#add('start', startRequest(orchestration, input, { ...options, instance }), after);
    return instance;
  }

  /** Raises an event; simulated time may make it later. Options: `after`, `keep`. Returns a number for `refused`. */
  event(instance, name, data, options) {
    return this.#send(instance, 'event', name, data, options);
  }

  enqueue(instance, queue, message, options) {
    return this.#send(instance, 'queue', queue, message, options);
  }

  publish(topic, data = null, options) {
    return this.#object('publish', { topic, data }, 'The data of the topic', options);
  }

  /** Calls a handler of the orchestration. Its answer is seen in what it does. */
  call(instance, name, input = null, options) {
    return this.#object('call', { instance, name, input, call: `call-${this.#count}` }, 'The input', options);
  }

  /** Options: `after`, `grace`. */
  cancel(instance, reason = '', { grace, ...options } = {}) {
    const graceMS = grace === undefined ? undefined : milliseconds(grace, 'grace', 0);
    const members = { instance, operation: 'cancel', reason, graceMS };
    return this.#object('control', members, 'The request', options);
  }

  suspend(instance, reason = '', options) {
    return this.#object('control', { instance, operation: 'suspend', reason }, 'The request', options);
  }

  resume(instance, reason = '', options) {
    return this.#object('control', { instance, operation: 'resume', reason }, 'The request', options);
  }

  terminate(instance, reason = '', options) {
    return this.#object('control', { instance, operation: 'terminate', reason }, 'The request', options);
  }

  /** Ends an attempt that was deferred. Activities may call it and its like: time counts from then. */
  completeActivity(token, result = null, options) {
    return this.#object('complete', { token, result }, 'The result', options);
  }

  failActivity(token, error, options) {
    return this.#object('complete', { token, failure: toFailure(error) }, 'The failure', options);
  }

  #send(instance, channel, name, data = null, { keep = false, ...options } = {}) {
    const members = { instance, channel, name, data, keep };
    return this.#object('send', members, `The data of ${channel} '${name}'`, options);
  }

  #object(kind, members, what, options) {
    const { after = 0 } = known(options, ['after'], 'The options of a line of the script');
    return this.#add(kind, json.encode(members, what), after);
  }

  #add(kind, request, after) {
    this.#lines.push(`{"afterMS":${milliseconds(after, 'after', 0)},"${kind}":${request}}`);
    this.#count += 1;
    return this.#count - 1;
  }

  /** Lines that the library has not got yet, as JSON text. */
  _takeLines() {
    const lines = this.#lines;
    this.#lines = [];
    return `[${lines.join(',')}]`;
  }

  get _hasLines() {
    return this.#lines.length > 0;
  }

  // ---- What must hold -------------------------------------------------------------------------------

  /** `check(world)` looks at the end of the run. Fails by returning false, or by throwing. */
  check(name, check) {
    this._checks.push([name, check]);
  }

  /** Looks after every commit, too. What it sees of instances has no history. */
  always(name, check) {
    this._always.push([name, check]);
  }

  /** These need not have ended when nothing goes on any more; without names none need. */
  mayWait(...instances) {
    if (instances.length === 0) this.#patient = null;
    for (const instance of instances) this.#patient?.add(instance);
  }

  _mustEnd(instance) {
    return this.#patient !== null && !this.#patient.has(instance);
  }
}

module.exports = { Simulation, World };
