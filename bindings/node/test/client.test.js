'use strict';

const assert = require('node:assert/strict');
const path = require('node:path');
const test = require('node:test');
const { perdure, LONG, folder, started } = require('./support.js');

const { activity, orchestration } = perdure;
const timeout = LONG;

const double = activity('double', (ctx, number) => number * 2);
const twice = orchestration('twice', async (ctx, number) => ctx.activity(double, number));
const listener = orchestration('listener', async (ctx) => {
  ctx.onQuery('waits', () => 'for go');
  let total = 0;
  ctx.onCall('add', (number) => (total += number), {
    validator: (number) => {
      if (typeof number !== 'number') throw new Error('not a number');
    },
  });
  ctx.onCall('break', () => {
    throw new TypeError('broken');
  });
  ctx.subscribe('news');
  ctx.kv.set('b', 2);
  ctx.kv.set('a', { deep: [1] });
  ctx.setCustomStatus('listening');
  const event = await ctx.waitForEvent('go');
  const message = await ctx.dequeue('q');
  const news = await ctx.waitForTopic('news');
  return { event, message, news, total };
});
const failing = orchestration('failing', async () => {
  throw Object.assign(new RangeError('too far'), { details: { far: 7 } });
});

test('start and result, with a random id, a given one, and one that is taken', async (t) => {
  const { client } = await started(t, [double, twice]);
  const id = await client.start(twice, 21);
  assert.match(id, /^[0-9a-f-]{36}$/);
  assert.equal(await client.result(id, { timeout }), 42);
  assert.equal(await client.start('twice', 1, { instance: 'mine' }), 'mine');
  await assert.rejects(client.start(twice, 1, { instance: 'mine' }), perdure.AlreadyExists);
  assert.equal(await client.start(twice, 1, { instance: 'mine', policy: 'useExisting' }), 'mine');
  const described = await client.wait('mine', { timeout });
  assert.ok(described instanceof perdure.Description && described.isEnded);
  assert.equal(described.output, 2);
  assert.equal(described.failure, null);
});

test('starts take their options', async (t) => {
  const { client } = await started(t, [double, twice]);
  const attributes = { customer: 'Ada' };
  const at = new Date(Date.now() + 60_000);
  await client.start(twice, 1, { instance: 'later', startAt: at, priority: 5, attributes, memo: [1], dedupKey: 'k' });
  assert.equal(await client.start(twice, 2, { dedupKey: 'k' }), 'later');
  const description = await client.describe('later');
  assert.equal(description.startAt, at.getTime());
  assert.deepEqual([description.priority, description.attributes, description.memo], [5, attributes, [1]]);
  assert.equal(await client.status('later'), 'Pending');
});

test('many starts together, each with its own answer', async (t) => {
  const { client } = await started(t, [double, twice]);
  const answers = await client.startMany([
    { orchestration: twice, input: 1, instance: 'a' },
    { orchestration: 'twice', input: 2, instance: 'a' },
    { orchestration: twice, input: 3, instance: 'c' },
  ]);
  assert.equal(answers[0], 'a');
  assert.ok(answers[1] instanceof perdure.AlreadyExists);
  assert.equal(await client.result(answers[2], { timeout }), 6);
});

test('messages, calls, queries, status and state', async (t) => {
  const { client } = await started(t, [listener]);
  const id = await client.start(listener, null, { instance: 'l' });
  const status = await client.waitForStatus(id, { timeout });
  assert.equal(status.customStatus, 'listening');
  assert.deepEqual([...(await client.kv(id))], [['a', { deep: [1] }], ['b', 2]]);
  assert.equal(await client.getKV(id, 'b'), 2);
  assert.equal(await client.getKV(id, 'none', 'missing'), 'missing');
  assert.equal(await client.query(id, 'waits', null, { timeout }), 'for go');
  await assert.rejects(client.query(id, 'nothing', null, { timeout }), (error) =>
    error instanceof perdure.QueryFailed && error.type === 'perdure.NotRegistered');
  assert.equal(await client.call(id, 'add', 3, { timeout }), 3);
  assert.equal(await client.call(id, 'add', 4, { timeout, callId: 'once' }), 7);
  assert.equal(await client.call(id, 'add', 4, { timeout, callId: 'once' }), 7);
  await assert.rejects(client.call(id, 'add', 'x', { timeout }), perdure.CallRejected);
  await assert.rejects(client.call(id, 'break', null, { timeout }), (error) =>
    error instanceof perdure.CallFailed && error.type === 'TypeError' && error.failure.message === 'broken');
  assert.equal(await client.raiseEvent(id, 'go', { x: 1 }), false);
  assert.equal(await client.enqueue(id, 'q', [2]), false);
  assert.equal(await client.publish('news', 'extra'), 1);
  assert.deepEqual(await client.result(id, { timeout }), { event: { x: 1 }, message: [2], news: 'extra', total: 7 });
  await assert.rejects(client.raiseEvent(id, 'go'), perdure.WrongStatus);
  await assert.rejects(client.raiseEvent('nobody', 'go'), perdure.NotFound);
  assert.equal(await client.raiseEvent('nobody', 'go', 1, { keep: true }), true);
  assert.equal(await client.query(id, 'waits', null, { timeout }), 'for go');
});

test('a call that nobody answers times out, and says how to ask again', async (t) => {
  const deaf = orchestration('deaf', async (ctx) => {
    ctx.setCustomStatus('here');
    await ctx.waitForEvent('never');
  });
  const { client } = await started(t, [deaf]);
  const id = await client.start(deaf);
  await client.waitForStatus(id, { timeout });
  await assert.rejects(client.call(id, 'add', 1, { timeout: 20 }), (error) =>
    error instanceof perdure.TimedOut && typeof error.details.call === 'string');
  await assert.rejects(client.wait(id, { timeout: 1 }), perdure.TimedOut);
  await assert.rejects(client.query(id, 'x', null, { timeout }), perdure.QueryFailed);
});

test('failures and cancellations of instances are thrown by result', async (t) => {
  const waits = orchestration('waits', async (ctx) => ctx.waitForEvent('never'));
  const { client } = await started(t, [failing, waits]);
  const id = await client.start(failing);
  await assert.rejects(client.result(id, { timeout }), (error) => {
    assert.ok(error instanceof perdure.OrchestrationFailed);
    assert.equal(error.type, 'RangeError');
    assert.equal(error.failure.message, 'too far');
    assert.deepEqual(error.failure.details, { far: 7 });
    assert.match(error.message, /^Instance '.*' failed: RangeError: too far$/);
    return true;
  });
  const other = await client.start(waits);
  await client.cancel(other, 'enough', { grace: '10s' });
  await assert.rejects(client.result(other, { timeout }), (error) =>
    error instanceof perdure.OrchestrationCancelled && error.status === 'Cancelled');
});

test('suspend, resume, terminate, delete', async (t) => {
  const waits = orchestration('waits', async (ctx) => ctx.waitForEvent('go'));
  const { client } = await started(t, [waits]);
  const id = await client.start(waits);
  assert.equal(await client.suspend(id, 'look'), 'Suspended');
  assert.equal((await client.describe(id)).suspendReason, 'look');
  await client.resume(id);
  assert.equal(await client.terminate(id, 'over'), 'Terminated');
  await assert.rejects(client.retry(id), perdure.WrongStatus);
  assert.deepEqual(await client.delete(id), [id]);
  await assert.rejects(client.describe(id), perdure.NotFound);
});

test('histories: whole, and followed over continueAsNew', async (t) => {
  const counting = orchestration('counting', async (ctx, left) => {
    await ctx.activity(double, left);
    if (left > 0) ctx.continueAsNew(left - 1);
    return 'done';
  });
  const { client } = await started(t, [double, counting]);
  const id = await client.start(counting, 2);
  const kinds = [];
  for await (const event of client.follow(id, { timeout })) kinds.push(`${event.execution} ${event.kind}`);
  assert.equal(kinds.filter((kind) => kind.endsWith('ContinuedAsNew')).length, 2);
  assert.equal(kinds.at(-1), '3 OrchestrationCompleted');
  const events = await client.history(id);
  assert.equal(events[0].kind, 'OrchestrationStarted');
  assert.equal((await client.history(id, { execution: 1 })).at(-1).kind, 'OrchestrationContinuedAsNew');
});

test('lists go page by page, and take filters', async (t) => {
  const { client } = await started(t, [double, twice]);
  const requests = Array.from({ length: 25 }, (_, number) => ({ orchestration: twice, input: number,
    instance: `n-${number}` }));
  await client.startMany(requests);
  await Promise.all(requests.map(({ instance }) => client.wait(instance, { timeout })));
  const found = [];
  for await (const each of client.list({ prefix: 'n-', status: ['Completed'], pageSize: 10,
    order: 'newest' })) found.push(each.instance);
  assert.equal(found.length, 25);
  assert.equal(new Set(found).size, 25);
  const none = [];
  for await (const each of client.list({ orchestration: twice,
    createdFrom: new Date(Date.now() + 60_000) })) none.push(each);
  assert.deepEqual(none, []);
});

test('management: looking, changing, exporting, schedules, retention', async (t) => {
  const waits = orchestration('waits', async (ctx) => ctx.waitForEvent('go'));
  const { client } = await started(t, [double, twice, waits]);
  const boss = client.management('the boss');
  await client.start(waits, null, { instance: 'w' });
  assert.equal((await boss.nodes()).length, 1);
  assert.equal((await boss.inspect('w')).description.instance, 'w');
  assert.equal(typeof (await boss.why('w')).summary, 'string');
  assert.equal((await boss.tree('w', { depth: 3 })).tree.instance, 'w');
  assert.equal((await boss.statistics()).total, 1);
  assert.equal((await boss.instanceStatistics('w')).instance, 'w');
  assert.equal(typeof (await boss.queues()).inboxMessages, 'number');
  assert.deepEqual(await boss.ancestors('w'), []);
  assert.equal((await boss.executions('w')).length, 1);
  const text = await boss.exportInstance('w');
  assert.equal(await boss.terminate('w', 'not needed'), 'Terminated');
  const records = [];
  for await (const record of boss.audit({ target: 'w' })) records.push(record);
  assert.deepEqual([records[0].actor, records[0].operation, records[0].reason], ['the boss', 'terminate',
    'not needed']);
  const report = await boss.delete({ prefix: 'w' }, { dryRun: true });
  assert.equal(report.done, 1);
  assert.equal((await boss.bulk('delete', ['w'])).done, 1);
  assert.deepEqual(await boss.importInstances(text), ['w']);
  await boss.setRetention(twice, '30d', { statuses: ['Completed'] });
  assert.deepEqual(await boss.retention(), [{ orchestration: 'twice', keepMS: 30 * 86_400_000,
    statuses: ['Completed'] }]);
  await boss.removeRetention(twice);
  assert.deepEqual((await boss.sweep({ dryRun: true })).deleted, []);
  const spec = { cron: '0 6 * * *', timeZone: 'Europe/Berlin', interval: { every: '1h' } };
  await boss.createSchedule('nightly', spec, { orchestration: twice, input: 4 }, { overlap: 'bufferOne',
    catchUp: '1h' });
  const run = await boss.triggerSchedule('nightly');
  // The schedule starts its runs itself, a moment later.
  const done = () => client.result(run, { timeout }).catch((error) =>
    (error instanceof perdure.NotFound ? done() : Promise.reject(error)));
  assert.equal(await done(), 8);
  assert.equal((await boss.schedule('nightly')).overlap, 'bufferOne');
  assert.equal((await boss.schedules()).schedules.length, 1);
  assert.equal((await boss.scheduleTimes(spec, { count: 3, after: new Date(0) })).length, 3);
  await boss.pauseSchedule('nightly', { note: 'holiday' });
  await boss.deleteSchedule('nightly');
  await assert.rejects(boss.bulk('explode', ['w']), perdure.InvalidArgument);
  await assert.rejects(boss.prune({ nothing: 1 }), /do not know 'nothing'/);
});

test('management: an activity ended by hand, and a failed instance that goes on', async (t) => {
  let broken = true;
  const shaky = activity('shaky', () => {
    if (broken) throw new Error('broken');
    return 'mended';
  });
  const stuck = activity('stuck', (ctx) => ctx.defer());
  const work = orchestration('work', async (ctx) => [await ctx.activity(stuck), await ctx.activity(shaky)]);
  const { client } = await started(t, [shaky, stuck, work]);
  const boss = client.management();
  const id = await client.start(work);
  for (let open = []; open[0]?.state !== 'deferred';) open = (await boss.inspect(id)).activities;
  await boss.completeActivity(id, 1, 'by hand');
  assert.equal((await client.wait(id, { timeout })).status, 'Failed');
  broken = false;
  assert.equal((await boss.rewind(id))[0].instance, id);
  assert.deepEqual(await client.result(id, { timeout }), ['by hand', 'mended']);
});

const refused = [
  ['an orchestration that is no name', (client) => client.start(7), /must be a name or what activity/],
  ['an undefined orchestration', (client) => client.start(), /must be a name/],
  ['an input with a promise', (client) => client.start('x', { a: Promise.resolve() }), /at a is a Promise/],
  ['an unknown option', (client) => client.start('x', 1, { instanceId: 'y' }), /do not know 'instanceId'/],
  ['options that are no object', (client) => client.start('x', 1, 'y'), /must be an object/],
  ['an id with NUL', (client) => client.start('x', 1, { instance: 'a\0b' }), /NUL character at position 1/],
  ['an id with half a pair', (client) => client.describe('\ud800'), /half a surrogate pair/],
  ['an id that is a number', (client) => client.result(7), /instance id must be a string, not number 7/],
  ['no id', (client) => client.wait(), /must be a string, not undefined/],
  ['an empty id', (client) => client.start('x', 1, { instance: '' }), /./],
  ['both times', (client) => client.start('x', 1, { delay: 1, startAt: 5 }), /startAt or delay, not both/],
  ['a policy of another world', (client) => client.start('x', 1, { policy: 'use_existing' }), /policy is one of/],
  ['a priority out of range', (client) => client.start('x', 1, { priority: 1001 }),
    /priority must be a whole number/],
  ['attributes that are no texts', (client) => client.start('x', 1, { attributes: { a: 1 } }),
    /attribute 'a' must be a string/],
  ['a timeout of text', (client) => client.wait('x', { timeout: 'soon' }), /timeout must be milliseconds/],
  ['a traceparent that is none', (client) => client.start('x', 1, { traceparent: 'nonsense' }), /traceparent/],
  ['a version that is none', (client) => client.start('x', 1, { version: 'one' }), /version/],
  ['requests that are no list', (client) => client.startMany('x'), /takes a list/],
  ['a failure that is text', (client) => client.failActivity('t', 'bad'), /is a Failure or an Error/],
  ['a token of nobody', (client) => client.completeActivity('nonsense', 1), /token/],
  ['an unknown filter', (client) => client.list({ instanceprefix: 'x' }).next(), /do not know 'instanceprefix'/],
  ['a status that there is not', (client) => client.list({ status: 'Done' }).next(), /status/],
  ['an unknown history member', (client) => client.history('x', { from: 1 }), /do not know 'from'/],
];
test('bad input is refused with InvalidArgument and a sentence', async (t) => {
  const store = await perdure.Store.open('memory:');
  const client = new perdure.Client(store);
  for (const [name, call, message] of refused) {
    await t.test(name, async () => {
      await assert.rejects(async () => call(client), (error) => {
        assert.ok(error instanceof perdure.InvalidArgument, `${error.name}: ${error.message}`);
        assert.match(error.message, message);
        return true;
      });
    });
  }
  client.close();
  store.close();
});

test('what is too large is refused, and nothing is stored', async (t) => {
  const store = await perdure.Store.open('memory:', { limits: { payloadBytes: 100 } });
  const client = new perdure.Client(store);
  await assert.rejects(client.start('x', 'y'.repeat(200), { instance: 'big' }), perdure.LimitExceeded);
  await assert.rejects(client.start('x', 1, { instance: 'i'.repeat(600) }), perdure.LimitExceeded);
  await assert.rejects(client.describe('big'), perdure.NotFound);
  client.close();
  store.close();
});

test('calls after close are refused; waits that are open are answered', async () => {
  const store = await perdure.Store.open('memory:');
  const client = new perdure.Client(store);
  await client.start('nobody runs this', 1, { instance: 'w' });
  // Some are under way by then, some are not.
  const waits = Array.from({ length: 50 }, () => assert.rejects(client.wait('w'), perdure.Closed));
  await client.status('w');
  client.close();
  client.close();
  await Promise.all(waits);
  await assert.rejects(client.describe('w'), perdure.InvalidHandle);
  store.close();
  assert.throws(() => new perdure.Client(store), /store memory: is closed/);
  assert.throws(() => store.metrics(), perdure.InvalidHandle);
  await assert.rejects(store.advance(1), perdure.InvalidHandle);
});

test('stores: a password is asked for, and not shown', async () => {
  const absent = 'postgresql://me@127.0.0.1:1/none';
  let asked = 0;
  const password = async () => {
    asked += 1;
    return 'sesame';
  };
  await assert.rejects(perdure.Store.open(absent, { password }), (error) => error instanceof perdure.StoreCannotOpen
    && /Connection refused/.test(error.message) && !/sesame/.test(error.message));
  assert.equal(asked, 1);
  for (const [fails, why] of [
    [() => Promise.reject(new Error('503')), /got no password: its function threw Error: 503/],
    [() => 5, /gave no string/],
    [() => '', /empty/],
    [() => 'a\0b', /no text/],
  ]) {
    await assert.rejects(perdure.Store.open(absent, { password: fails }), why);
  }
  await assert.rejects(perdure.Store.open(absent, { password: 'sesame' }), /password is a function that gives one/);
  await assert.rejects(perdure.Store.open('memory:', { password }), perdure.Unsupported);
});

test('stores: what cannot be opened says why', async (t) => {
  await assert.rejects(perdure.Store.open(`sqlite:${path.join(folder(t), 'no/such/folder/x')}`),
    perdure.StoreCannotOpen);
  await assert.rejects(perdure.Store.open('mysql:x'), perdure.Unsupported);
  await assert.rejects(perdure.Store.open(7), /URL of the store must be a string/);
  await assert.rejects(perdure.Store.open('memory:', { limit: {} }), /do not know 'limit'/);
  await assert.rejects(perdure.Store.open('memory:', { limits: { kvkeys: 1 } }), /no limit 'kvkeys'/);
  await assert.rejects(perdure.Store.open('memory:', { limits: { kvKeys: 0 } }), /kvKeys must be a whole number/);
  assert.throws(() => new perdure.Store('memory:'), /opened with await Store\.open/);
  assert.throws(() => new perdure.Client('memory:'), /needs a store, such as await Store\.open/);
});

test('metrics count, as objects and as OpenMetrics text', async (t) => {
  const { store, client } = await started(t, [double, twice]);
  await client.result(await client.start(twice, 1), { timeout });
  const metrics = store.metrics();
  assert.ok(metrics.value('perdure_turns') >= 2);
  assert.ok(metrics.names().includes('perdure_turns'));
  assert.equal([...metrics].length, metrics.names().length);
  assert.equal(metrics.value('nothing'), 0);
  assert.match(store.openMetrics(), /^# EOF$/m);
});

test('virtual time stands still until it is moved', async (t) => {
  const naps = orchestration('naps', async (ctx) => {
    await ctx.sleep('30d');
    return ctx.nowMS;
  });
  const start = Date.UTC(2030, 0, 1);
  const { store, client } = await started(t, [naps], { store: { clock: { mode: 'virtual', start } } });
  const id = await client.start(naps);
  assert.equal(store.now().getTime(), start);
  const now = await store.advance('30d', { timeout });
  assert.equal(now.getTime(), start + 30 * 86_400_000);
  assert.ok((await client.result(id, { timeout })) >= start + 30 * 86_400_000);
});
