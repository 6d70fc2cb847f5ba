'use strict';
// Counts, lists, histories, deletion and pruning.

const assert = require('node:assert/strict');
const { both } = require('./world.js');

const echo = async (_ctx, value) => value;
const ORCHESTRATIONS = {
  *Echo(_ctx, value) {
    return value;
  },
  *Wait(ctx) {
    ctx.setCustomStatus('waiting');
    return yield ctx.waitForEvent('go');
  },
  *Fail() {
    throw new Error('it broke');
  },
  *Rounds(ctx, left) {
    yield ctx.scheduleActivity('Echo', left);
    if (left > 0) yield ctx.continueAsNew(left - 1);
    return 'last';
  },
  *Family(ctx, depth) {
    if (depth > 0) yield ctx.all([1, 2].map(() => ctx.scheduleSubOrchestration('Family', depth - 1)));
  },
};

function all(name, run) {
  both(name, async (make) => run(await make(ORCHESTRATIONS, { Echo: echo })));
}

async function waiting(made) {
  const instance = await made.start('Wait');
  await made.status(instance, 'waiting');
  return instance;
}

all('lists and infos', async (made) => {
  const [done, failed] = [await made.start('Echo', 'text'), await made.start('Fail')];
  await made.wait(done);
  await made.wait(failed);
  const running = await waiting(made);
  assert.deepEqual(await made.client.listAllInstances(), [running, failed, done]);
  assert.deepEqual(await made.client.listInstancesByStatus('Completed'), [done]);
  assert.deepEqual(await made.client.listInstancesByStatus('Failed'), [failed]);
  assert.deepEqual(await made.client.listInstancesByStatus('Running'), [running]);
  assert.deepEqual(await made.client.listInstancesByStatus('Terminated'), []);
  const { createdAt, updatedAt, ...info } = await made.client.getInstanceInfo(done);
  assert.ok(createdAt > 0 && updatedAt >= createdAt);
  assert.deepEqual(info, {
    instanceId: done, orchestrationName: 'Echo', orchestrationVersion: '1.0.0', currentExecutionId: 1,
    status: 'Completed', output: 'text', parentInstanceId: undefined,
  });
  assert.match((await made.client.getInstanceInfo(failed)).output, /it broke/);
  await assert.rejects(made.client.getInstanceInfo('nobody'), { message: 'Instance nobody not found' });
});

all('executions and trees', async (made) => {
  const instance = await made.start('Rounds', 2);
  assert.equal((await made.wait(instance)).output, 'last');
  await made.restart();
  assert.deepEqual(await made.client.listExecutions(instance), [1, 2, 3]);
  assert.deepEqual(await made.client.listExecutions('nobody'), []);
  const infos = [await made.client.getExecutionInfo(instance, 1), await made.client.getExecutionInfo(instance, 3)];
  assert.deepEqual(infos.map((each) => [each.executionId, each.status, each.output]), [
    [1, 'ContinuedAsNew', 1], [3, 'Completed', 'last'],
  ]);
  for (const each of infos) {
    assert.ok(each.eventCount > 0 && each.startedAt > 0 && each.completedAt >= each.startedAt);
  }
  for (const unknown of [0, 4]) {
    await assert.rejects(made.client.getExecutionInfo(instance, unknown), /not found/);
  }
  const root = await made.start('Family', 2);
  await made.wait(root);
  const tree = await made.client.getInstanceTree(root);
  assert.deepEqual([tree.rootId, tree.size, new Set(tree.allIds).size, tree.allIds[0]], [root, 7, 7, root]);
  await assert.rejects(made.client.getInstanceTree('nobody'), /not found/);
});

all('counts', async (made) => {
  for (const [name, input] of [['Echo', 1], ['Fail', 1], ['Rounds', 2]]) await made.wait(await made.start(name, input));
  const running = await waiting(made);
  const { totalEvents, ...metrics } = await made.client.getSystemMetrics();
  assert.deepEqual(metrics, {
    totalInstances: 4, totalExecutions: 6, runningInstances: 1, completedInstances: 2, failedInstances: 1,
  });
  let events = 0;
  for (const instance of await made.client.listAllInstances()) {
    for (const number of await made.client.listExecutions(instance)) {
      events += (await made.client.readExecutionHistory(instance, number)).length;
    }
  }
  assert.equal(totalEvents, events);
  for (const item of [1, 2, 3]) await made.client.enqueueEvent(running, 'q', item);
  await made.until(async () => (await made.client.getOrchestrationStats(running)).queuePendingCount === 3);
  assert.equal(await made.client.getOrchestrationStats('nobody'), null);
  assert.equal((await made.client.getQueueDepths()).timerQueue, 0);
});

both('counts of an instance', async (make) => {
  const made = await make({
    *Order(ctx) {
      yield ctx.scheduleActivity('Echo', 1);
      ctx.setValue('one', 'ü');
      ctx.setValue('two', 'hello-world');
      yield ctx.waitForEvent('go');
      yield ctx.scheduleActivity('Nobody has it');
    },
  }, { Echo: echo });
  const instance = await made.start('Order');
  await made.client.waitForValue(instance, 'two');
  const { historyEventCount, historySizeBytes, ...rest } = await made.client.getOrchestrationStats(instance);
  assert.ok(historyEventCount >= 4 && historySizeBytes > 0);
  assert.deepEqual(rest, { queuePendingCount: 0, kvUserKeyCount: 2, kvTotalValueBytes: 13 });
  assert.equal((await made.client.getQueueDepths()).workerQueue, 0);
  await made.client.raiseEvent(instance, 'go');
  await made.until(async () => (await made.client.getQueueDepths()).workerQueue === 1);
});

all('deleting', async (made) => {
  const root = await made.start('Family', 1);
  await made.wait(root);
  const [, child] = (await made.client.getInstanceTree(root)).allIds;
  await assert.rejects(made.client.deleteInstance(child), /delete its root/);
  const { eventsDeleted, ...deleted } = await made.client.deleteInstance(root);
  assert.deepEqual(deleted, { instancesDeleted: 3, executionsDeleted: 3, queueMessagesDeleted: 0 });
  assert.ok(eventsDeleted >= 10);
  assert.equal((await made.client.getStatus(child)).status, 'NotFound');
  const running = await waiting(made);
  const message = `Instance ${running} is still running. Use force=true or cancel first.`;
  await assert.rejects(made.client.deleteInstance(running), { message });
  assert.equal((await made.client.deleteInstance(running, true)).instancesDeleted, 1);
  await assert.rejects(made.client.deleteInstance(running), { message: `Instance ${running} not found` });
});

all('deleting many leaves what runs', async (made) => {
  const done = [];
  for (let n = 0; n < 3; n += 1) done.push(await made.start('Rounds', 1));
  for (const each of done) await made.wait(each);
  const running = await waiting(made);
  assert.equal((await made.client.deleteInstanceBulk({ instanceIds: [running, 'nobody'] })).instancesDeleted, 0);
  assert.equal((await made.client.deleteInstanceBulk({ completedBefore: 1 })).instancesDeleted, 0);
  const one = await made.client.deleteInstanceBulk({ instanceIds: done, limit: 1 });
  assert.deepEqual([one.instancesDeleted, one.executionsDeleted], [1, 2]);
  assert.equal((await made.client.deleteInstanceBulk()).instancesDeleted, 2);
  assert.deepEqual(await made.client.listAllInstances(), [running]);
});

all('pruning', async (made) => {
  const [one, other] = [await made.start('Rounds', 3), await made.start('Rounds', 3)];
  await made.client.startOrchestration(`${one}-and-longer`, 'Rounds', 3);
  for (const each of [one, other, `${one}-and-longer`]) await made.wait(each);
  const pruned = await made.client.pruneExecutions(one, { keepLast: 2 });
  assert.deepEqual([pruned.instancesProcessed, pruned.executionsDeleted], [1, 2]);
  assert.deepEqual(await made.client.listExecutions(one), [3, 4]);
  assert.equal((await made.client.pruneExecutions(one, { keepLast: 0 })).executionsDeleted, 1);
  assert.deepEqual(await made.client.listExecutions(one), [4]);
  assert.deepEqual(await made.client.listExecutions(`${one}-and-longer`), [1, 2, 3, 4]);
  assert.equal((await made.client.pruneExecutions(other, { keepLast: 1, completedBefore: 1 })).executionsDeleted, 0);
  const rest = await made.client.pruneExecutionsBulk({ instanceIds: [one, other] }, { keepLast: 1 });
  assert.deepEqual([rest.instancesProcessed, rest.executionsDeleted], [2, 3]);
  await assert.rejects(made.client.pruneExecutions('nobody'), /not found/);
});

both('the events of a history', async (make) => {
  const made = await make({
    ...ORCHESTRATIONS,
    *Order(ctx) {
      yield ctx.scheduleActivity('Echo', { n: 1 });
      try {
        yield ctx.scheduleActivity('Fail');
      } catch {
        yield ctx.scheduleTimer(1);
      }
      const [event, message] = [yield ctx.waitForEvent('e'), yield ctx.dequeueEvent('q')];
      yield ctx.scheduleSubOrchestration('Echo', 'kid');
      yield ctx.all([ctx.scheduleSubOrchestration('Fail')]);
      yield ctx.startOrchestration('Echo', 'loose');
      ctx.setCustomStatus('s');
      ctx.setValue('k', 'v');
      ctx.clearValue('k');
      ctx.clearAllValues();
      yield ctx.getValueFromInstance('loose', 'k');
      yield ctx.race(ctx.waitForEvent('x'), ctx.scheduleTimer(1));
      yield ctx.race(ctx.dequeueEvent('x'), ctx.scheduleTimer(1));
      return [event, message];
    },
  }, {
    Echo: echo,
    async Fail() {
      throw new TypeError('it broke');
    },
  });
  const instance = await made.start('Order', 1);
  await made.client.raiseEvent(instance, 'e', [1]);
  await made.client.enqueueEvent(instance, 'q', 'm');
  assert.equal((await made.wait(instance)).status, 'Completed');
  await made.restart();
  const events = await made.client.readExecutionHistory(instance, 1);
  assert.deepEqual(events.map((each) => each.eventId), events.map((_, n) => n + 1));
  const data = {};
  for (const each of events) {
    assert.ok(each.timestampMs > 0);
    (data[each.kind] ??= []).push(each.data === undefined ? undefined : JSON.parse(each.data));
  }
  assert.deepEqual(data.OrchestrationStarted, [{ name: 'Order', version: '1.0.0', input: 1 }]);
  assert.deepEqual(data.OrchestrationCompleted, [[[1], 'm']]);
  const read = { name: '__duroxide_syscall:get_kv_value', input: { instance: 'loose', key: 'k' } };
  assert.deepEqual(data.ActivityScheduled, [{ name: 'Echo', input: { n: 1 } }, { name: 'Fail', input: null }, read]);
  assert.deepEqual(data.ActivityCompleted, [{ n: 1 }, null]);
  const failed = { kind: 'ActivityFailed', message: 'TypeError: it broke', retryable: false };
  assert.deepEqual(data.ActivityFailed, [{ Application: failed }]);
  assert.deepEqual(data.TimerCreated[0], data.TimerFired[0]);
  assert.deepEqual(data.ExternalSubscribed, [{ name: 'e' }, { name: 'x' }]);
  assert.deepEqual(data.ExternalEvent, [{ name: 'e', data: [1] }]);
  assert.deepEqual(data.QueueEventDelivered, [{ name: 'q', data: 'm' }]);
  assert.deepEqual(data.SubOrchestrationCompleted, ['kid']);
  assert.match(data.SubOrchestrationFailed[0].Application.message, /it broke/);
  for (const kind of [
    'OrchestrationChained', 'CustomStatusUpdated', 'KeyValueSet', 'KeyValueCleared', 'KeyValuesCleared',
    'ExternalSubscribedCancelled', 'QueueSubscriptionCancelled',
  ]) assert.deepEqual(data[kind], [undefined], kind);
  const [completed] = events.filter((each) => each.kind === 'ActivityCompleted');
  assert.equal(events[completed.sourceEventId - 1].kind, 'ActivityScheduled');
});

all('how ends stand in a history', async (made) => {
  const [failed, continued, cancelled] = [await made.start('Fail'), await made.start('Rounds', 1), await waiting(made)];
  await made.client.cancelInstance(cancelled, 'why');
  for (const each of [failed, cancelled, continued]) await made.wait(each);
  const last = async (id) => (await made.client.readExecutionHistory(id, 1)).at(-1);
  assert.equal((await last(failed)).kind, 'OrchestrationFailed');
  const end = await last(cancelled);
  assert.equal(end.kind, 'OrchestrationFailed');
  assert.deepEqual(JSON.parse(end.data).Application.kind, { Cancelled: { reason: 'why' } });
  assert.ok((await made.kinds(cancelled)).includes('OrchestrationCancelRequested'));
  assert.equal((await made.kinds(continued)).at(-1), 'OrchestrationContinuedAsNew');
  assert.equal((await made.kinds(continued, 2)).at(-1), 'OrchestrationCompleted');
  assert.deepEqual(await made.kinds('nobody'), []);
  assert.deepEqual(await made.kinds(continued, 9), []);
});
