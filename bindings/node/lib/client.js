'use strict';
// Starting, messaging and observing instances. Needs no runtime in its process.

const { randomUUID } = require('node:crypto');
const native = require('./native.js');
const json = require('./json.js');
const {
  CallFailed, CallRejected, Closed, Failure, InvalidArgument, InvalidHandle, PerdureError, QueryFailed, fromCode,
  fromFailure, toFailure,
} = require('./errors.js');
const { Description, listQuery, startRequest, START_NAMES } = require('./descriptions.js');
const { known, boolean } = require('./options.js');
const { milliseconds, whole } = require('./durations.js');
const { timeoutMS } = require('./waiting.js');
const { Management } = require('./management.js');
const { handleOf, disposeSymbol, asyncDisposeSymbol } = require('./store.js');

const ENDS = [
  'OrchestrationCompleted', 'OrchestrationFailed', 'OrchestrationCancelled', 'OrchestrationTerminated',
];

/** What changes something is on disk when its promise is fulfilled. */
class Client {
  #handle;

  constructor(store) {
    const value = native.check(native.load().clientNew(handleOf(store, 'A client')));
    this.store = store;
    this.#handle = new native.Handle(native.CLIENT, value, 'client');
  }

  // ---- Starting -------------------------------------------------------------------------------------

  /**
   * Starts an instance. Resolves to its id: `instance`, a random one, or that of the instance that `policy` or
   * `dedupKey` found. Rejects with AlreadyExists for an id that is taken, if `policy` does not say otherwise.
   */
  async start(orchestration, input, options) {
    return (await this.#ask('client_start', startRequest(orchestration, input, options))).instance;
  }

  /**
   * Starts up to 10,000 instances, made durable together: { orchestration, input, ...options }. Resolves to
   * each one's id, or the error that says why it was not started.
   */
  async startMany(requests) {
    if (!Array.isArray(requests)) {
      throw new InvalidArgument(`startMany takes a list of requests, not ${json.describe(requests)}.`);
    }
    const texts = requests.map((request) => {
      const given = known(request, ['orchestration', 'input', ...START_NAMES], 'The members of a start request');
      const { orchestration, input, ...options } = given;
      return startRequest(orchestration, input, options);
    });
    const answers = await this.#ask('client_start_many', `[${texts.join(',')}]`);
    return answers.map(({ instance, error }) =>
      error ? fromCode(error.code, error.message, false, error.details ?? {}) : instance);
  }

  // ---- Messages -------------------------------------------------------------------------------------

  /**
   * Sends an event, kept until the instance waits for it. `keep`: if there is no such instance, keep it for a
   * later start. Resolves to whether it is kept so. Rejects with NotFound, or WrongStatus for an instance that
   * has ended.
   */
  async raiseEvent(instance, name, data, options) {
    return this.#send(instance, 'event', name, data, options);
  }

  /** Sends a message to a queue of the instance, as `raiseEvent` does. */
  async enqueue(instance, queue, message, options) {
    return this.#send(instance, 'queue', queue, message, options);
  }

  async #send(instance, channel, name, data, options) {
    const { keep = false } = known(options, ['keep'], 'The options of a message');
    boolean(keep, 'keep');
    const named = json.quote(name, `The name of the ${channel}`);
    const payload = json.encode(data, `The data of ${channel} ${named}`);
    const members = `"instance":${quoteId(instance)},"channel":"${channel}","name":${named},"data":${payload}`;
    return (await this.#ask('client_send', `{${members}${keep ? ',"keep":true' : ''}}`)).kept;
  }

  /** To all instances that are subscribed to the topic, once each. Resolves to how many. */
  async publish(topic, data) {
    json.text(topic, 'The name of the topic');
    const payload = json.encode(data, `The data of topic '${topic}'`);
    return JSON.parse(await this.#call('client_publish', topic, payload)).delivered;
  }

  /**
   * Calls a handler of the orchestration (`ctx.onCall`); resolves to its result.
   *
   * The call is durable and goes on after TimedOut, whose `details.call` is its id: call again with that
   * `callId` to wait for the same answer. Rejects with CallRejected, CallFailed, or WrongStatus when the
   * instance ends without an answer.
   */
  async call(instance, name, input, options) {
    const given = known(options, ['timeout', 'callId'], 'The options of call');
    const number = given.callId ?? randomUUID();
    const members = [
      `"instance":${quoteId(instance)}`,
      `"name":${json.quote(name, 'The name of the call')}`,
      `"input":${json.encode(input, `The input of call '${name}'`)}`,
      `"call":${json.quote(number, 'The callId')}`,
    ];
    let answer;
    try {
      answer = JSON.parse(
        await this.#call('client_call', `{${members.join(',')}}`, '', timeoutMS(given.timeout)),
      );
    } catch (error) {
      if (error instanceof PerdureError) error.details = { ...error.details, call: number };
      throw error;
    }
    if (!answer.failure) return answer.result ?? null;
    const failure = fromFailure(answer.failure);
    throw new (failure.type === 'perdure.CallRejected' ? CallRejected : CallFailed)(instance, name, failure);
  }

  /**
   * Asks a query handler of the orchestration (`ctx.onQuery`), also after its end. Changes nothing.
   *
   * Answered by a runtime of this process: rejects with Unsupported when none serves the orchestration, and
   * with QueryFailed when the handler threw.
   */
  async query(instance, name, input, options) {
    const { timeout } = known(options, ['timeout'], 'The options of query');
    const members = [
      `"instance":${quoteId(instance)}`,
      `"name":${json.quote(name, 'The name of the query')}`,
      `"input":${json.encode(input, `The input of query '${name}'`)}`,
    ];
    const answer = JSON.parse(await this.#call('client_query', `{${members.join(',')}}`, '', timeoutMS(timeout)));
    if (answer.failure) throw new QueryFailed(instance, name, fromFailure(answer.failure));
    return answer.result ?? null;
  }

  // ---- Control --------------------------------------------------------------------------------------

  /**
   * Asks the instance to end: its code gets `Cancelled` thrown and may clean up, for at most `grace` if that is
   * given. This and its like resolve to the status of the instance, and reject with NotFound, or WrongStatus
   * when it does not fit.
   */
  async cancel(instance, reason, options) {
    const { grace } = known(options, ['grace'], 'The options of cancel');
    const wire = grace === undefined ? '' : `,"graceMS":${milliseconds(grace, 'grace', 0)}`;
    return this.#control('cancel', instance, reason, wire);
  }

  /** Stops the turns of the instance. Messages are kept, activities that run come to their end. */
  async suspend(instance, reason) {
    return this.#control('suspend', instance, reason);
  }

  /** Lets a suspended instance go on. */
  async resume(instance, reason) {
    return this.#control('resume', instance, reason);
  }

  /** Ends the instance at once: its code hears nothing of it. */
  async terminate(instance, reason) {
    return this.#control('terminate', instance, reason);
  }

  /** Lets a quarantined instance try again, after its cause was removed. */
  async retry(instance, reason) {
    return this.#control('retry', instance, reason);
  }

  async #control(operation, instance, reason = '', more = '') {
    const why = json.text(reason, 'The reason') === '' ? '' : `,"reason":${JSON.stringify(reason)}`;
    const request = `{"instance":${quoteId(instance)},"operation":"${operation}"${why}${more}}`;
    return (await this.#ask('client_control', request)).status;
  }

  /** Removes a finished root instance (any with `force`) and its descendants; resolves to their ids. */
  async delete(instance, options) {
    const { force = false } = known(options, ['force'], 'The options of delete');
    const request = { instance: id(instance), force: boolean(force, 'force') };
    return (await this.#ask('client_delete', JSON.stringify(request))).deleted;
  }

  // ---- Deferred activities --------------------------------------------------------------------------

  /**
   * Ends an attempt that was deferred (`ctx.defer()`), by its token. Rejects with Stale when the attempt is
   * over, or was cancelled.
   */
  async completeActivity(token, result) {
    const payload = json.encode(result, 'The result');
    await this.#call('client_complete_activity', json.text(token, 'The token'), payload);
  }

  /** The same with an error or a Failure: the retry policy of the activity decides what follows. */
  async failActivity(token, error) {
    const failure = failureOf(error);
    await this.#call('client_fail_activity', json.text(token, 'The token'), json.encode(failure, 'The failure'));
  }

  /** A heartbeat of a deferred attempt. */
  async heartbeatActivity(token, details) {
    const payload = json.encode(details, 'The details');
    await this.#call('client_heartbeat_activity', json.text(token, 'The token'), payload);
  }

  // ---- Observing ------------------------------------------------------------------------------------

  /** Rejects with NotFound for an unknown instance. */
  async describe(instance) {
    return new Description(await this.#ask('client_describe', id(instance)));
  }

  /** The `status` of the description. */
  async status(instance) {
    return (await this.describe(instance)).status;
  }

  /** Resolves when the instance has ended; rejects with TimedOut after `timeout`. */
  async wait(instance, options) {
    const { timeout } = known(options, ['timeout'], 'The options of wait');
    return new Description(JSON.parse(await this.#call('client_wait', id(instance), '', timeoutMS(timeout))));
  }

  /** Resolves when the custom status has a version above `afterVersion`, or the instance has ended. */
  async waitForStatus(instance, options) {
    const given = known(options, ['afterVersion', 'timeout'], 'The options of waitForStatus');
    const after = whole(given.afterVersion ?? 0, 'afterVersion', -(2 ** 52), 2 ** 52);
    const text = await this.#call('client_wait_status', id(instance), '', after, timeoutMS(given.timeout));
    return new Description(JSON.parse(text));
  }

  /**
   * The output of the instance, once it has completed. Rejects with OrchestrationFailed and its failure,
   * OrchestrationCancelled, or TimedOut.
   */
  async result(instance, options) {
    return (await this.wait(instance, options)).result();
  }

  /** The key-value state of an instance, as a Map in the order of its keys; also of one that has ended. */
  async kv(instance) {
    const page = await this.#ask('client_kv', JSON.stringify({ instance: id(instance) }));
    return new Map(page.entries.map(({ key, value }) => [key, value ?? null]));
  }

  /** One value of it, or `missing`. */
  async getKV(instance, key, missing) {
    const query = { instance: id(instance), key: json.text(key, 'The key') };
    const { entries } = await this.#ask('client_kv', JSON.stringify(query));
    return entries.length > 0 ? (entries[0].value ?? null) : missing;
  }

  /** All events of an execution (the current one), as docs/wire-format.md describes them. */
  async history(instance, options) {
    const given = known(options, ['execution'], 'The options of history');
    const query = { instance: id(instance), execution: given.execution };
    const events = [];
    for (;;) {
      if (events.length > 0) query.after = events.at(-1).id;
      const page = await this.#ask('client_history', json.encode(query, 'The query'));
      events.push(...page.events);
      if (!page.hasMore || page.events.length === 0) return events;
      // The instance may continue as new between two pages.
      query.execution = page.execution;
    }
  }

  /**
   * The events of an instance as they come, over all its executions, until it ends. Each has its `execution` in
   * addition. Begins behind event `after` of `execution`. Throws TimedOut when none comes for `timeout`: begin
   * anew behind the last one that came.
   */
  async *follow(instance, options) {
    const given = known(options, ['execution', 'after', 'timeout'], 'The options of follow');
    const query = { instance: id(instance), execution: given.execution ?? 1, after: given.after ?? 0 };
    const limit = timeoutMS(given.timeout);
    const next = () => Object.assign(query, { execution: query.execution + 1, after: 0 });
    for (let ended = false; !ended;) {
      const text = await this.#call('client_wait_history', json.encode(query, 'The query'), '', limit);
      const page = JSON.parse(text);
      for (const event of page.events) {
        query.after = event.id;
        if (event.kind === 'OrchestrationContinuedAsNew') next();
        else if (ENDS.includes(event.kind)) ended = true;
        yield { ...event, execution: page.execution };
      }
      if (page.events.length === 0) {
        // The execution is over and has no more events (those of old ones may have been removed).
        ended = page.currentExecution <= page.execution;
        next();
      }
    }
  }

  /**
   * All instances that match, fetched page by page while you iterate: `for await (const each of client.list())`.
   * Times: from the first on, before the second; Dates or milliseconds since 1970.
   */
  async *list(filter) {
    const query = listQuery(filter, ['pageSize']);
    query.limit = filter?.pageSize ?? 100;
    do {
      const page = await this.#ask('client_list', json.encode(query, 'The query'));
      for (const each of page.instances) yield new Description(each);
      query.cursor = page.next;
    } while (query.cursor !== undefined && query.cursor !== null);
  }

  // ---- Management -----------------------------------------------------------------------------------

  /** What operators ask. `actor`: who asks; any text, recorded with each change. */
  management(actor = '') {
    json.text(actor, 'The actor');
    return new Management((request) => this.#call('client_manage', request), actor);
  }

  async #ask(name, request) {
    return JSON.parse(await this.#call(name, request));
  }

  async #call(name, ...texts) {
    const client = this.#handle.value;
    try {
      return await native.call(name, this, client, ...texts);
    } catch (error) {
      // Closed before a thread came to it.
      if (!(error instanceof InvalidHandle) || this.#handle.isOpen) throw error;
      throw new Closed('The client was closed while the call was under way.', { cause: error });
    }
  }

  // ---- Life -----------------------------------------------------------------------------------------

  /** Waits that are still open reject with Closed. The store stays open. */
  close() {
    this.#handle.close();
  }

  [disposeSymbol]() {
    this.close();
  }

  async [asyncDisposeSymbol]() {
    this.close();
  }
}

function id(instance) {
  return json.text(instance, 'The instance id');
}

function quoteId(instance) {
  return json.quote(instance, 'The instance id');
}

function failureOf(error) {
  if (error instanceof Failure || error instanceof Error) return toFailure(error);
  throw new InvalidArgument(`A failure is a Failure or an Error, not ${json.describe(error)}.`);
}

module.exports = { Client };
