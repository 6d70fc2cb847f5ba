'use strict';
// What each event does to an execution: "Matching, in the host" in docs/wire-format.md. Each returns false if
// it changes nothing for the code.

const { Call } = require('./handles.js');
const { isThenable, outcome } = require('./generators.js');

function started(execution, event) {
  const { parent } = event;
  if (parent) {
    const { instance, execution: number, action } = parent;
    execution.context.parent = Object.freeze({ instance, execution: number, action });
  }
  execution.startedMS = event.at;
  execution.isBegun = true;
  try {
    const result = outcome(execution.definition.fn(execution.context, event.input ?? null));
    if (!isThenable(result)) execution.complete(result);
    else {
      Promise.resolve(result).then(
        (value) => execution.complete(value),
        (error) => execution.threw(error),
      );
    }
  } catch (error) {
    execution.threw(error);
  }
  return true;
}

function completed(execution, event) {
  const work = execution.open.get(event.action);
  if (work === undefined) return false;
  execution.open.delete(event.action);
  work.answer(event.result ?? null);
  return true;
}

function failed(execution, event) {
  const work = execution.open.get(event.action);
  if (work?.refuse === undefined) return false;
  execution.open.delete(event.action);
  work.refuse(event.failure);
  return true;
}

const WAITS = {
  EventRaised: 'WaitForEvent',
  QueueMessageReceived: 'Dequeue',
  TopicMessageReceived: 'WaitForTopic',
  CallReceived: 'WaitForCall',
};

function message(execution, event) {
  const key = `${WAITS[event.kind]} ${event.name}`;
  const given = event.data ?? null;
  const data = event.call === undefined ? given : new Call(execution, event.call, event.name, given);
  const waits = execution.waits.get(key);
  while (waits !== undefined && waits.length > 0) {
    const action = waits.shift();
    const work = execution.open.get(action);
    if (work !== undefined) {
      execution.open.delete(action);
      work.answer(data);
      return true;
    }
  }
  const kept = execution.kept.get(key);
  if (kept === undefined) execution.kept.set(key, [data]);
  else kept.push(data);
  return false;
}

function cancellation(execution, event) {
  if (execution.cancelRequested || !execution.isBegun) return false;
  execution.cancel(event.reason);
  return true;
}

const DELIVERIES = {
  OrchestrationStarted: started,
  ActivityCompleted: completed,
  TimerFired: completed,
  SubOrchestrationCompleted: completed,
  RequestCompleted: completed,
  ActivityFailed: failed,
  SubOrchestrationFailed: failed,
  RequestFailed: failed,
  EventRaised: message,
  QueueMessageReceived: message,
  TopicMessageReceived: message,
  CallReceived: message,
  CancellationRequested: cancellation,
};

/** Applies an event; false if it changes nothing for the code. */
function deliver(execution, event) {
  return Object.hasOwn(DELIVERIES, event.kind) && DELIVERIES[event.kind](execution, event);
}

module.exports = { deliver };
