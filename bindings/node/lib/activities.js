'use strict';
// Runs attempts of activities on the event loop.

const native = require('./native.js');
const json = require('./json.js');
const limits = require('./limits.js');
const { Cancelled, InvalidHandle, LimitExceeded, PerdureError, Stale, toFailure } = require('./errors.js');
const { logger, report } = require('./logs.js');
const { enter } = require('./strays.js');

/** Registered for all activities that have no function of their own. */
const ANY = 'perdure.any';
const DEFERRED = Symbol('deferred');

/** One attempt of an activity: the first argument of its function. */
class ActivityContext {
  #number;
  #host;
  #abort;
  #cancelled = false;
  #log;

  constructor(task, number, host) {
    this.instanceId = task.instance;
    this.executionId = task.execution;
    this.orchestration = task.orchestration;
    this.name = task.name;
    /** Counts from 1. */
    this.attempt = task.attempt;
    /** The same for each attempt: what to give to a service that must not do the work twice. */
    this.idempotencyKey = task.key;
    /** Names this attempt for `Client.completeActivity`, from any process. See `defer`. */
    this.token = task.token;
    /** When the first of its time limits ends the attempt; null for never. */
    this.deadline = task.deadline === undefined || task.deadline === null ? null : new Date(task.deadline);
    /** The details of the last heartbeat of an earlier attempt. */
    this.lastHeartbeat = task.heartbeat ?? null;
    this.tag = task.options?.tag ?? null;
    this.session = task.options?.session ?? null;
    this.priority = task.options?.priority ?? 0;
    /** The span of this attempt, if the instance is part of a distributed trace. */
    this.traceparent = task.traceparent ?? null;
    this.tracestate = task.tracestate ?? null;
    this.#number = number;
    this.#host = host;
  }

  /** Aborted when the result is no longer wanted: give it to fetch, timers and their like. */
  get signal() {
    // Made when somebody asks: most attempts do not, and it is the dearest part of a context.
    this.#abort ??= new AbortController();
    if (this.#cancelled) this.#abort.abort(this.#reason());
    return this.#abort.signal;
  }

  /** The result is no longer wanted. */
  get isCancelled() {
    return this.#cancelled;
  }

  /**
   * Tells that the attempt is alive, and how far it is: what the next one finds in `lastHeartbeat`. Cheap: it
   * does not wait for the store. Throws Stale when the result is no longer wanted.
   */
  heartbeat(details) {
    const payload = limits.payload(details, this.#host.limits, 'The details of the heartbeat');
    try {
      this.#host.heartbeat(this.#number, payload);
    } catch (error) {
      // Of an attempt that is over, the token is gone.
      if (!(error instanceof InvalidHandle)) throw error;
      throw new Stale(`The attempt of activity '${this.name}' of instance '${this.instanceId}' is over.`);
    }
  }

  /**
   * `return ctx.defer()`: the work goes on elsewhere, and `Client.completeActivity(token, result)` or
   * `failActivity` ends the attempt. Its time limits hold; the slot is free at once.
   */
  defer() {
    return DEFERRED;
  }

  /** A client on the store of the runtime, shared. */
  get client() {
    return this.#host.client;
  }

  /** Writes log records that say where they come from: `debug`, `info`, `warn` and `error`. */
  get log() {
    this.#log ??= logger(() => ({
      instance: this.instanceId,
      execution: this.executionId,
      orchestration: this.orchestration,
      activity: this.name,
      attempt: this.attempt,
      ...(this.traceparent === null ? {} : { traceparent: this.traceparent }),
    }));
    return this.#log;
  }

  /** For the runtime. */
  _cancel() {
    if (this.#cancelled) return;
    this.#cancelled = true;
    this.#abort?.abort(this.#reason());
  }

  #reason() {
    return new Cancelled(`The result of activity '${this.name}' of instance '${this.instanceId}' is not wanted.`);
  }
}

/** Runs an attempt; resolves to an element of `activities` in poll answers, and never rejects. */
async function outcome(token, context, taken, run) {
  try {
    const result = await run();
    if (result === DEFERRED) return `{"token":${token},"deferred":true}`;
    const payload = limits.payload(result, taken, `The result of activity '${context.name}'`);
    return `{"token":${token},"result":${payload}}`;
  } catch (error) {
    return failed(token, error, context, taken);
  }
}

function failed(token, error, context, taken) {
  if (!(error instanceof Error)) {
    report({
      level: 'warn', instance: context.instanceId, activity: context.name, attempt: context.attempt,
      message: `Activity '${context.name}' threw ${json.describe(error)}, which is no Error and has no stack.`,
    });
  }
  let failure;
  try {
    failure = limits.payload(toFailure(error), taken, 'The failure of the activity');
  } catch (second) {
    const said = second instanceof LimitExceeded ? second : new PerdureError('The failure cannot be told.');
    failure = json.encode(toFailure(said));
  }
  return `{"token":${token},"failure":${failure}}`;
}

/** The attempts that run in one runtime, by token. `host`: { limits, client, heartbeat(token, payload) }. */
class Attempts {
  #activities;
  #host;
  #answer;
  #running = new Map();

  /** `answer(text)` takes an element of `activities` in poll answers. */
  constructor(activities, host, answer) {
    this.#activities = activities;
    this.#host = host;
    this.#answer = answer;
  }

  /** Begins an attempt; never throws. */
  run(token, task) {
    const context = new ActivityContext(task, token, this.#host);
    this.#running.set(token, context);
    if (native.load().isCancelled(token)) context._cancel();
    enter(context, () => this.#attempt(token, task, context));
  }

  async #attempt(token, task, context) {
    const activity = this.#activities.get(task.name) ?? this.#activities.get(ANY);
    const answer = await outcome(token, context, this.#host.limits, () => activity.fn(context, task.input ?? null));
    this.#running.delete(token);
    this.#answer(answer);
  }

  /** Tells those with these tokens that nobody wants their results. */
  cancel(tokens) {
    for (const token of tokens) this.#running.get(token)?._cancel();
  }

  cancelAll() {
    this.cancel([...this.#running.keys()]);
  }

  get size() {
    return this.#running.size;
  }
}

module.exports = { ActivityContext, Attempts, outcome };
