'use strict';
// What a client sends and gets: start requests and descriptions.

const json = require('./json.js');
const limits = require('./limits.js');
const { nameOf } = require('./definitions.js');
const { InvalidArgument, OrchestrationCancelled, OrchestrationFailed, fromFailure } = require('./errors.js');
const { known, oneOf } = require('./options.js');
const { milliseconds, moment, whole } = require('./durations.js');

const POLICIES = ['fail', 'useExisting', 'restartIfFinished', 'terminateAndRestart'];
const START_NAMES = [
  'instance', 'version', 'policy', 'startAt', 'delay', 'priority', 'attributes', 'memo', 'dedupKey',
  'traceparent', 'tracestate',
];
const TEXTS = {
  instance: 'The instance id',
  version: 'The version',
  dedupKey: 'The dedupKey',
  traceparent: 'The traceparent',
  tracestate: 'The tracestate',
};

/** A start request as JSON text. Throws InvalidArgument. */
function startRequest(orchestration, input, options) {
  const given = known(options, START_NAMES, 'The options of start');
  const name = nameOf(orchestration, 'The orchestration');
  const members = [`"orchestration":${json.quote(name, 'The name of the orchestration')}`];
  const add = (key, text) => members.push(`"${key}":${text}`);
  for (const [key, what] of Object.entries(TEXTS)) if (has(given, key)) add(key, json.quote(given[key], what));
  add('input', json.encode(input, `The input of orchestration '${name}'`));
  if (has(given, 'policy')) add('policy', json.encode(oneOf(given.policy, POLICIES, 'policy')));
  if (has(given, 'startAt') && has(given, 'delay')) throw new InvalidArgument('Give startAt or delay, not both.');
  if (has(given, 'startAt')) add('startAt', moment(given.startAt, 'startAt'));
  if (has(given, 'delay')) add('delayMS', milliseconds(given.delay, 'delay', 0));
  if (has(given, 'priority')) add('priority', whole(given.priority, 'priority', -1000, 1000));
  if (has(given, 'attributes')) add('attributes', JSON.stringify(attributes(given.attributes)));
  if (has(given, 'memo')) add('memo', json.encode(given.memo, 'The memo'));
  return `{${members.join(',')}}`;
}

function has(given, key) {
  return given[key] !== undefined && given[key] !== null;
}

/** Text by name, checked. */
function attributes(given) {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new InvalidArgument(`attributes are an object of texts, not ${json.describe(given)}.`);
  }
  for (const [key, value] of Object.entries(given)) {
    limits.name(key, 'The name of an attribute');
    json.text(value, `The attribute '${key}'`);
  }
  return { ...given };
}

/** What is known of an instance. Times in milliseconds since 1970; null for what there is not. */
class Description {
  constructor(wire) {
    this.instance = wire.instance;
    this.orchestration = wire.orchestration;
    this.version = wire.version ?? null;
    this.status = wire.status;
    this.execution = wire.execution;
    this.parent = wire.parent ?? null;
    this.customStatus = wire.customStatus ?? null;
    this.customStatusVersion = wire.customStatusVersion ?? 0;
    this.output = wire.output ?? null;
    this.failure = wire.failure ? fromFailure(wire.failure) : null;
    this.pendingReason = wire.pendingReason ?? null;
    this.suspendReason = wire.suspendReason ?? null;
    this.startAt = wire.startAt ?? null;
    this.priority = wire.priority ?? 0;
    this.attributes = wire.attributes ?? {};
    this.memo = wire.memo ?? null;
    this.dedupKey = wire.dedupKey ?? null;
    this.createdAt = wire.createdAt;
    this.updatedAt = wire.updatedAt;
    this.endedAt = wire.endedAt ?? null;
    this.eventCount = wire.eventCount ?? 0;
  }

  get isEnded() {
    return ['Completed', 'Failed', 'Cancelled', 'Terminated'].includes(this.status);
  }

  /** The output of a completed instance. Throws OrchestrationFailed or OrchestrationCancelled. */
  result() {
    if (this.status === 'Completed') return this.output;
    if (this.status === 'Failed') throw new OrchestrationFailed(this.instance, this.failure ?? fromFailure(null));
    throw new OrchestrationCancelled(this.instance, this.status);
  }
}

const TIMES = ['createdFrom', 'createdTo', 'updatedFrom', 'updatedTo', 'endedFrom', 'endedTo'];
const FILTER_NAMES = [
  'orchestration', 'version', 'status', ...TIMES, 'attributes', 'prefix', 'parent', 'rootsOnly', 'order',
];

/** A list query without cursor and limit, from what `list` and the filters of management take. */
function listQuery(filter, more = []) {
  const given = known(filter, [...FILTER_NAMES, ...more], 'The members of a filter');
  const wire = {};
  const add = (key, value) => {
    if (value !== undefined && value !== null) wire[key] = value;
  };
  if (has(given, 'orchestration')) add('orchestration', nameOf(given.orchestration, 'The orchestration'));
  for (const key of ['version', 'status', 'parent', 'order']) add(key, given[key]);
  for (const key of TIMES) if (has(given, key)) add(key, moment(given[key], key));
  if (has(given, 'attributes')) add('attributes', attributes(given.attributes));
  add('instancePrefix', given.prefix);
  if (given.rootsOnly) add('rootsOnly', given.rootsOnly);
  return wire;
}

module.exports = { startRequest, attributes, Description, listQuery, START_NAMES };
