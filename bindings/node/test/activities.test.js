'use strict';

const assert = require('node:assert/strict');
const { setTimeout: sleep } = require('node:timers/promises');
const test = require('node:test');
const { perdure, LONG, folder, started } = require('./support.js');

const { activity, orchestration } = perdure;
const timeout = LONG;
/** Runs the activity of that name once, with an input and options. */
const call = orchestration('call', async (ctx, { name, input, options }) => ctx.activity(name, input, options));
const outcome = (client, name, input, options) =>
  client.start(call, { name, input, options }).then((id) => client.wait(id, { timeout }));

test('an attempt knows where it belongs', async (t) => {
  let seen;
  const look = activity('look', (ctx, input) => {
    seen = ctx;
    return input;
  });
  const { client } = await started(t, [call, look]);
  const options = { startToClose: '1m', priority: 7, session: 's-1' };
  const id = await client.start(call, { name: 'look', input: [1], options }, { instance: 'i' });
  assert.deepEqual(await client.result(id, { timeout }), [1]);
  assert.ok(seen instanceof perdure.ActivityContext);
  assert.deepEqual(
    [seen.instanceId, seen.executionId, seen.orchestration, seen.name, seen.attempt, seen.idempotencyKey],
    ['i', 1, 'call', 'look', 1, 'i/1/1'],
  );
  assert.deepEqual([seen.priority, seen.session, seen.tag, seen.lastHeartbeat], [7, 's-1', null, null]);
  assert.ok(seen.deadline.getTime() > Date.now());
  assert.equal(seen.isCancelled, false);
  assert.equal(seen.signal.aborted, false);
  assert.ok(seen.client instanceof perdure.Client);
});

test('retries, heartbeats and what they leave for the next attempt', async (t) => {
  const begins = [];
  const load = activity('load', async (ctx, rows) => {
    const begin = ctx.lastHeartbeat ?? 0;
    begins.push(begin);
    for (let row = begin; row < rows; row += 1) {
      ctx.heartbeat(row + 1);
      if (row === 2 && ctx.attempt === 1) throw new Error('the connection was lost');
    }
    return begin;
  }, { retry: { initialInterval: 1 }, heartbeat: '10s' });
  const all = orchestration('all', async (ctx) => ctx.activity(load, 5));
  const { client } = await started(t, [all, load]);
  assert.equal(await client.result(await client.start(all), { timeout }), 3);
  assert.deepEqual(begins, [0, 3]);
});

class Declined extends Error {
  nonRetryable = true;
}
const failures = [
  ['an error', () => { throw new RangeError('far'); }, 'RangeError', 'far'],
  ['a rejection', async () => { throw new Declined('no'); }, 'Declined', 'no'],
  ['a thrown text', () => { throw 'just text'; }, 'Error', 'just text'],
  ['a thrown nothing', () => Promise.reject(), 'Error', /thrown, which is no Error/],
  ['a result that JSON cannot hold', () => ({ a: new Map() }), 'InvalidArgument',
    /result of activity 'bad' at a is a Map/],
  ['a result with a NUL', () => 'a\0', 'InvalidArgument', /NUL/],
  ['a result that is too large', () => 'x'.repeat(3 << 20), 'perdure.LimitExceeded', /limit is 2097152/],
  ['a failure that is too large', () => { throw Object.assign(new Error('x'), { details: 'y'.repeat(3 << 20) }); },
    'perdure.LimitExceeded', /limit is/],
];
for (const [name, fn, type, message] of failures) {
  test(`${name} is the failure of the activity`, async (t) => {
    t.mock.method(process, 'emitWarning', () => {});
    const { client } = await started(t, [call, activity('bad', fn)]);
    const { status, failure } = await outcome(client, 'bad');
    assert.equal(status, 'Failed');
    assert.equal(failure.type, type);
    assert.match(failure.message, message instanceof RegExp ? message : new RegExp(message));
  });
}

test('time limits end an attempt, and its signal says so', async (t) => {
  let reason;
  const slow = activity('slow', (ctx) => new Promise((resolve, reject) => {
    ctx.signal.addEventListener('abort', () => {
      reason = ctx.signal.reason;
      reject(reason);
    });
  }));
  const { client } = await started(t, [call, slow]);
  const { failure } = await outcome(client, 'slow', null, { startToClose: 30 });
  assert.equal(failure.type, 'perdure.Timeout');
  assert.deepEqual(failure.details, { timeout: 'startToClose' });
  while (reason === undefined) await sleep(1);
  assert.ok(reason instanceof perdure.Cancelled);
  assert.match(reason.message, /activity 'slow' of instance/);
});

test('a cancelled instance aborts its activities', async (t) => {
  let begun;
  const running = new Promise((resolve) => { begun = resolve; });
  const slow = activity('slow', async (ctx) => {
    begun(ctx);
    await sleep(LONG, null, { signal: ctx.signal });
  });
  const { client } = await started(t, [call, slow]);
  const id = await client.start(call, { name: 'slow' });
  const ctx = await running;
  await client.cancel(id);
  assert.equal((await client.wait(id, { timeout })).status, 'Cancelled');
  while (!ctx.isCancelled) await sleep(1);
  assert.equal(ctx.signal.aborted, true);
  assert.throws(() => ctx.heartbeat(), perdure.Stale);
});

test('deferred attempts are ended by their token', async (t) => {
  const tokens = [];
  const ask = activity('ask', (ctx, how) => {
    tokens.push([how, ctx.token]);
    return ctx.defer();
  });
  const { client } = await started(t, [call, ask]);
  const ids = await Promise.all(['yes', 'no'].map((input) => client.start(call, { name: 'ask', input })));
  while (tokens.length < 2) await sleep(1);
  for (const [how, token] of tokens) {
    // It may not be known yet that the attempt was deferred.
    await client.heartbeatActivity(token, { asked: 1 });
    if (how === 'yes') await client.completeActivity(token, { answer: 42 });
    else await client.failActivity(token, new Declined('nobody is there'));
  }
  assert.deepEqual(await client.result(ids[0], { timeout }), { answer: 42 });
  const { failure } = await client.wait(ids[1], { timeout });
  assert.deepEqual([failure.type, failure.message], ['Declined', 'nobody is there']);
  await assert.rejects(client.completeActivity(tokens[0][1], 1), perdure.Stale);
});

test('at most as many at once as there are slots, or as the activity says', async (t) => {
  let now = 0;
  let most = 0;
  const busy = activity('busy', async () => {
    now += 1;
    most = Math.max(most, now);
    await sleep(2);
    now -= 1;
  });
  const lone = activity('lone', busy.fn, { concurrency: 1 });
  const many = orchestration('many', async (ctx, name) => {
    await Promise.all(Array.from({ length: 12 }, () => ctx.activity(name)));
  });
  const { client } = await started(t, [busy, lone, many], { activitySlots: 4 });
  await client.result(await client.start(many, 'busy'), { timeout });
  assert.equal(most, 4);
  most = 0;
  await client.result(await client.start(many, 'lone'), { timeout });
  assert.equal(most, 1);
});

test('one activity stands for all that nobody registered', async (t) => {
  const any = activity('perdure.any', (ctx, input) => `${ctx.name}(${input})`);
  const { client } = await started(t, [call, any]);
  assert.equal((await outcome(client, 'whatever', 7)).output, 'whatever(7)');
});

test('log records say where they come from', async (t) => {
  const records = [];
  perdure.logTo((record) => records.push(record), { level: 'debug' });
  t.after(() => perdure.logTo(null));
  const talks = activity('talks', (ctx) => {
    ctx.log.info('from the activity');
    ctx.log.debug({ toString() { throw new Error('no text'); } });
  });
  const speaks = orchestration('speaks', async (ctx) => {
    ctx.log.warn('from the orchestration');
    await ctx.activity(talks);
  });
  const { client } = await started(t, [talks, speaks], { cache: false });
  const id = await client.start(speaks);
  await client.result(id, { timeout });
  const found = (text) => records.filter((record) => record.message === text);
  while (found('from the orchestration').length === 0) await sleep(1);
  assert.equal(found('from the orchestration').length, 1);
  assert.deepEqual([found('from the orchestration')[0].instance, found('from the orchestration')[0].level], [id,
    'warn']);
  const [record] = found('from the activity');
  assert.deepEqual([record.instance, record.activity, record.attempt, record.level], [id, 'talks', 1, 'info']);
  assert.throws(() => perdure.logTo('x'), perdure.InvalidArgument);
  assert.throws(() => perdure.logTo(null, { level: 'loud' }), perdure.InvalidArgument);
});

test('an activity runs again when its process did not end it: the store is the truth', async (t) => {
  const url = `sqlite:${folder(t)}/a.sqlite`;
  let attempts = 0;
  const work = activity('work', async (ctx) => {
    attempts += 1;
    if (attempts === 1) await sleep(LONG, null, { signal: ctx.signal });
    return ctx.idempotencyKey;
  });
  const first = await started(t, [call, work], { url });
  const id = await first.client.start(call, { name: 'work' });
  while (attempts === 0) await sleep(1);
  await first.runtime.stop({ grace: 0 });
  const second = await started(t, [call, work], { url });
  assert.equal(await second.client.result(id, { timeout }), `${id}/1/1`);
  assert.equal(attempts, 2);
});
