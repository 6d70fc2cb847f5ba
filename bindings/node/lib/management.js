'use strict';
// What operators ask. Answers are as docs/wire-format.md has them under "Management"; failures are `Failure`s.

const json = require('./json.js');
const { Description, attributes, listQuery } = require('./descriptions.js');
const { Failure, InvalidArgument, fromFailure, toFailure } = require('./errors.js');
const { nameOf } = require('./definitions.js');
const { known, oneOf } = require('./options.js');
const { milliseconds, moment } = require('./durations.js');
const schedules = require('./schedules.js');

const VERBS = ['cancel', 'suspend', 'resume', 'terminate', 'retry', 'requeue', 'delete'];

/** What a call that was fulfilled has changed is on disk, with a record of who did it and why. */
class Management {
  #call;

  constructor(call, actor) {
    this.#call = call;
    this.actor = actor;
  }

  async #text(operation, members = {}, reason = '') {
    const request = { operation };
    if (this.actor !== '') request.actor = this.actor;
    if (json.text(reason, 'The reason') !== '') request.reason = reason;
    for (const [key, value] of Object.entries(members)) {
      if (value !== undefined && value !== null) request[key] = value;
    }
    return this.#call(json.encode(request, 'The request'));
  }

  async #ask(operation, members, reason) {
    return JSON.parse(await this.#text(operation, members, reason));
  }

  // ---- Looking --------------------------------------------------------------------------------------

  /** The living runtimes of all processes, in the order in which they began. */
  async nodes() {
    return (await this.#ask('nodes')).nodes;
  }

  /**
   * An instance with its pending activities, timers, waits, children, requests and sizes. Rejects with NotFound
   * for an unknown instance, as all that ask about one.
   */
  async inspect(instance) {
    const wire = await this.#ask('inspect', { instance: id(instance) });
    wire.description = new Description(wire.description);
    for (const each of wire.activities) if (each.lastFailure) each.lastFailure = fromFailure(each.lastFailure);
    return wire;
  }

  /** What an instance waits for, since when, what would release it, who could serve it, and what to do. */
  async why(instance) {
    return this.#ask('why', { instance: id(instance) });
  }

  /** The executions of an instance, in order. `after`: only those with a higher number. */
  async executions(instance, options) {
    const given = known(options, ['after', 'limit'], 'The options of executions');
    return (await this.#ask('executions', { instance: id(instance), ...given })).executions;
  }

  /** An instance and its descendants: `depth` generations (0...100), at most `limit` instances (1...10,000). */
  async tree(instance, options) {
    const given = known(options, ['depth', 'limit'], 'The options of tree');
    return this.#ask('tree', { instance: id(instance), ...given });
  }

  /** From the parent of an instance to the root; empty for one that nobody called. */
  async ancestors(instance) {
    return (await this.#ask('ancestors', { instance: id(instance) })).ancestors;
  }

  /** Counts of instances: of the whole store, or of one orchestration. Looks at no instance. */
  async statistics(orchestration) {
    const name = orchestration === undefined ? undefined : nameOf(orchestration, 'The orchestration');
    return this.#ask('statistics', { orchestration: name });
  }

  /** What one instance has done so far. */
  async instanceStatistics(instance) {
    return this.#ask('statistics', { instance: id(instance) });
  }

  /** What waits for runtimes. */
  async queues() {
    return this.#ask('queues');
  }

  /**
   * What was changed by whom, the newest first, fetched page by page while you iterate. `since` counts itself,
   * `until` does not: Dates or milliseconds since 1970.
   */
  async *audit(options) {
    const given = known(
      options, ['target', 'actor', 'operation', 'since', 'until', 'pageSize'], 'The options of audit',
    );
    const { target, actor, operation, since, until, pageSize = 100 } = given;
    const filter = { target, actor, operation };
    if (since !== undefined) filter.from = moment(since, 'since');
    if (until !== undefined) filter.to = moment(until, 'until');
    let cursor;
    do {
      const page = await this.#ask('audit', { filter, limit: pageSize, cursor });
      yield* page.records;
      cursor = page.next;
    } while (cursor !== undefined && cursor !== null);
  }

  // ---- Instances ------------------------------------------------------------------------------------

  /** Asks the instance to end, as `Client.cancel` does. These resolve to the status of the instance. */
  async cancel(instance, reason, options) {
    const { grace } = known(options, ['grace'], 'The options of cancel');
    const graceMS = grace === undefined ? undefined : milliseconds(grace, 'grace', 0);
    return (await this.#ask('cancel', { instance: id(instance), graceMS }, reason)).status;
  }

  async suspend(instance, reason) {
    return (await this.#ask('suspend', { instance: id(instance) }, reason)).status;
  }

  async resume(instance, reason) {
    return (await this.#ask('resume', { instance: id(instance) }, reason)).status;
  }

  async terminate(instance, reason) {
    return (await this.#ask('terminate', { instance: id(instance) }, reason)).status;
  }

  /** Lets a quarantined instance try again, after its cause was removed. */
  async retry(instance, reason) {
    return (await this.#ask('retry', { instance: id(instance) }, reason)).status;
  }

  /** Takes a pending or running instance from the runtime that holds it: any may go on with it. */
  async requeue(instance, reason) {
    return (await this.#ask('requeue', { instance: id(instance) }, reason)).status;
  }

  /**
   * The same for many instances: a list of ids, or up to `limit` of those that a filter finds and the verb is
   * for. `dryRun` changes nothing and reports what would be done. `grace`: of cancel. `force`: of delete.
   */
  async bulk(verb, instances, options) {
    const names = ['reason', 'dryRun', 'limit', 'cursor', 'grace', 'force'];
    const { reason, grace, ...rest } = known(options, names, 'The options of bulk');
    const graceMS = grace === undefined ? undefined : milliseconds(grace, 'grace', 0);
    const members = { verb: oneOf(verb, VERBS, 'verb'), ...selected(instances), ...rest, graceMS };
    return this.#ask('bulk', members, reason);
  }

  /** Removes finished instances that nobody called (others with `force`) and their descendants. */
  async delete(instances, options) {
    const names = ['reason', 'dryRun', 'limit', 'cursor', 'force'];
    const { reason, ...rest } = known(options, names, 'The options of delete');
    return this.#ask('delete', { ...selected(instances), ...rest }, reason);
  }

  /**
   * Removes finished instances that the filter finds: those that ended before a moment (`endedBefore`), or
   * longer ago than that (`olderThan`); of each orchestration the `keepLast` that were started last stay. With
   * `executions` the instances stay, and lose the histories of all executions but the last `keepLast` (1).
   */
  async prune(filter, options) {
    const names = ['endedBefore', 'olderThan', 'keepLast', 'executions', 'reason', 'dryRun', 'limit', 'cursor'];
    const { endedBefore, olderThan, reason, ...rest } = known(options, names, 'The options of prune');
    const members = { filter: listQuery(filter), ...rest };
    if (endedBefore !== undefined) members.endedBefore = moment(endedBefore, 'endedBefore');
    if (olderThan !== undefined) members.olderThanMS = milliseconds(olderThan, 'olderThan', 0);
    return this.#ask('prune', members, reason);
  }

  /**
   * Lets a failed instance go on from its failed step. What the code did after that is forgotten, not undone.
   * Resolves to one report for each instance that is put back, the named one first; `dryRun` does nothing else.
   */
  async rewind(instance, options) {
    const { reason, dryRun } = known(options, ['reason', 'dryRun'], 'The options of rewind');
    return (await this.#ask('rewind', { instance: id(instance), dryRun }, reason)).instances;
  }

  /** Puts an instance back to where it stood after an event of its current execution (0: at its beginning). */
  async reset(instance, event, options) {
    const { reason, dryRun } = known(options, ['reason', 'dryRun'], 'The options of reset');
    return (await this.#ask('reset', { instance: id(instance), event, dryRun }, reason)).instances;
  }

  /** An instance with all that belongs to it, as JSON lines; `children`: with its descendants (default). */
  async exportInstance(instance, options) {
    const { children = true } = known(options, ['children'], 'The options of exportInstance');
    return this.#text('export', { instance: id(instance), children });
  }

  /**
   * Puts exported instances into this store: all of them, or none. Resolves to their ids. `suspended` (default):
   * open instances do not run before they are resumed.
   */
  async importInstances(text, options) {
    const { suspended = true, reason } = known(options, ['suspended', 'reason'], 'The options of importInstances');
    json.text(text, 'The text');
    return (await this.#ask('import', { text, suspended }, reason)).imported;
  }

  // ---- Activities -----------------------------------------------------------------------------------

  /** The next attempt of a pending activity begins now. `action`: its number, as history has it. */
  async retryActivity(instance, action, options) {
    const { execution, reason } = known(options, ['execution', 'reason'], 'The options of retryActivity');
    await this.#ask('retryActivity', { instance: id(instance), action, execution }, reason);
  }

  /** Ends a pending activity by hand, with a result; whoever runs it is told that it is not wanted. */
  async completeActivity(instance, action, result, options) {
    const { execution, reason } = known(options, ['execution', 'reason'], 'The options of completeActivity');
    await this.#ask('completeActivity', { instance: id(instance), action, execution, result }, reason);
  }

  /** The same with a failure. With `nonRetryable: false` the retry policy decides whether another attempt follows. */
  async failActivity(instance, action, error, options) {
    const names = ['execution', 'reason', 'nonRetryable'];
    const { execution, reason, nonRetryable = true } = known(options, names, 'The options of failActivity');
    if (!(error instanceof Failure) && !(error instanceof Error)) {
      throw new InvalidArgument(`A failure is a Failure or an Error, not ${json.describe(error)}.`);
    }
    const members = { instance: id(instance), action, execution, failure: toFailure(error), nonRetryable };
    await this.#ask('failActivity', members, reason);
  }

  // ---- Retention ------------------------------------------------------------------------------------

  /**
   * From now on runtimes remove finished instances of the orchestration, with their descendants, `keep` after
   * their end. "*" is the rule for all orchestrations without one of their own.
   */
  async setRetention(orchestration, keep, options) {
    const { statuses, reason } = known(options, ['statuses', 'reason'], 'The options of setRetention');
    const name = nameOf(orchestration, 'The orchestration');
    const members = { orchestration: name, keepMS: milliseconds(keep, 'keep', 0), statuses };
    await this.#ask('setRetention', members, reason);
  }

  /** The rules, by name: { orchestration, keepMS, statuses }. */
  async retention() {
    return (await this.#ask('retention')).rules;
  }

  async removeRetention(orchestration, options) {
    const { reason } = known(options, ['reason'], 'The options of removeRetention');
    await this.#ask('removeRetention', { orchestration: nameOf(orchestration, 'The orchestration') }, reason);
  }

  /** Removes now what the rules let go, also when no runtime runs. */
  async sweep(options) {
    const { reason, ...rest } = known(options, ['dryRun', 'limit', 'reason'], 'The options of sweep');
    return this.#ask('sweep', rest, reason);
  }

  // ---- Schedules ------------------------------------------------------------------------------------

  /** Makes a schedule (docs/guides/schedules.md). Resolves to the id of its instance. */
  async createSchedule(name, spec, action, options) {
    const names = ['overlap', 'catchUp', 'paused', 'note', 'policy', 'reason'];
    const { catchUp, reason, ...rest } = known(options, names, 'The options of createSchedule');
    const members = {
      schedule: named(name), spec: schedules.spec(spec), action: schedules.action(action, attributes), ...rest,
      catchUpMS: catchUp === undefined ? undefined : milliseconds(catchUp, 'catchUp', 0),
    };
    return (await this.#ask('createSchedule', members, reason)).instance;
  }

  /** Changes what is given. New times hold from now on. catchUp Infinity: no limit. */
  async updateSchedule(name, options) {
    const names = ['spec', 'action', 'overlap', 'catchUp', 'note', 'reason'];
    const { spec, action, catchUp, reason, ...rest } = known(options, names, 'The options of updateSchedule');
    const members = { schedule: named(name), ...rest };
    if (spec !== undefined) members.spec = schedules.spec(spec);
    if (action !== undefined) members.action = schedules.action(action, attributes);
    if (catchUp !== undefined) members.catchUpMS = catchUp === Infinity ? -1 : milliseconds(catchUp, 'catchUp', 0);
    await this.#ask('updateSchedule', members, reason);
  }

  /** What falls due from now on is not run, also not later. */
  async pauseSchedule(name, options) {
    const { note, reason } = known(options, ['note', 'reason'], 'The options of pauseSchedule');
    await this.#ask('pauseSchedule', { schedule: named(name), note }, reason);
  }

  async resumeSchedule(name, options) {
    const { note, reason } = known(options, ['note', 'reason'], 'The options of resumeSchedule');
    await this.#ask('resumeSchedule', { schedule: named(name), note }, reason);
  }

  /** A run now, also of a paused schedule. Resolves to its instance id. */
  async triggerSchedule(name, options) {
    const { overlap, reason } = known(options, ['overlap', 'reason'], 'The options of triggerSchedule');
    return (await this.#ask('triggerSchedule', { schedule: named(name), overlap }, reason)).instance;
  }

  /** Runs for all due times from `from` to `to`, both included, as fast as `overlap` lets them. */
  async backfillSchedule(name, from, to, options) {
    const { overlap, reason } = known(options, ['overlap', 'reason'], 'The options of backfillSchedule');
    const members = { schedule: named(name), from: moment(from, 'from'), to: moment(to, 'to'), overlap };
    await this.#ask('backfillSchedule', members, reason);
  }

  /** Ends the schedule. Its runs are left alone. */
  async deleteSchedule(name, options) {
    const { reason } = known(options, ['reason'], 'The options of deleteSchedule');
    await this.#ask('deleteSchedule', { schedule: named(name) }, reason);
  }

  async schedule(name) {
    return this.#ask('schedule', { schedule: named(name) });
  }

  /** Those that have not been deleted, in the order of their creation: { schedules, next? }. */
  async schedules(options) {
    return this.#ask('schedules', known(options, ['cursor', 'limit'], 'The options of schedules'));
  }

  /** The first due times after a moment (default now), in milliseconds since 1970 and without jitter. */
  async scheduleTimes(spec, options) {
    const { after, count } = known(options, ['after', 'count'], 'The options of scheduleTimes');
    const members = { spec: schedules.spec(spec), count };
    if (after !== undefined) members.after = moment(after, 'after');
    return (await this.#ask('scheduleTimes', members)).times;
  }
}

function id(instance) {
  return json.text(instance, 'The instance id');
}

function named(schedule) {
  return json.text(schedule, 'The name of the schedule');
}

/** A list of ids, one id, or a filter. */
function selected(instances) {
  if (typeof instances === 'string') return { instances: [instances] };
  if (Array.isArray(instances)) return { instances: instances.map(id) };
  return { filter: listQuery(instances) };
}

module.exports = { Management };
