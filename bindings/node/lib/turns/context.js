'use strict';
// What orchestrations receive as their first argument.

const { format, inspect } = require('node:util');
const definitions = require('../definitions.js');
const { moment, milliseconds } = require('../durations.js');
const { ActivityFailed, InvalidArgument, SubOrchestrationFailed } = require('../errors.js');
const json = require('../json.js');
const limits = require('../limits.js');
const { activityOptions, known, oneOf } = require('../options.js');
const { said } = require('../text.js');
const { ContinueAsNew } = require('./handles.js');
const { EXECUTION, Messaging } = require('./messaging.js');
const tasks = require('./tasks.js');

const CLOSE_POLICIES = ['cancel', 'terminate', 'abandon'];
const METRIC_KINDS = ['counter', 'gauge', 'histogram'];

/**
 * `ctx.log`: lines that are written once, not again when the code is replayed. Arguments as of console.log.
 */
class OrchestrationLog {
  #execution;

  constructor(execution) {
    this.#execution = execution;
  }

  debug(...message) {
    this.#write('debug', message);
  }

  info(...message) {
    this.#write('info', message);
  }

  warn(...message) {
    this.#write('warn', message);
  }

  error(...message) {
    this.#write('error', message);
  }

  #write(level, message) {
    // Made by code of the user's, which may throw; and only in the run that writes it.
    if (this.#execution.isLive) this.#execution.log(level, said(() => format(...message)));
  }
}

/**
 * The durable side of an orchestration. All that is not plain computation goes through it; Promise.all, race,
 * any and allSettled work on what it returns.
 */
class OrchestrationContext extends Messaging {
  /** Where a child was scheduled, { instance, execution, action }; null for one that has no parent. */
  parent = null;

  constructor(execution) {
    super(execution);
    /** The id of the instance. */
    this.instanceId = execution.instance;
    /** Counts up with each continueAsNew, from 1. */
    this.executionId = execution.number;
    /** The name and the version under which the orchestration is registered. */
    this.name = execution.name;
    this.version = execution.version;
    /**
     * The span of this execution, if the instance is part of a distributed trace, else null; its activities
     * and children have spans below it.
     */
    this.traceparent = execution.traceparent;
    this.tracestate = execution.tracestate;
    /** The key-value state of the instance. */
    this.kv = execution.kv;
    /** Lines that are written once: `debug`, `info`, `warn`, `error`. */
    this.log = new OrchestrationLog(execution);
  }

  /** An earlier turn has been here. Good for printing; deciding by it breaks the replay. */
  get isReplaying() {
    return this[EXECUTION].replaying;
  }

  // ---- Work ----------------------------------------------------------------------------------------

  /**
   * Schedules an activity, given by its name or by what `activity(...)` made. It runs at least once; its
   * failure is thrown as `ActivityFailed`.
   *
   * Options: `retry` ({ maxAttempts, backoff, initialInterval, coefficient, maxInterval, jitter, nonRetryable
   * }), `scheduleToStart`, `startToClose`, `scheduleToClose`, `heartbeat` (durations), `tag`, `session`,
   * `priority`. What is not given here is as the definition says.
   */
  activity(activity, input, options) {
    const execution = this[EXECUTION];
    if (activity instanceof definitions.Orchestration) {
      throw new InvalidArgument(
        `'${activity.name}' is an orchestration: ctx.subOrchestration runs it as a child.`,
      );
    }
    const name = definitions.nameOf(activity, 'The activity');
    const quoted = limits.name(name, 'The name of the activity');
    const what = `activity '${name}'`;
    const payload = limits.payload(input, execution.limits, `The input of ${what}`);
    const base = activity.options;
    const wire = options === undefined ? base : activityOptions(options, base);
    const rest = wire === undefined ? '' : `,"options":${JSON.stringify(wire)}`;
    const members = `"kind":"ScheduleActivity","name":${quoted},"input":${payload}${rest}`;
    return execution.schedule(members, what, name, ActivityFailed);
  }

  /**
   * Runs another orchestration as a child. Its failure or end is thrown as `SubOrchestrationFailed`.
   *
   * Options: `version` (else the highest that is registered), `instance` (else an id made from the parent's),
   * `closePolicy` ('cancel', 'terminate' or 'abandon': what becomes of it if it is still open when this one
   * ends).
   */
  subOrchestration(orchestration, input, options) {
    const execution = this[EXECUTION];
    const names = ['version', 'instance', 'closePolicy'];
    const given = known(options, names, 'The options of a sub-orchestration');
    const name = orchestrationName(orchestration);
    let members = start(execution, 'ScheduleSubOrchestration', name, input, given);
    if (given.closePolicy !== undefined) {
      members += `,"closePolicy":"${oneOf(given.closePolicy, CLOSE_POLICIES, 'closePolicy')}"`;
    }
    return execution.schedule(members, `sub-orchestration '${name}'`, name, SubOrchestrationFailed);
  }

  /**
   * Starts an orchestration that goes its own way, is not cancelled with this one. Returns its id. Options:
   * `version`, `instance`.
   */
  startDetached(orchestration, input, options) {
    const execution = this[EXECUTION];
    const given = known(options, ['version', 'instance'], 'The options of a detached start');
    const name = orchestrationName(orchestration);
    const action = execution.emit(start(execution, 'StartDetached', name, input, given), 'startDetached');
    return given.instance ?? execution.childID(action === 0 ? undefined : action);
  }

  /**
   * A durable timer: milliseconds, or text such as '30s' or '24h'. Never early, and not begun anew by a
   * restart.
   */
  timer(delay) {
    const given = typeof delay === 'string' ? milliseconds(delay, 'The delay', 0) : delay;
    if (typeof given !== 'number' || !Number.isFinite(given)) {
      throw new InvalidArgument(
        "A timer takes milliseconds, or text such as '500ms', '30s', '5m', '24h' or '7d', not "
          + `${json.describe(delay)}.`,
      );
    }
    return this[EXECUTION].timerAt(this[EXECUTION].nowMS + Math.ceil(given - 1e-6));
  }

  /** The same as `timer`. */
  sleep(delay) {
    return this.timer(delay);
  }

  /** A durable timer at a time: a Date, or milliseconds since 1970. */
  sleepUntil(when) {
    return this[EXECUTION].timerAt(moment(when, 'The time of sleepUntil'));
  }

  // ---- Several at once -----------------------------------------------------------------------------

  /** What the first of them to end comes to; the other handles and tasks are cancelled. */
  race(works) {
    return tasks.race(works);
  }

  /**
   * The same for handles by name; returns [name, result] of the first.
   *
   *     const [winner, data] = await ctx.select({ paid: ctx.waitForEvent('paid'), late: ctx.timer('7d') });
   */
  select(works) {
    return tasks.select(works);
  }

  /** The result of a handle or a task. Throws `TimedOut`, and gives it up, when it takes longer. */
  withTimeout(delay, work) {
    return tasks.withTimeout(this.timer(delay), work, delay);
  }

  /** Runs a function of no arguments as a branch that can be cancelled: a promise with `cancel()`. */
  task(run) {
    return tasks.Task.begin(this[EXECUTION], run);
  }

  /** Awaits a handle or a task without giving it up when the instance is cancelled. */
  shield(work) {
    return tasks.shield(this[EXECUTION], work);
  }

  /** An AbortSignal that a cancellation of the instance aborts, for code that awaits promises of its own. */
  get signal() {
    return this[EXECUTION].signal;
  }

  // ---- State and end -------------------------------------------------------------------------------

  /** What `client.describe` shows as `customStatus`; null clears it. */
  setCustomStatus(value) {
    let members = '"kind":"SetCustomStatus"';
    if (value !== undefined && value !== null) {
      const status = json.encode(value, 'The custom status');
      limits.check(status, this[EXECUTION].limits.customStatusBytes, 'The custom status');
      members += `,"status":${status}`;
    }
    this[EXECUTION].emit(members, 'setCustomStatus');
  }

  /** The history has passed 80 % of a limit: time for `continueAsNew`. */
  get shouldContinueAsNew() {
    return this[EXECUTION].late;
  }

  /**
   * Ends this execution and begins the next with an empty history. Does not return: it throws, and the
   * execution ends when the code has let that pass, or caught it and returned. Options: `version` (else the
   * highest that is registered).
   */
  continueAsNew(input, options) {
    const execution = this[EXECUTION];
    const { version } = known(options, ['version'], 'The options of continueAsNew');
    const payload = limits.payload(input, execution.limits, 'The input of continueAsNew');
    const which = version === undefined ? '' : `"version":${json.quote(version, 'The version')},`;
    throw execution.continueAs(new ContinueAsNew(`${which}"input":${payload}`));
  }

  /**
   * Guards a change of the code: true for instances that have not come here before the change.
   *
   *     if (ctx.patched('2024-06-ship-twice')) {
   *       // the new way
   *     } else {
   *       // the old way, for instances that went it
   *     }
   *
   * Decided once for each id, and recorded. When no instance goes the old way any more, `deprecatePatch`
   * takes its place; when none is left that has recorded it, that goes, too.
   */
  patched(patch) {
    return this[EXECUTION].patches.isTaken(patch);
  }

  /** Stands where `patched` stood, once the old way is gone. */
  deprecatePatch(patch) {
    this[EXECUTION].patches.deprecate(patch);
  }

  /**
   * A measurement for `store.metrics` and the log, emitted once and not again by a replay. Options: `kind`
   * ('counter', 'gauge' or 'histogram'), `attributes` (text by name).
   */
  metric(name, value, options) {
    limits.name(name, 'The name of the metric');
    const given = known(options, ['kind', 'attributes'], 'The options of a metric');
    const { kind = 'counter', attributes = {} } = given;
    oneOf(kind, METRIC_KINDS, 'The kind of a metric');
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      throw new InvalidArgument(
        `The value of metric '${name}' must be a finite number, not ${json.describe(value)}.`,
      );
    }
    const metric = { name, kind, value };
    if (typeof attributes !== 'object' || attributes === null) {
      throw new InvalidArgument(
        `The attributes of metric '${name}' must be an object, not ${json.describe(attributes)}.`,
      );
    }
    for (const [key, text] of Object.entries(attributes)) {
      json.text(key, 'The name of an attribute');
      json.text(text, `The attribute '${key}' of metric '${name}'`);
      metric.attributes = { ...attributes };
    }
    this[EXECUTION].metric(metric);
  }

  // ---- Time and chance -----------------------------------------------------------------------------

  /** The time of the event that woke the code, as a Date: the same in every replay. */
  now() {
    return new Date(this[EXECUTION].clock());
  }

  /** `now` in milliseconds since 1970. */
  get nowMS() {
    return this[EXECUTION].clock();
  }

  /** A random UUID as text that is the same in every replay. */
  newGuid() {
    return this[EXECUTION].chance.guid();
  }

  /** A random number in [0, 1) that is the same in every replay. */
  random() {
    return this[EXECUTION].chance.number();
  }

  [inspect.custom]() {
    return `<orchestration '${this.name}' of instance '${this.instanceId}'>`;
  }
}

function orchestrationName(target) {
  if (target instanceof definitions.Activity) {
    throw new InvalidArgument(`'${target.name}' is an activity: ctx.activity runs it.`);
  }
  return definitions.nameOf(target, 'The orchestration');
}

function start(execution, kind, name, input, { version, instance }) {
  let members = `"kind":"${kind}","name":${limits.name(name, 'The name of the orchestration')}`;
  if (version !== undefined) members += `,"version":${json.quote(version, 'The version')}`;
  if (instance !== undefined) members += `,"instance":${limits.instance(instance)}`;
  else limits.instance(execution.childID(), 'The id that the child would have');
  const payload = limits.payload(input, execution.limits, `The input of orchestration '${name}'`);
  return `${members},"input":${payload}`;
}

module.exports = { OrchestrationContext };
