'use strict';
// The part of `Client` for operators: counts, lists, histories, deletion and pruning.

const json = require('../lib/json.js');
const { NotFound } = require('../lib/errors.js');
const { CARRIED_STATUS } = require('./context.js');
const history = require('./history.js');
const { BY_STATUS, ENDED, errorOf, nameOf } = require('./statuses.js');
const { plain } = require('./tasks.js');

/** Of instances that a bulk call looks at. */
const BULK_LIMIT = 1000;
/** Of ids in a tree, and of executions or instances in a page. */
const TREE_LIMIT = 10_000;
const PAGE = 1000;

class Administration {
  #client;

  constructor(client) {
    this.#client = client;
  }

  // ---- Counts ---------------------------------------------------------------------------------------

  /** Goes through all instances. */
  async getSystemMetrics() {
    const counts = { Running: 0, Completed: 0, Failed: 0 };
    let totalInstances = 0;
    let totalExecutions = 0;
    let totalEvents = 0;
    for await (const each of this.#client.list({ pageSize: PAGE })) {
      const parts = each.execution === 1 ? [each] : await this.#executions(each.instance);
      totalInstances += 1;
      counts[nameOf(each)] += 1;
      totalExecutions += parts.length;
      totalEvents += sumOf(parts);
    }
    return {
      totalInstances,
      totalExecutions,
      runningInstances: counts.Running,
      completedInstances: counts.Completed,
      failedInstances: counts.Failed,
      totalEvents,
    };
  }

  /** null for an unknown id. */
  async getOrchestrationStats(instanceId) {
    return unlessUnknown(null, async () => {
      const { sizes } = await this.#client.management().inspect(instanceId);
      const events = await this.#client.history(instanceId);
      const kv = await this.#client.kv(instanceId);
      kv.delete(CARRIED_STATUS);
      return {
        historyEventCount: sizes.historyEvents,
        historySizeBytes: sizes.historyBytes,
        queuePendingCount: sizes.inboxMessages + history.pendingMessages(events),
        kvUserKeyCount: kv.size,
        kvTotalValueBytes: [...kv.values()].reduce((sum, value) => sum + Buffer.byteLength(plain(value)), 0),
      };
    });
  }

  /** Timers are no messages, and not counted. */
  async getQueueDepths() {
    const { instances, activities, inboxMessages } = await this.#client.management().queues();
    const workerQueue = activities.reduce((sum, each) => sum + each.waiting + each.backoff, 0);
    return { orchestratorQueue: instances.ready + inboxMessages, workerQueue, timerQueue: 0 };
  }

  // ---- Instances and executions ---------------------------------------------------------------------

  /** The newest first. */
  async listAllInstances() {
    return this.#ids({});
  }

  /** Running, Completed or Failed; of another status there are none. */
  async listInstancesByStatus(status) {
    return Object.hasOwn(BY_STATUS, status) ? this.#ids({ status: BY_STATUS[status] }) : [];
  }

  async #ids(filter) {
    const ids = [];
    for await (const each of this.#client.list({ ...filter, order: 'newest', pageSize: PAGE })) {
      ids.push(each.instance);
    }
    return ids;
  }

  /** Rejects for an unknown id. */
  async getInstanceInfo(instanceId) {
    const it = await this.#describe(instanceId);
    return {
      instanceId: it.instance,
      orchestrationName: it.orchestration,
      orchestrationVersion: it.version ?? '',
      currentExecutionId: it.execution,
      status: nameOf(it),
      output: outputOf(it),
      createdAt: it.createdAt,
      updatedAt: it.updatedAt,
      parentInstanceId: it.parent?.instance,
    };
  }

  /** Rejects for an unknown instance or execution. */
  async getExecutionInfo(instanceId, executionId) {
    const it = await this.#describe(instanceId);
    const after = Math.max(executionId - 1, 0);
    const [found] = await this.#client.management().executions(instanceId, { after, limit: 1 });
    if (found?.execution !== executionId) {
      throw new Error(`Execution ${executionId} of instance ${instanceId} not found`);
    }
    const isCurrent = executionId === it.execution;
    const last = isCurrent ? undefined : (await this.#client.history(instanceId, { execution: executionId })).at(-1);
    return {
      executionId,
      status: isCurrent ? nameOf(it) : 'ContinuedAsNew',
      output: isCurrent ? outputOf(it) : last?.input ?? null,
      startedAt: found.startedAt ?? it.createdAt,
      completedAt: found.endedAt ?? undefined,
      eventCount: found.eventCount,
    };
  }

  async listExecutions(instanceId) {
    return (await this.#executions(instanceId)).map((each) => each.execution);
  }

  async readExecutionHistory(instanceId, executionId) {
    return unlessUnknown([], async () => {
      return history.translated(await this.#client.history(instanceId, { execution: executionId }));
    });
  }

  /** The instance and all that it called, at any depth. Rejects for an unknown id. */
  async getInstanceTree(instanceId) {
    await this.#describe(instanceId);
    const allIds = await this.#family(instanceId);
    return { rootId: instanceId, allIds, size: allIds.length };
  }

  // ---- Deleting -------------------------------------------------------------------------------------

  /** Removes an instance with all that it called. */
  async deleteInstance(instanceId, force = false) {
    const it = await this.#describe(instanceId);
    if (it.parent !== null) {
      throw new Error(`Instance ${instanceId} is a sub-orchestration and cannot be deleted alone: delete its root.`);
    }
    if (!force && !it.isEnded) {
      throw new Error(`Instance ${instanceId} is still running. Use force=true or cancel first.`);
    }
    return this.#delete(instanceId, force);
  }

  /** Removes finished instances that nobody called; those that run are left. */
  async deleteInstanceBulk(filter = {}) {
    let deleted = { instancesDeleted: 0, executionsDeleted: 0, eventsDeleted: 0, queueMessagesDeleted: 0 };
    for (const each of await this.#filtered(filter, ENDED)) {
      // Somebody else may be faster.
      deleted = added(deleted, await unlessUnknown({}, () => this.#delete(each.instance, false)));
    }
    return deleted;
  }

  async #delete(instanceId, force) {
    const counts = { instancesDeleted: 0, executionsDeleted: 0, eventsDeleted: 0, queueMessagesDeleted: 0 };
    for (const each of await this.#family(instanceId)) {
      const parts = await this.#executions(each);
      counts.executionsDeleted += parts.length;
      counts.eventsDeleted += sumOf(parts);
      counts.queueMessagesDeleted += (await this.#client.management().inspect(each)).sizes.inboxMessages;
    }
    counts.instancesDeleted = (await this.#client.delete(instanceId, { force })).length;
    return counts;
  }

  // ---- Pruning --------------------------------------------------------------------------------------

  /** Removes the histories of older executions. The newest always stays. */
  async pruneExecutions(instanceId, options = {}) {
    return this.#prune(await this.#describe(instanceId), options);
  }

  /** The same for many instances, also those that run. */
  async pruneExecutionsBulk(filter = {}, options = {}) {
    let pruned = { instancesProcessed: 0, executionsDeleted: 0, eventsDeleted: 0 };
    for (const each of await this.#filtered(filter)) pruned = added(pruned, await this.#prune(each, options));
    return pruned;
  }

  async #prune(it, { keepLast, completedBefore }) {
    const before = await this.#executions(it.instance);
    let older = before.slice(0, -1);
    if (isGiven(keepLast)) older = older.slice(0, Math.max(0, before.length - Math.max(keepLast, 1)));
    if (isGiven(completedBefore)) {
      older = older.filter(({ endedAt }) => isGiven(endedAt) && endedAt < completedBefore);
    }
    if (older.length > 0) await this.#keepLast(it, before.length - older.length);
    return { instancesProcessed: 1, executionsDeleted: older.length, eventsDeleted: sumOf(older) };
  }

  /**
   * Prunes one instance. The operation takes a filter: one at a time of those that it cannot tell from each
   * other, until it is ours.
   */
  async #keepLast(it, keepLast) {
    const management = this.#client.management();
    const only = {
      prefix: it.instance, orchestration: it.orchestration, createdFrom: it.createdAt, createdTo: it.createdAt + 1,
    };
    let cursor;
    do {
      const at = { executions: true, keepLast, limit: 1, cursor };
      const found = await management.prune(only, { ...at, dryRun: true });
      if (found.instances[0]?.instance === it.instance) {
        await management.prune(only, at);
        return;
      }
      cursor = found.next;
    } while (isGiven(cursor));
  }

  // ---- What these are made of -----------------------------------------------------------------------

  async #describe(instanceId) {
    const found = await unlessUnknown(undefined, () => this.#client.describe(instanceId));
    if (found === undefined) throw new Error(`Instance ${instanceId} not found`);
    return found;
  }

  async #executions(instanceId) {
    const found = [];
    for (;;) {
      const after = found.at(-1)?.execution ?? 0;
      const page = await unlessUnknown([], () => this.#client.management().executions(instanceId, { after }));
      found.push(...page);
      if (page.length < PAGE) return found;
    }
  }

  /** The id and those of all descendants, generation by generation. */
  async #family(instanceId) {
    const { tree } = await this.#client.management().tree(instanceId, { limit: TREE_LIMIT });
    const ids = [];
    for (let generation = [tree]; generation.length > 0;) {
      ids.push(...generation.map((each) => each.instance));
      generation = generation.flatMap((each) => each.children);
    }
    return ids;
  }

  /** Roots that the filter finds, as many as it wants. */
  async #filtered({ instanceIds, completedBefore, limit }, status) {
    const found = [];
    const most = limit ?? BULK_LIMIT;
    for await (const each of this.#candidates(instanceIds, completedBefore, status)) {
      if (found.length >= most) break;
      const hasStatus = status === undefined || status.includes(each.status);
      const isInTime = !isGiven(completedBefore) || (each.endedAt !== null && each.endedAt < completedBefore);
      if (each.parent === null && hasStatus && isInTime) found.push(each);
    }
    return found;
  }

  async *#candidates(instanceIds, completedBefore, status) {
    if (!isGiven(instanceIds)) {
      const filter = { status, endedTo: completedBefore, rootsOnly: true, pageSize: PAGE };
      yield* this.#client.list(filter);
      return;
    }
    for (const each of instanceIds) {
      const found = await unlessUnknown(undefined, () => this.#client.describe(json.text(each, 'An instance id')));
      if (found !== undefined) yield found;
    }
  }
}

/** What the work comes to, or `missing` if there is no such instance. */
async function unlessUnknown(missing, work) {
  try {
    return await work();
  } catch (error) {
    if (error instanceof NotFound) return missing;
    throw error;
  }
}

function outputOf(it) {
  const status = nameOf(it);
  if (status === 'Failed') return errorOf(it);
  return status === 'Completed' ? it.output : undefined;
}

function sumOf(parts) {
  return parts.reduce((sum, each) => sum + each.eventCount, 0);
}

function added(one, other) {
  return Object.fromEntries(Object.entries(one).map(([key, value]) => [key, value + (other[key] ?? 0)]));
}

function isGiven(value) {
  return value !== undefined && value !== null;
}

module.exports = { Administration };
