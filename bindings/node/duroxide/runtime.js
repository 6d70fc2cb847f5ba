'use strict';
// Runs what is registered with it, until it is shut down.

const { randomBytes } = require('node:crypto');
const native = require('../lib/runtime.js');
const json = require('../lib/json.js');
const { Activity, Orchestration } = require('../lib/definitions.js');
const { report } = require('../lib/logs.js');
const activities = require('./activities.js');
const { Client } = require('./client.js');
const { orchestration } = require('./driver.js');
const { storeOf } = require('./providers.js');
const { MAX_WORKER_TAGS } = require('./tasks.js');
const { runtimeStarts } = require('./tracing.js');

const DEFAULT_VERSION = '1.0.0';
/** Activities at once when the options do not say. */
const WORKERS = 16;
/** How long a shutdown waits for them, when the call does not say. */
const SHUTDOWN_MS = 1000;

/** Options with a meaning, and those without one: nothing is polled, no lock is renewed for each task. */
const OPTION_NAMES = [
  'orchestrationConcurrency', 'workerConcurrency', 'maxSessionsPerRuntime', 'sessionIdleTimeoutMs', 'workerNodeId',
  'workerTagFilter', 'dispatcherPollIntervalMs', 'workerLockTimeoutMs', 'logFormat', 'logLevel', 'serviceName',
  'serviceVersion', 'orchestratorLockTimeoutMs', 'orchestratorLockRenewalBufferMs', 'maxAttempts',
  'workerLockRenewalBufferMs', 'sessionLockTimeoutMs', 'sessionLockRenewalBufferMs',
];

/** Runtimes of one process may share a provider, and names. */
class Runtime {
  #provider;
  #runtime;
  #parts;
  #client;
  #runsActivities;
  #runsOrchestrations;
  #state = 'new';
  #before;

  constructor(provider, options = {}) {
    const store = storeOf(provider, 'A Runtime');
    const given = options ?? {};
    const unknown = Object.keys(given).filter((key) => !OPTION_NAMES.includes(key));
    if (unknown.length > 0) report({ level: 'warn', message: `A Runtime has no option ${unknown.join(', ')}.` });
    const workers = given.workerConcurrency ?? WORKERS;
    const takes = tagsOf(given.workerTagFilter);
    const settings = { activitySlots: Math.max(workers, 1), ...takes };
    if (isGiven(given.maxSessionsPerRuntime)) settings.sessions = given.maxSessionsPerRuntime;
    if (isGiven(given.sessionIdleTimeoutMs)) settings.sessionIdle = given.sessionIdleTimeoutMs;
    this.#provider = provider;
    // Code that differs from its history ends the instance here: there is no status for setting it aside.
    this.#runtime = new native.Runtime(store, [], { ...settings, nondeterminism: 'fail' });
    this.#runsActivities = workers > 0 && takes !== null;
    this.#runsOrchestrations = given.orchestrationConcurrency !== 0;
    this.#parts = {
      workers: new activities.Workers(given.workerNodeId ?? randomBytes(2).toString('hex'), settings.activitySlots),
      versions: new activities.Versions(),
      makeClient: () => {
        this.#client ??= new Client(this.#provider);
        return this.#client;
      },
    };
  }

  // ---- Registration ---------------------------------------------------------------------------------

  registerActivity(name, fn) {
    const definition = new Activity(name, checked(fn) && activities.activity(fn, this.#parts));
    if (this.#runsActivities) this.#runtime.register(definition);
  }

  registerActivityTyped(name, fn) {
    this.registerActivity(name, fn);
  }

  /** A generator function `(ctx, input)`. */
  registerOrchestration(name, fn) {
    this.registerOrchestrationVersioned(name, DEFAULT_VERSION, fn);
  }

  registerOrchestrationTyped(name, fn) {
    this.registerOrchestration(name, fn);
  }

  registerOrchestrationVersioned(name, version, fn) {
    const run = checked(fn) && orchestration(fn, this.#parts.versions);
    const definition = new Orchestration(name, run, { version });
    if (this.#runsOrchestrations) this.#runtime.register(definition);
  }

  registerOrchestrationVersionedTyped(name, version, fn) {
    this.registerOrchestrationVersioned(name, version, fn);
  }

  // ---- Life -----------------------------------------------------------------------------------------

  /** Begins to take work. */
  async start() {
    if (this.#state !== 'new') throw new Error(`The runtime was ${this.#state} before; make a new one.`);
    this.#state = 'started';
    runtimeStarts();
    this.#before = this.#provider.store.metrics();
    await this.#runtime.start();
  }

  /**
   * Takes no new work and gives running activities so long. What is not done is done by the next runtime. Twice
   * is harmless.
   */
  async shutdown(timeoutMs) {
    this.#state = 'shut down';
    await this.#runtime.stop({ grace: Math.max(timeoutMs ?? SHUTDOWN_MS, 0) });
    this.#client?.close();
  }

  /** null before the start and after the end. Runtimes that share a provider have counts in common. */
  metricsSnapshot() {
    if (this.#state !== 'started') return null;
    const now = this.#provider.store.metrics();
    const count = (metrics, parts) => parts.reduce((sum, [name, labels]) => sum + metrics.value(name, labels), 0);
    return Object.fromEntries(
      Object.entries(COUNTERS).map(([field, parts]) => [field, count(now, parts) - count(this.#before, parts)]),
    );
  }
}

function checked(fn) {
  if (typeof fn !== 'function') throw new TypeError(`A function is registered, not ${json.describe(fn)}.`);
  return true;
}

function isGiven(value) {
  return value !== undefined && value !== null;
}

// ---- Metrics ----------------------------------------------------------------------------------------

const COMPLETED = [['perdure_instances_ended', { status: 'Completed' }]];
const FAILED = [
  ['perdure_instances_ended', { status: 'Failed' }],
  ['perdure_instances_ended', { status: 'Cancelled' }],
  ['perdure_instances_terminated', {}],
];

/** Each counter of a snapshot is a sum of families of Perdure; those that are empty cannot happen there. */
const COUNTERS = {
  orchStarts: [['perdure_instances_started', {}]],
  orchCompletions: COMPLETED,
  orchFailures: FAILED,
  orchApplicationErrors: FAILED,
  orchInfrastructureErrors: [],
  orchConfigurationErrors: [],
  orchPoison: [['perdure_instances_quarantined', {}]],
  activitySuccess: [['perdure_activities_completed', {}]],
  activityAppErrors: [['perdure_activities_failed', {}]],
  activityInfraErrors: [],
  activityConfigErrors: [],
  activityPoison: [],
  orchDispatcherItemsFetched: [['perdure_turns', {}]],
  workerDispatcherItemsFetched: [['perdure_activity_attempts_started', {}]],
  orchContinueAsNew: [['perdure_executions_continued', {}]],
  suborchestrationCalls: [['perdure_events', { kind: 'SubOrchestrationScheduled' }]],
  providerErrors: [['perdure_store_errors', {}]],
};

// ---- Tags -------------------------------------------------------------------------------------------

/** The settings of a runtime for a filter, null for one that takes no activities. */
function tagsOf(filter) {
  if (!isGiven(filter) || filter === 'defaultOnly') return {};
  if (filter === 'none') return null;
  if (filter === 'any') return { activityTags: 'any' };
  const tags = filter.tags ?? filter.defaultAnd;
  if (!Array.isArray(tags) || !tags.every((tag) => typeof tag === 'string')) {
    report({ level: 'warn', message: 'workerTagFilter cannot be read: activities without a tag are taken.' });
    return {};
  }
  if (tags.length < 1 || tags.length > MAX_WORKER_TAGS) {
    throw new Error(`workerTagFilter takes 1 to ${MAX_WORKER_TAGS} tags, not ${tags.length}.`);
  }
  return { activityTags: tags, untaggedActivities: filter.tags === undefined };
}

module.exports = { Runtime };
