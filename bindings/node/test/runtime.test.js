'use strict';

const assert = require('node:assert/strict');
const { setTimeout: sleep } = require('node:timers/promises');
const test = require('node:test');
const { perdure, LONG, folder, started } = require('./support.js');

const { activity, orchestration } = perdure;
const timeout = LONG;
const echo = activity('echo', (ctx, value) => value);

const refused = [
  ['an unknown option', { slots: 4 }, /do not know 'slots'; they are activitySlots/],
  ['an option in snake case', { activity_slots: 4 }, /do not know 'activity_slots'/],
  ['slots out of range', { activitySlots: 0 }, /activitySlots must be a whole number from 1 to 10000/],
  ['slots of text', { activitySlots: '4' }, /activitySlots must be a whole number/],
  ['a cache of text', { cache: 'off' }, /cache must be true or false/],
  ['one tag', { activityTags: 'gpu' }, /list of tags or 'any'/],
  ['tags that are no texts', { activityTags: [7] }, /A tag must be a string/],
  ['a word that there is not', { nondeterminism: 'ignore' }, /nondeterminism is one of quarantine, fail/],
  ['a duration that is none', { sessionIdle: 'long' }, /sessionIdle must be milliseconds/],
  ['guards of text', { guards: 'off' }, /guards must be true or false/],
  ['options that are no object', 7, /must be an object/],
];
test('options that are wrong are refused with a sentence', async (t) => {
  const store = await perdure.Store.open('memory:');
  for (const [name, options, message] of refused) {
    await t.test(name, () => {
      assert.throws(() => new perdure.Runtime(store, [], options), (error) =>
        error instanceof perdure.InvalidArgument && message.test(error.message));
    });
  }
  assert.throws(() => new perdure.Runtime('memory:', []), /needs a store/);
  assert.throws(() => new perdure.Runtime(store, echo), /list of definitions/);
  assert.throws(() => new perdure.Runtime(store, [() => 1]), /Register what activity/);
  assert.throws(() => new perdure.Runtime(store, [echo, activity('echo', () => 1)]), perdure.AlreadyExists);
  store.close();
});

const definitions = [
  ['an activity without a function', () => activity('a'), /needs a function/],
  ['an orchestration without a name', () => orchestration(async () => 1), /must be a string/],
  ['an empty name', () => activity('', () => 1), /is empty/],
  ['a name with NUL', () => activity('a\0', () => 1), /NUL/],
  ['a name that is too long', () => activity('a'.repeat(257), () => 1), /limit is 256/],
  ['an unknown option', () => activity('a', () => 1, { retries: 3 }), /do not know 'retries'/],
  ['a retry that is unknown', () => activity('a', () => 1, { retry: { attempts: 3 } }), /do not know 'attempts'/],
  ['a back-off that is unknown', () => activity('a', () => 1, { retry: { backoff: 'quadratic' } }),
    /backoff is one of/],
  ['a coefficient out of range', () => activity('a', () => 1, { retry: { coefficient: 0.5 } }),
    /coefficient is from 1/],
  ['a rate that is a number', () => activity('a', () => 1, { rate: 3 }), /must be an object/],
  ['a version that is a number', () => orchestration('o', async () => 1, { version: 2 }), /version must be a string/],
];
for (const [name, make, message] of definitions) {
  test(`definitions: ${name} is refused`, () => {
    assert.throws(make, (error) => error instanceof perdure.PerdureError && message.test(error.message));
  });
}

test('a version that the engine cannot read is refused when it is registered', async () => {
  const store = await perdure.Store.open('memory:');
  assert.throws(
    () => new perdure.Runtime(store, [orchestration('o', async () => 1, { version: 'newest' })]),
      perdure.InvalidArgument,
  );
  store.close();
});

test('a life: registered, started once, stopped as often as you like', async () => {
  const store = await perdure.Store.open('memory:');
  const runtime = new perdure.Runtime(store);
  runtime.register(echo);
  assert.equal(await runtime.start(), runtime);
  assert.throws(() => runtime.register(activity('late', () => 1)), perdure.WrongStatus);
  await assert.rejects(runtime.start(), perdure.WrongStatus);
  await Promise.all([runtime.stop(), runtime.stop(), runtime.close()]);
  await assert.rejects(runtime.start(), perdure.InvalidHandle);
  const unused = new perdure.Runtime(store, [echo]);
  await unused.stop();
  const early = new perdure.Runtime(store, [echo]);
  const starting = early.start();
  await early.stop();
  await starting.catch(() => {});
  store.close();
});

test('a stop gives running activities their time, and takes their results', async (t) => {
  const url = `sqlite:${folder(t)}/r.sqlite`;
  let begun;
  const running = new Promise((resolve) => { begun = resolve; });
  const slow = activity('slow', async () => {
    begun();
    await sleep(50);
    return 'done in time';
  });
  const work = orchestration('work', async (ctx) => ctx.activity(slow));
  const first = await started(t, [slow, work], { url });
  const id = await first.client.start(work);
  await running;
  await first.runtime.stop({ grace: '10s' });
  const again = activity('slow', () => 'done again');
  const second = await started(t, [again, work], { url });
  assert.equal(await second.client.result(id, { timeout }), 'done in time');
});

for (const cache of [true, false]) {
  test(`a realistic order, cache ${cache ? 'on' : 'off'}: retry, timer, event, child`, async (t) => {
    let tries = 0;
    const charge = activity('charge', (ctx, { price }) => {
      tries += 1;
      if (ctx.attempt < 3) throw new Error('the bank is away');
      return `charged ${price}`;
    }, { retry: { maxAttempts: 5, initialInterval: 1 } });
    const ship = orchestration('ship', async (ctx, item) => {
      await ctx.timer(5);
      return `parcel with ${await ctx.activity(echo, item)}`;
    });
    const order = orchestration('order', async (ctx, given) => {
      const receipt = await ctx.activity(charge, given);
      const [winner, approval] = await ctx.select({ approved: ctx.waitForEvent('approved'), late: ctx.timer('7d') });
      if (winner === 'late') return 'nobody approved';
      const parcels = await Promise.all(given.items.map((item) => ctx.subOrchestration(ship, item)));
      return { receipt, approval, parcels };
    });
    const { client } = await started(t, [charge, ship, order, echo], { cache });
    const id = await client.start(order, { price: 12, items: ['book', 'lamp'] });
    await client.raiseEvent(id, 'approved', 'Grace');
    assert.deepEqual(await client.result(id, { timeout }), {
      receipt: 'charged 12', approval: 'Grace', parcels: ['parcel with book', 'parcel with lamp'],
    });
    assert.equal(tries, 3);
  });
}

test('code that is not deterministic is set aside, and told why; or it fails', async (t) => {
  let turn = 0;
  const fickle = orchestration('fickle', async (ctx) => {
    turn += 1;
    await ctx.activity(turn === 1 ? 'echo' : 'other', 1);
    await ctx.waitForEvent('go');
  });
  const { client } = await started(t, [fickle, echo], { cache: false });
  const id = await client.start(fickle);
  let description;
  do description = await client.describe(id);
  while (description.status === 'Running' || description.status === 'Pending');
  assert.equal(description.status, 'Quarantined');
  assert.match(description.failure.message, /echo/);
  turn = 0;
  const strict = await started(t, [fickle, echo], { cache: false, nondeterminism: 'fail' });
  const failed = await strict.client.wait(await strict.client.start(fickle), { timeout });
  assert.deepEqual([failed.status, failed.failure.type], ['Failed', 'perdure.Nondeterminism']);
});

test('replay and preflight compare recorded histories with the code', async (t) => {
  const url = `sqlite:${folder(t)}/p.sqlite`;
  const old = orchestration('work', async (ctx) => {
    await ctx.activity(echo, 1);
    await ctx.waitForEvent('go');
  });
  const { client, runtime } = await started(t, [old, echo], { url });
  const id = await client.start(old);
  for await (const event of client.follow(id, { timeout })) if (event.kind === 'EventSubscribed') break;
  const text = await client.management().exportInstance(id);
  assert.equal((await runtime.replay(text)).verdict, 'same');
  await runtime.stop();
  const changed = orchestration('work', async (ctx) => {
    await ctx.activity('other', 1);
  });
  const judge = await started(t, [changed, echo], { url, replayOnly: true });
  const report = await judge.runtime.replay(text);
  assert.equal(report.verdict, 'differs');
  assert.throws(() => report.throwIfDifferent(), perdure.Nondeterminism);
  assert.match(String(report), /history has: .*echo[^]*the code does: .*other[^]*hint: /);
  const preflight = await judge.runtime.preflight();
  assert.deepEqual([preflight.isClean, preflight.checked, preflight.groups[0].count], [false, 1, 1]);
  assert.match(String(preflight), /^NOT CLEAN: 1 open instances/);
  await assert.rejects(judge.runtime.replay('nonsense'), perdure.PerdureError);
  await assert.rejects(judge.runtime.replay(7), perdure.InvalidArgument);
});

test('tags decide who takes an activity', async (t) => {
  const url = `sqlite:${folder(t)}/t.sqlite`;
  const where = (name) => activity('where', () => name);
  const ask = orchestration('ask', async (ctx, tag) => ctx.activity('where', null, { tag }));
  const { client } = await started(t, [ask, where('plain')], { url });
  await started(t, [where('gpu')], { url, activityTags: ['gpu'], untaggedActivities: false });
  assert.equal(await client.result(await client.start(ask, 'gpu'), { timeout }), 'gpu');
  assert.equal(await client.result(await client.start(ask, null), { timeout }), 'plain');
});

test('two versions side by side: an instance stays with its own', async (t) => {
  const one = orchestration('v', async (ctx) => ['1', await ctx.waitForEvent('go')], { version: '1.0.0' });
  const two = orchestration('v', async (ctx) => ['2', await ctx.waitForEvent('go')], { version: '2.0.0' });
  const { client } = await started(t, [one, two]);
  const ids = await Promise.all([client.start(one, null, { version: '1.0.0' }), client.start(two)]);
  await Promise.all(ids.map((id) => client.raiseEvent(id, 'go', 'x')));
  assert.deepEqual(await Promise.all(ids.map((id) => client.result(id, { timeout }))), [['1', 'x'], ['2', 'x']]);
});

test('instances beyond the cache are replayed', async (t) => {
  const waits = orchestration('waits', async (ctx, number) => {
    const first = await ctx.activity(echo, number);
    return [first, await ctx.waitForEvent('go')];
  });
  const { client } = await started(t, [waits, echo], { cachedInstances: 2 });
  const ids = await client.startMany(Array.from({ length: 20 }, (_, input) => ({ orchestration: waits, input })));
  for (const id of ids) await client.raiseEvent(id, 'go', id);
  const results = await Promise.all(ids.map((id) => client.result(id, { timeout })));
  assert.deepEqual(results, ids.map((id, number) => [number, id]));
});

test('two runtimes and two stores in one process do not mix', async (t) => {
  const say = (word) => activity('say', () => word);
  const ask = orchestration('ask', async (ctx) => ctx.activity('say'));
  const [a, b] = await Promise.all([started(t, [ask, say('a')]), started(t, [ask, say('b')])]);
  const answers = await Promise.all([a, b].map(async ({ client }) => client.result(await client.start(ask),
    { timeout })));
  assert.deepEqual(answers, ['a', 'b']);
});
