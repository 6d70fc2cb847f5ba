'use strict';
// The messages of an orchestration: events, queues, topics, requests to other instances, calls, queries.

const { InvalidArgument, MessageRefused } = require('../errors.js');
const json = require('../json.js');
const limits = require('../limits.js');
const { boolean, known } = require('../options.js');
const { CallServer } = require('./calls.js');

/** How the context comes to its execution. */
const EXECUTION = Symbol('execution');

/** What `OrchestrationContext` offers for messages. */
class Messaging {
  constructor(execution) {
    Object.defineProperty(this, EXECUTION, { value: execution });
  }

  // ---- Received ------------------------------------------------------------------------------------

  /** The next event of that name, which may have come before. Cancelled, it takes none. */
  waitForEvent(name) {
    return this[EXECUTION].waitFor('WaitForEvent', name, 'event');
  }

  /** The next message of the queue, in the order of sending. */
  dequeue(name) {
    return this[EXECUTION].waitFor('Dequeue', name, 'queue');
  }

  /** From now on this instance receives what is published to the topic, across continueAsNew. */
  subscribe(topic) {
    this[EXECUTION].emit(`"kind":"SubscribeTopic","topic":${quoted(topic)}`, 'subscribe');
  }

  /** What was received before stays for `waitForTopic`. */
  unsubscribe(topic) {
    this[EXECUTION].emit(`"kind":"UnsubscribeTopic","topic":${quoted(topic)}`, 'unsubscribe');
  }

  /** The next message of a topic that this instance has subscribed to. */
  waitForTopic(topic) {
    return this[EXECUTION].waitFor('WaitForTopic', topic, 'topic');
  }

  // ---- Sent ----------------------------------------------------------------------------------------

  /**
   * Sends an event to another instance. Awaited, it throws `MessageRefused` if that is not there. Options:
   * `keep` (for an instance that is not there yet, wait for its start).
   */
  raiseEvent(instance, name, data, options) {
    return send(this, 'RaiseEvent', 'event', instance, name, data, options);
  }

  /** Sends a message to a queue of another instance. Options: `keep`. */
  enqueue(instance, queue, message, options) {
    return send(this, 'Enqueue', 'queue', instance, queue, message, options);
  }

  /** Asks another instance to end, as `client.cancel` does. */
  cancelInstance(instance, reason = '') {
    const why = json.quote(reason, 'The reason');
    limits.check(reason, limits.REASON_BYTES, 'The reason');
    const members = `"kind":"CancelInstance","instance":${limits.instance(instance)},"reason":${why}`;
    return request(this, members, `Cancelling instance '${instance}'`);
  }

  /** The value of a key of another instance, or undefined; also of one that has ended. */
  readKV(instance, key) {
    const text = limits.name(key, 'The key', limits.KEY_BYTES);
    const members = `"kind":"ReadKV","instance":${limits.instance(instance)},"key":${text}`;
    const what = `Reading key '${key}' of instance '${instance}'`;
    return request(this, members, what, (result) => result?.value);
  }

  /** To all instances that are subscribed to the topic at that moment, once each. */
  publish(topic, data) {
    const to = quoted(topic);
    const payload = limits.payload(data, this[EXECUTION].limits, `The data of topic '${topic}'`);
    this[EXECUTION].emit(`"kind":"Publish","topic":${to},"data":${payload}`, 'publish');
  }

  // ---- Calls and queries ---------------------------------------------------------------------------

  /** The next `Call` of that name, to be answered or rejected by the code. See `onCall`. */
  nextCall(name) {
    return this[EXECUTION].waitFor('WaitForCall', name, 'call');
  }

  /**
   * Answers every call of that name with `handler(input)` while the orchestration runs.
   *
   * One after the other, in the order of their coming. The handler may do durable work (async, or a
   * generator); what it throws is thrown in the caller as `CallFailed`. Handlers do not keep the
   * orchestration from ending, and answer calls also while it cleans up after a cancellation. Options:
   * `validator(input)`, a plain function, refuses a call by throwing: the caller sees `CallRejected`.
   */
  onCall(name, handler, options) {
    const { validator } = known(options, ['validator'], 'The options of onCall');
    if (typeof handler !== 'function' || (validator !== undefined && typeof validator !== 'function')) {
      throw new InvalidArgument(`The handler and the validator of call '${name}' must be functions.`);
    }
    new CallServer(this[EXECUTION], name, handler, validator).next();
  }

  /** Answers `client.query` with `handler(input)`: a plain function that looks and changes nothing. */
  onQuery(name, handler) {
    limits.name(name, 'The name of the query');
    if (typeof handler !== 'function' || UNFIT.has(Object.prototype.toString.call(handler))) {
      throw new InvalidArgument(`The handler for query '${name}' must be a plain function.`);
    }
    this[EXECUTION].queries.set(name, handler);
  }
}

const UNFIT = new Set(
  ['AsyncFunction', 'GeneratorFunction', 'AsyncGeneratorFunction'].map((kind) => `[object ${kind}]`),
);

function send(context, kind, what, instance, name, data, options) {
  const { keep } = known(options, ['keep'], 'The options of a message');
  const to = limits.instance(instance);
  const text = limits.name(name, `The name of the ${what}`);
  const payload = limits.payload(data, context[EXECUTION].limits, `The data of ${what} '${name}'`);
  const members = `"kind":"${kind}","instance":${to},"name":${text},"data":${payload}`;
  const kept = keep !== undefined && boolean(keep, 'keep') ? ',"keep":true' : '';
  return request(context, members + kept, `Sending ${what} '${name}' to instance '${instance}'`);
}

function request(context, members, what, decode = nothing) {
  return context[EXECUTION].schedule(members, what, what, MessageRefused, decode);
}

function quoted(topic) {
  return limits.name(topic, 'The name of the topic');
}

function nothing() {
  return undefined;
}

module.exports = { Messaging, EXECUTION };
