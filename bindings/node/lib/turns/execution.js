'use strict';
// One live execution of an orchestration: events in, actions out (docs/wire-format.md, "How to run a turn").
//
//   begun --OrchestrationStarted--> waiting <--event-- ... --the code ends--> ended
//                                      `--drop()--> dropped (evicted: nothing that its code does counts)
//
// The pump calls `deliver` and then, when all microtasks have run, `settle`. Actions are kept as JSON text,
// made when the code calls: a value that it changes afterwards is sent as it was.

const { Cancelled, LimitExceeded, NonDurableAwait, WrongStatus, toFailure } = require('../errors.js');
const limits = require('../limits.js');
const { clean } = require('../text.js');
const { Chance } = require('./chance.js');
const { OrchestrationContext } = require('./context.js');
const current = require('./current.js');
const { deliver } = require('./deliveries.js');
const { ContinueAsNew, Handle, Work } = require('./handles.js');
const { isA } = require('./is-a.js');
const { Patches } = require('./patches.js');
const scopes = require('./scopes.js');
const { KeyValue } = require('./state.js');
const { Trouble } = require('./trouble.js');

/**
 * The largest number that the wire takes: timers beyond it stay there, a quarter of a million years ahead.
 */
const NEVER = Number.MAX_SAFE_INTEGER;
/** Callbacks without a delay that one event may set off before the orchestration is taken to spin. */
const CALLBACKS_PER_EVENT = 100_000;

/** Times that the code may ask for the time at one event before it is taken to wait for it to pass. */
const LOOKS_PER_EVENT = 5_000_000;

/** The code of one execution, its open work, and the actions that it has emitted. */
class Execution {
  /** The last event delivered: the `after` of actions, and the `from` of the next turn. */
  after = 0;
  nowMS = 0;
  startedMS = 0;
  replaying = false;
  /** The history has passed 80 % of a limit. */
  late = false;
  /** The end as JSON text, once there is one. */
  end = null;
  isDropped = false;
  /** The code has been begun. */
  isBegun = false;
  cancelRequested = false;
  /** Plain functions by the name of the query that they answer. */
  queries = new Map();
  /** What `continueAsNew` threw, once it was called. */
  continued = null;
  /** What rejects the promises of `ctx.shield` that are still waited for. */
  shields = new Set();
  // Open actions by number: a Work, or a DurableTimeout.
  open = new Map();
  // Waits and kept messages by kind of action and name. Numbers of cancelled waits are skipped when met.
  waits = new Map();
  kept = new Map();

  #next = 1;
  #actions = [];
  #logs = [];
  #metrics = [];
  #frozen = null;
  #events = [];
  #at = 0;
  #replayed = 0;
  // Callbacks to run when the code has come to rest, and how many did at this event.
  #soon = [];
  #ran = 0;
  #looks = 0;
  #last = '';
  // For `ctx.signal`, once somebody asked for it; and why the instance is cancelled.
  #abort = null;
  #why = '';

  /** `request`: a turn request from event 0. `settings`: `limits`, `guards` and `log` of the host. */
  constructor(definition, request, settings) {
    this.definition = definition;
    this.name = request.orchestration;
    this.version = request.version;
    this.instance = request.instance;
    this.number = request.execution;
    this.traceparent = request.traceparent ?? null;
    this.tracestate = request.tracestate ?? null;
    this.settings = settings;
    this.limits = settings.limits;
    this.chance = new Chance(this.instance, this.number);
    this.kv = new KeyValue(this, request.kv ?? []);
    this.patches = new Patches(this, request.patches ?? []);
    this.trouble = new Trouble(this);
    this.context = new OrchestrationContext(this);
  }

  // ---- What the code does --------------------------------------------------------------------------

  /** The time, as code sees it. It stands still at an event: a loop until it has passed would never end. */
  clock() {
    this.#looks += 1;
    if (this.#looks > LOOKS_PER_EVENT) {
      throw new NonDurableAwait(
        `The orchestration asked ${LOOKS_PER_EVENT} times for the time, which stands still while code runs. `
          + 'Wait with ctx.timer.',
      );
    }
    return this.nowMS;
  }

  /** Whether what the code does counts now. `what` names it, should it come at the wrong time. */
  isOpen(what) {
    if (this.#frozen !== null && current.execution === this) {
      throw new WrongStatus(`${this.#frozen} is a plain function: it cannot do durable work.`);
    }
    if (this.end !== null || this.isDropped) return false;
    if (current.execution !== this) {
      this.trouble.stray(what);
      return false;
    }
    return true;
  }

  /** Lists an action and returns its number; 0 if it does not count. `members`: its JSON after `after`. */
  emit(members, what) {
    if (!this.isOpen(what)) return 0;
    const most = this.limits.historyEvents;
    if (this.#next > most) {
      throw limits.exceeded(`The execution has listed ${most} actions; the limit is ${most} events.`);
    }
    return this.#list(members);
  }

  #list(members) {
    const action = this.#next;
    this.#next = action + 1;
    this.#actions.push(`{"id":${action},"after":${this.after},${members}}`);
    return action;
  }

  /** The id that the engine makes for a child without one; of the next action by default. */
  childID(action = this.#next) {
    return `${this.instance}.${this.number}.${action}`;
  }

  /**
   * Emits an action that is answered with a result or a failure. `subject`, `failedAs`, `decode`: as of Work.
   */
  schedule(members, what, subject, failedAs, decode) {
    if (this.isOpen(what)) this.#checkPending();
    const work = new Work(this, what, subject, failedAs, decode);
    const action = this.emit(members, what);
    if (action !== 0) {
      work.action = action;
      this.open.set(action, work);
      this.#last = what;
    }
    return work.handle;
  }

  #checkPending() {
    const most = this.limits.pendingActions;
    if (this.open.size >= most) {
      throw limits.exceeded(`${this.open.size} actions are pending; the limit is ${most} per instance.`);
    }
  }

  /** A durable timer at a time. One that has passed fires at once; the engine takes none before 1970. */
  timerAt(fireAt) {
    const members = `"kind":"CreateTimer","fireAt":${within(fireAt)}`;
    return this.schedule(members, 'timer', 'timer', Cancelled, nothing);
  }

  /** The durable timer behind a DurableTimeout; 0 if the code has ended. */
  startTimeout(delay, timeout) {
    if (this.isOpen('setTimeout')) this.#checkPending();
    const action = this.emit(`"kind":"CreateTimer","fireAt":${within(this.nowMS + delay)}`, 'setTimeout');
    if (action !== 0) this.open.set(action, timeout);
    return action;
  }

  /** Runs a DurableTimeout when the code has come to rest at this event. */
  soon(timeout) {
    if (this.isOpen('setImmediate')) this.#soon.push(timeout);
  }

  /** Emits a wait for messages of that name; one that was kept answers it at once. */
  waitFor(kind, name, what) {
    const quoted = limits.name(name, `The name of the ${what}`);
    const handle = this.schedule(`"kind":"${kind}","name":${quoted}`, `${what} '${name}'`, name, Cancelled);
    if (handle.action === 0) return handle;
    const key = `${kind} ${name}`;
    const kept = this.kept.get(key);
    if (kept !== undefined) {
      const work = Handle.workOf(handle);
      this.open.delete(work.action);
      work.answer(kept.shift());
      if (kept.length === 0) this.kept.delete(key);
    } else {
      const waits = this.waits.get(key);
      if (waits === undefined) this.waits.set(key, [handle.action]);
      else waits.push(handle.action);
    }
    return handle;
  }

  /** Emits Cancel for open work; false if it does not count. */
  giveUp(work) {
    if (!this.open.has(work.action) || !this.isOpen('cancel')) return false;
    this.open.delete(work.action);
    this.#list(`"kind":"Cancel","target":${work.action}`);
    return true;
  }

  /** Gives up all that `isMeant`, in the order of the actions, and only then lets the code hear of it. */
  giveUpAll(isMeant, message) {
    const work = [...this.open.values()].filter((each) => {
      return each.isAwaited && each.interrupt !== undefined && isMeant(each);
    });
    for (const each of work) this.giveUp(each);
    for (const each of work) each.interrupt(message);
    const shields = [...this.shields].filter(isMeant);
    for (const each of shields) each.interrupt(message);
    return work.length + shields.length > 0;
  }

  /** Takes note of a continueAsNew, which ends the execution when the code does. Returns what to throw. */
  continueAs(error) {
    if (scopes.here() !== undefined) {
      throw new WrongStatus(
        'continueAsNew ends the orchestration: only its own code can call it, not a task or the handler of '
          + 'a call.',
      );
    }
    if (!this.isOpen('continueAsNew')) return error;
    // Code that has caught the first one, and is here again, would go on for ever.
    if (this.continued !== null) this.endAs('ContinuedAsNew', error.end);
    this.continued = error;
    return error;
  }

  /** An AbortSignal that a cancellation aborts. */
  get signal() {
    if (this.#abort === null) {
      this.#abort = new AbortController();
      if (this.cancelRequested) this.#abort.abort(new Cancelled(this.#why));
    }
    return this.#abort.signal;
  }

  log(level, message) {
    if (this.isLive) this.note(level, message);
  }

  note(level, message) {
    this.#logs.push({ level, message: clean(message) });
  }

  /** Runs a callback of the code's; what it throws, nobody else would hear. */
  attempt(callback) {
    try {
      callback();
    } catch (error) {
      this.trouble.crash(error);
    }
  }

  metric(metric) {
    if (this.isLive) this.#metrics.push(metric);
  }

  /** Neither replaying nor gone: lines and measurements of now count. */
  get isLive() {
    return !this.replaying && !this.isDropped && this.end === null;
  }

  // ---- What happens to it --------------------------------------------------------------------------

  /** Takes the events of a turn. `replayed`: those up to it were seen by an earlier turn. */
  feed(events, replayed) {
    this.#events = events;
    this.#at = 0;
    this.#replayed = replayed;
  }

  /** Deliveries that are still to come. */
  get left() {
    return this.end === null ? this.#events.length - this.#at + this.#soon.length : 0;
  }

  /** Lets the code run on. False when nothing is left, or the code has ended. */
  deliver() {
    while (this.left > 0) {
      this.#enter();
      if (this.#soon.length > 0) {
        this.#ran += 1;
        this.#soon.shift().run();
        return true;
      }
      const event = this.#events[this.#at];
      this.#at += 1;
      this.#ran = 0;
      this.#looks = 0;
      this.after = event.id;
      this.nowMS = event.at;
      this.late ||= event.late === true;
      this.replaying = event.id <= this.#replayed;
      if (deliver(this, event)) return true;
    }
    this.#leave();
    return false;
  }

  #enter() {
    current.execution = this;
    current.guarded = this.settings.guards ? this : null;
  }

  #leave() {
    current.execution = null;
    current.guarded = null;
  }

  /** The code has run until it waits, or has ended. */
  settle() {
    if (this.end !== null || !this.isBegun) return;
    const { error } = this.trouble;
    if (error !== undefined) this.fail(error);
    else if (this.#soon.length === 0) this.#checkAwaits();
    else if (this.#ran >= CALLBACKS_PER_EVENT) {
      this.fail(new NonDurableAwait(
        `The orchestration ran ${this.#ran} callbacks without waiting for durable work. `
          + 'Does it wait in a loop around setImmediate?',
      ));
    }
  }

  #checkAwaits() {
    for (const work of this.open.values()) if (work.isAwaited) return;
    const came = this.#last === ''
      ? 'It has begun no durable work' : `The last work that it began was ${this.#last}`;
    this.fail(new NonDurableAwait(
      `No durable work that is awaited is open, so nothing can wake the orchestration '${this.name}': it `
        + 'awaits a promise that nobody settles, or something outside (a file, the network, a timer of a '
        + `library). ${came}. Await activities, timers, events or queues, and do such work in an activity.`,
    ));
  }

  /** The actions emitted since the last call, as JSON texts. */
  takeActions() {
    const actions = this.#actions;
    this.#actions = [];
    return actions;
  }

  /** Log lines since the last call, with what nobody has handled. */
  takeLogs() {
    this.trouble.report();
    const logs = this.#logs;
    if (logs.length > 0) this.#logs = [];
    return logs;
  }

  takeMetrics() {
    const metrics = this.#metrics;
    if (metrics.length > 0) this.#metrics = [];
    return metrics;
  }

  /** Runs a function that looks at the code and cannot do durable work. `what` names it. */
  look(what, run) {
    this.#frozen = what;
    this.#enter();
    try {
      return run();
    } finally {
      this.#leave();
    }
  }

  /**
   * From now on nothing that the code does counts. It is never resumed: JavaScript runs no `finally` then.
   */
  drop() {
    this.isDropped = true;
    this.open.clear();
    this.waits.clear();
    this.kept.clear();
    this.shields.clear();
    this.#soon = [];
    this.#events = [];
    this.#at = 0;
  }

  // ---- Ends ----------------------------------------------------------------------------------------

  /** The code has returned. */
  complete(value) {
    if (!this.isOpen('its end')) return;
    if (this.continued !== null) {
      this.endAs('ContinuedAsNew', this.continued.end);
      return;
    }
    try {
      const output = limits.payload(value, this.limits, `The result of orchestration '${this.name}'`);
      this.endAs('Completed', `"output":${output}`);
    } catch (wrong) {
      this.fail(wrong);
    }
  }

  /** The code has let an error pass. */
  threw(error) {
    if (!this.isOpen('its end')) return;
    if (isA(error, ContinueAsNew) && this.continued !== null) {
      this.endAs('ContinuedAsNew', this.continued.end);
    } else if (this.cancelRequested && isCancellation(error)) this.endAs('Cancelled');
    else this.fail(error);
  }

  fail(error) {
    let failure;
    try {
      failure = limits.payload(toFailure(error), this.limits, 'The failure of the orchestration');
    } catch (unfit) {
      const { type, message, nonRetryable } = toFailure(isA(unfit, LimitExceeded) ? unfit : error);
      failure = JSON.stringify({ type, message, nonRetryable });
    }
    this.endAs('Failed', `"failure":${failure}`);
  }

  /** Nothing that the code does from now on counts. */
  endAs(kind, members = '') {
    const rest = members === '' ? '' : `,${members}`;
    this.end = `{"after":${this.after},"kind":"${kind}"${rest}}`;
  }

  /** The instance is asked to end: what is awaited is given up, but for what is spared. */
  cancel(reason) {
    this.cancelRequested = true;
    this.#why = reason || `Instance '${this.instance}' is cancelled.`;
    this.giveUpAll((work) => !work.isSpared && !scopes.isSpared(work.scope), this.#why);
    // Its listeners are code: they run when all is given up.
    this.#abort?.abort(new Cancelled(this.#why));
  }
}

/** `Cancelled`, also as what Promise.any makes of several. */
function isCancellation(error) {
  if (!isA(error, AggregateError)) return isA(error, Cancelled);
  return Array.isArray(error.errors) && error.errors.length > 0 && error.errors.every(isCancellation);
}

function within(time) {
  return Math.min(Math.max(time, 0), NEVER);
}

function nothing() {
  return undefined;
}

module.exports = { Execution };
