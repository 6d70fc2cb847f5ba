'use strict';
// A fake engine: drives one instance through the turn host, as docs/wire-format.md describes it, without the
// library.

const assert = require('node:assert/strict');
const limits = require('../../lib/limits.js');
const { TurnHost } = require('../../lib/turns/index.js');

const START = 1_760_000_000_000;

/** Parsed JSON of its own, as every request is one. */
const copy = (value) => JSON.parse(JSON.stringify(value));

/** Orchestrations as the turn host takes them: functions by name. */
function registered(functions) {
  const versions = (fn) => new Map([['1.0.0', { fn, options: {} }]]);
  return new Map(Object.entries(functions).map(([name, fn]) => [name, versions(fn)]));
}

/** One instance. `start` and `deliver` run warm turns; `cold` replays everything in a host of its own. */
class Script {
  events = [];
  actions = [];
  end = undefined;
  logs = [];
  metrics = [];
  strays = [];
  now = START;
  #id = 0;

  /** `kv`: the entries with which the execution begins. The other options are those of the host. */
  constructor(fn, { kv = [], ...options } = {}) {
    this.fn = fn;
    this.kv = kv;
    this.options = options;
    this.host = this.newHost();
  }

  newHost() {
    return new TurnHost({
      orchestrations: registered({ test: this.fn }),
      log: (record) => this.strays.push(record),
      ...this.options,
    });
  }

  request(events, after, replayed) {
    const request = {
      v: 1, turn: 1, instance: 'test-1', execution: 1, orchestration: 'test', version: '1.0.0', from: after,
      replayed, events: copy(events),
    };
    if (after === 0) {
      // What an engine would have read from the history so far.
      const recorded = this.actions.filter((each) => each.kind === 'RecordPatch' && each.after <= replayed);
      request.patches = recorded.map((each) => each.patch);
      request.kv = copy(this.kv);
    }
    return request;
  }

  /** The next event of the history, `later` milliseconds after the one before. */
  event(kind, members = {}, later = 1) {
    // Ids skip: the engine's own events stand in between.
    this.#id += this.events.length === 0 && this.#id === 0 ? 1 : 2;
    this.now += later;
    return { id: this.#id, at: this.now, kind, ...members };
  }

  start(input = null) {
    return this.deliver(this.event('OrchestrationStarted', { name: 'test', version: '1.0.0', input }, 0));
  }

  /** One warm turn with these events; returns the actions that it emitted. */
  async deliver(...events) {
    const after = this.events.at(-1)?.id ?? 0;
    const answer = await this.host.turn(this.request(events, after, after));
    assert.ok(!('miss' in answer), 'the host has lost the live code');
    this.events.push(...events);
    this.actions.push(...answer.actions);
    this.logs.push(...(answer.logs ?? []));
    this.metrics.push(...(answer.metrics ?? []));
    this.end = answer.end;
    assert.equal(answer.retained, answer.end === undefined);
    return answer.actions;
  }

  complete(action, result = null) {
    return this.deliver(this.event('ActivityCompleted', { action, result }));
  }

  fail(action, type = 'Declined', message = 'no') {
    return this.deliver(this.event('ActivityFailed', { action, failure: { type, message } }));
  }

  /** Fires a timer at its time. */
  fire(action) {
    const { fireAt } = this.actions.find((each) => each.id === action);
    return this.deliver(this.event('TimerFired', { action }, Math.max(0, fireAt - this.now)));
  }

  raise(name, data = null) {
    return this.deliver(this.event('EventRaised', { name, data }));
  }

  enqueue(name, data = null) {
    return this.deliver(this.event('QueueMessageReceived', { name, data }));
  }

  publish(name, data = null) {
    return this.deliver(this.event('TopicMessageReceived', { name, data }));
  }

  call(call, name, data = null) {
    return this.deliver(this.event('CallReceived', { call, name, data }));
  }

  cancel(reason = 'stop') {
    return this.deliver(this.event('CancellationRequested', { reason }));
  }

  /** The answer of a host that is asked beside the live code. */
  async query(name, input = null) {
    const request = this.request(this.events, 0, this.events.at(-1)?.id ?? 0);
    const answer = await this.host.turn({ ...request, query: { name, input } });
    assert.deepEqual(Object.keys(answer), ['v', 'query']);
    return answer.query;
  }

  /** The answer of a host that sees the whole history at once. */
  async cold() {
    const host = this.newHost();
    const answer = await host.turn(this.request(this.events, 0, this.events.at(-1)?.id ?? 0));
    host.close();
    return answer;
  }

  /** The output; checks that the instance completed, and that a replay gives the same actions and end. */
  async output() {
    await this.checkReplay();
    assert.ok(this.end, 'still running');
    assert.equal(this.end.kind, 'Completed', JSON.stringify(this.end));
    return this.end.output;
  }

  get failure() {
    assert.ok(this.end, 'still running');
    assert.equal(this.end.kind, 'Failed', JSON.stringify(this.end));
    return this.end.failure;
  }

  async checkReplay() {
    const answer = await this.cold();
    assert.deepEqual(answer.actions, this.actions);
    assert.deepEqual(withoutStack(answer.end), withoutStack(this.end));
    assert.ok(!('logs' in answer), `a replay must not log again: ${JSON.stringify(answer.logs)}`);
    assert.ok(!('metrics' in answer), 'a replay must not measure again');
  }
}

function withoutStack(value) {
  if (Array.isArray(value)) return value.map(withoutStack);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).filter(([key]) => key !== 'stack').map(([key, part]) => [key, withoutStack(part)]),
  );
}

const SHORT = {
  ScheduleActivity: 'Activity', CreateTimer: 'Timer', WaitForEvent: 'Event', WaitForTopic: 'Topic',
  WaitForCall: 'Call', AnswerCall: 'Answer', RecordPatch: 'Patch',
};

/** Short forms of actions, for comparing: `Activity:a`, `Timer`, `Cancel:2`. */
function kinds(actions) {
  return actions.map((each) => {
    const member = ['name', 'target', 'call', 'key', 'patch', 'topic'].find((key) => key in each);
    return (SHORT[each.kind] ?? each.kind) + (member === undefined ? '' : `:${each[member]}`);
  });
}

module.exports = { Script, START, kinds, registered, copy, withoutStack, limits };
