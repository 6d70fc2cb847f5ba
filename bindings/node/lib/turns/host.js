'use strict';
// Answers turn requests, with a bounded number of live executions kept between turns.

const { InvalidArgument, NotFound, toFailure } = require('../errors.js');
const json = require('../json.js');
const limits = require('../limits.js');
const { whole } = require('../durations.js');
const { Execution } = require('./execution.js');
const { isThenable } = require('./generators.js');
const guards = require('./guards.js');
const pump = require('./pump.js');

const MISS = '{"v":1,"miss":true}';

/**
 * Runs the turns of many instances, one after the other, on this thread.
 *
 * A turn takes no time but that of the code: it is run event by event, each in a macrotask of its own, and
 * others than orchestrations come to run every two milliseconds.
 */
class TurnHost {
  #orchestrations;
  #settings;
  #cached;
  // By instance, those used last at the end.
  #live = new Map();
  // Instances that have a turn under way, with what has been evicted in the meantime.
  #busy = new Map();

  /**
   * `orchestrations`: Map of name to Map of version to { fn }. Options:
   * - `log(record)`: takes what goes wrong outside of turns; lines of the code are in the answers;
   * - `cached`: live executions kept at most, those used last; 0 keeps none. Default 10,000;
   * - `limits`: those of the store;
   * - `guards`: false leaves Date, Math.random, timers and fetch as they are in orchestration code.
   */
  constructor({ orchestrations, log, cached = 10_000, limits: most, guards: isGuarded = true }) {
    if (!(orchestrations instanceof Map)) {
      throw new InvalidArgument(
        `orchestrations must be a Map of Maps, not ${json.describe(orchestrations)}.`,
      );
    }
    this.#orchestrations = orchestrations;
    this.#cached = whole(cached, 'cached', 0, 1_000_000);
    this.#settings = { limits: limits.of(most), guards: isGuarded, log: log && quietly(log) };
    if (isGuarded) guards.install();
  }

  /**
   * The answer to a turn request (docs/wire-format.md), both as parsed JSON. Rejects with NotFound for an
   * orchestration that is not registered here; never because of what its code does.
   */
  async turn(request) {
    return JSON.parse(await this.turnText(request));
  }

  /** The same with the answer as JSON text, which costs less. */
  turnText(request) {
    return new Promise((resolve, reject) => {
      pump.add(new Turn(this, request, resolve, reject));
    });
  }

  /** How many executions are kept. */
  get size() {
    return this.#live.size;
  }

  /**
   * Drops the live execution of an instance, if it is there (and has that number); its next turn is answered
   * with a miss. Returns whether it was. One that has a turn under way is dropped after it.
   */
  evict(instance, execution) {
    const live = this.#live.get(instance) ?? this.#busy.get(instance)?.execution;
    if (!live || (execution !== undefined && live.number !== execution)) return false;
    if (this.#live.delete(instance)) live.drop();
    else this.#busy.get(instance).isEvicted = true;
    return true;
  }

  /** Drops all live executions. */
  close() {
    for (const instance of [...this.#live.keys(), ...this.#busy.keys()]) this.evict(instance);
  }

  // ---- For the turns -------------------------------------------------------------------------------

  isBusy(instance) {
    return this.#busy.has(instance);
  }

  /** The execution for a turn; undefined for a miss. */
  enter(turn, request) {
    const live = this.#live.get(request.instance);
    let execution;
    if (request.from === 0) execution = this.build(request);
    else if (live?.number === request.execution && live.after === request.from) execution = live;
    if (live !== undefined) {
      this.#live.delete(request.instance);
      if (live !== execution) live.drop();
    }
    if (execution !== undefined) {
      turn.execution = execution;
      this.#busy.set(request.instance, turn);
    }
    return execution;
  }

  /** An execution from event 0. */
  build(request) {
    const { orchestration, version } = request;
    const definition = this.#orchestrations.get(orchestration)?.get(version);
    if (definition === undefined) {
      throw new NotFound(
        `No orchestration '${orchestration}' version ${version} is registered in this process.`,
      );
    }
    return new Execution(definition, request, this.#settings);
  }

  /** Whether it is kept after a turn. */
  leave(turn, execution) {
    this.#busy.delete(execution.instance);
    if (execution.end !== null || turn.isEvicted || this.#cached === 0) {
      execution.drop();
      return false;
    }
    this.#live.set(execution.instance, execution);
    if (this.#live.size > this.#cached) {
      const [oldest, dropped] = this.#live.entries().next().value;
      this.#live.delete(oldest);
      dropped.drop();
    }
    return true;
  }
}

/** A request under way: a job of the pump. */
class Turn {
  execution = null;
  isEvicted = false;
  #isBegun = false;
  #host;
  #request;
  #resolve;
  #reject;

  constructor(host, request, resolve, reject) {
    if (!Array.isArray(request?.events)) throw new InvalidArgument('A turn request has a list of events.');
    this.#host = host;
    this.#request = request;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Queries and replays run beside the live execution, whatever that does. */
  get #isAside() {
    return Boolean(this.#request.query || this.#request.replay);
  }

  get isBlocked() {
    return this.execution === null && !this.#isAside && this.#host.isBusy(this.#request.instance);
  }

  get left() {
    return this.execution === null ? this.#request.events.length + 1 : this.execution.left + 1;
  }

  begin() {
    if (this.#isBegun) return;
    this.#isBegun = true;
    const { events, replayed, query } = this.#request;
    if (this.#isAside) this.execution = this.#host.build(this.#request);
    else if (this.#host.enter(this, this.#request) === undefined) return;
    // What a query builds has all been seen.
    this.execution.feed(events, query ? (events.at(-1)?.id ?? 0) : replayed);
  }

  deliver() {
    return this.execution !== null && this.execution.deliver();
  }

  settle() {
    this.execution.settle();
  }

  get isDone() {
    return this.execution.left === 0;
  }

  finish() {
    const answer = this.#makeAnswer();
    return () => this.#resolve(answer);
  }

  #makeAnswer() {
    const { execution } = this;
    const { query } = this.#request;
    if (execution === null) return MISS;
    const answer = query ? `{"v":1,"query":{${ask(execution, query)}}}` : this.#answer(execution);
    if (this.#isAside) execution.drop();
    return answer;
  }

  #answer(execution) {
    let answer = `{"v":1,"actions":[${execution.takeActions().join(',')}]`;
    const logs = execution.takeLogs();
    const metrics = execution.takeMetrics();
    if (!this.#isAside) {
      if (logs.length > 0) answer += `,"logs":${JSON.stringify(logs)}`;
      if (metrics.length > 0) answer += `,"metrics":${JSON.stringify(metrics)}`;
    }
    if (execution.end !== null) answer += `,"end":${execution.end}`;
    const isRetained = !this.#isAside && this.#host.leave(this, execution);
    return `${answer},"retained":${isRetained}}`;
  }

  fail(error) {
    if (this.execution !== null) {
      this.isEvicted = true;
      if (this.#isAside) this.execution.drop();
      else this.#host.leave(this, this.execution);
    }
    return () => this.#reject(error);
  }
}

/** Asks a query handler, which cannot do durable work. The member of the answer as JSON text. */
function ask(execution, { name, input }) {
  const handler = execution.queries.get(name);
  if (handler === undefined) return `"failure":${JSON.stringify(noHandler(execution, name))}`;
  try {
    return execution.look('A query handler', () => {
      const result = handler(input ?? null);
      if (isThenable(result)) {
        Promise.resolve(result).catch(() => {});
        throw new InvalidArgument(`The handler for query '${name}' must be a plain function.`);
      }
      return `"result":${limits.payload(result, execution.limits, `The result of query '${name}'`)}`;
    });
  } catch (error) {
    return `"failure":${JSON.stringify(toFailure(error))}`;
  }
}

function noHandler(execution, query) {
  const known = [...execution.queries.keys()].sort().map((name) => `'${name}'`).join(', ') || 'none at all';
  const which = `the instance '${execution.instance}' has no handler for the query '${query}'`;
  return { type: 'perdure.NotRegistered', message: `${which}; it has ${known}`, nonRetryable: true };
}

function quietly(log) {
  return (record) => {
    try {
      log(record);
    } catch {
      // A log that fails must not fail what it tells of.
    }
  };
}

module.exports = { TurnHost };
