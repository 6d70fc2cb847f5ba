'use strict';
// Events of Perdure as events of Duroxide: a table. Kinds that only Perdure has keep their names.

const { fromFailure } = require('../lib/errors.js');
const { ofFailure, reasonOf } = require('./errors.js');
const { plain } = require('./tasks.js');

/** The name under which reads of other instances stand among the activities. */
const KV_READ = '__duroxide_syscall:get_kv_value';

const members = (...names) => (event) => Object.fromEntries(names.map((name) => [name, event[name] ?? null]));
const member = (name) => (event) => event[name] ?? null;

function failed(kind) {
  return (event) => {
    const failure = fromFailure(event.failure);
    if (failure.type === 'perdure.Cancelled') return cancelled({ reason: reasonOf(failure) });
    const message = kind === 'ActivityFailed' ? String(failure) : ofFailure(failure);
    return { Application: { kind, message, retryable: false } };
  };
}

function cancelled({ reason }) {
  const why = reason ?? '';
  return { Application: { kind: { Cancelled: { reason: why } }, message: `canceled: ${why}`, retryable: false } };
}

/** Kind of Perdure: [kind, data from the event and the one that scheduled what it answers]. */
const KINDS = {
  OrchestrationStarted: ['OrchestrationStarted', members('name', 'version', 'input')],
  OrchestrationCompleted: ['OrchestrationCompleted', member('output')],
  OrchestrationFailed: ['OrchestrationFailed', failed('OrchestrationFailed')],
  OrchestrationCancelled: ['OrchestrationFailed', cancelled],
  OrchestrationTerminated: ['OrchestrationFailed', cancelled],
  OrchestrationContinuedAsNew: ['OrchestrationContinuedAsNew'],
  CancellationRequested: ['OrchestrationCancelRequested'],
  DetachedOrchestrationScheduled: ['OrchestrationChained'],
  ActivityScheduled: ['ActivityScheduled', members('name', 'input')],
  ActivityCompleted: ['ActivityCompleted', member('result')],
  ActivityFailed: ['ActivityFailed', failed('ActivityFailed')],
  TimerCreated: ['TimerCreated', (event) => ({ fireAtMs: event.fireAt })],
  TimerFired: ['TimerFired', (_event, source) => ({ fireAtMs: source?.fireAt ?? null })],
  EventSubscribed: ['ExternalSubscribed', members('name')],
  EventRaised: ['ExternalEvent', members('name', 'data')],
  EventSubscriptionCancelled: ['ExternalSubscribedCancelled'],
  QueueMessageReceived: ['QueueEventDelivered', members('name', 'data')],
  QueueSubscribed: ['QueueSubscribed', members('name')],
  SubOrchestrationScheduled: ['SubOrchestrationScheduled', members('name', 'instance', 'input')],
  SubOrchestrationCompleted: ['SubOrchestrationCompleted', member('result')],
  SubOrchestrationFailed: ['SubOrchestrationFailed', failed('OrchestrationFailed')],
  KVSet: ['KeyValueSet'],
  KVCleared: ['KeyValueCleared'],
  KVAllCleared: ['KeyValuesCleared'],
  KVReadRequested: ['ActivityScheduled', ({ instance, key }) => ({ name: KV_READ, input: { instance, key } })],
  RequestCompleted: ['ActivityCompleted', ({ result }) => {
    return result?.value === undefined || result.value === null ? null : plain(result.value);
  }],
  RequestFailed: ['ActivityFailed', failed('ActivityFailed')],
};

/** All events of an execution. */
function translated(history) {
  // What made an action, by its number: what is cancelled or answered names it so.
  const made = new Map();
  return history.map((event) => {
    let source;
    if (event.target !== undefined) source = made.get(event.target);
    else if (event.after !== undefined) made.set(event.action, event);
    else if (event.action !== undefined) source = made.get(event.action);
    const [kind, data] = KINDS[event.kind] ?? [event.kind];
    const found = { eventId: event.id, kind, timestampMs: event.at };
    if (source !== undefined) found.sourceEventId = source.id;
    if (data !== undefined) found.data = JSON.stringify(data(event, source));
    return found;
  });
}

/** Messages of queues and events that came and that no code has taken. */
function pendingMessages(history) {
  const balance = new Map();
  const waits = new Map();
  const add = (key, number) => balance.set(key, (balance.get(key) ?? 0) + number);
  for (const { kind, name, action, target } of history) {
    // "Queue" and "Event" have names of their own.
    const key = `${kind.slice(0, 5)} ${name}`;
    if (kind === 'QueueSubscribed' || kind === 'EventSubscribed') {
      waits.set(action, key);
      add(key, -1);
    } else if (kind === 'QueueSubscriptionCancelled' || kind === 'EventSubscriptionCancelled') {
      add(waits.get(target), 1);
    } else if (kind === 'QueueMessageReceived' || kind === 'EventRaised') {
      add(key, 1);
    }
  }
  return [...balance.values()].reduce((sum, each) => sum + Math.max(each, 0), 0);
}

module.exports = { translated, pendingMessages };
